"""Sentences to compare two variants of a model on: opinions, news, questions, messages; clear ones and doubtful ones."""

from __future__ import annotations

from typing import Final

__all__ = ["SENTENCES"]

SENTENCES: Final = (
    "The soup was cold, the waiter was rude, and we still had to pay for all of it.",
    "I have never laughed so much in a cinema; go and see it while you can.",
    "It does what it says, no more and no less.",
    "The first half drags, but the ending makes up for it.",
    "Not bad for the price, though I would not buy it again.",
    "My daughter has worn these boots every day since they came.",
    "The battery died after two weeks, and nobody answers my letters.",
    "You could do worse, I suppose.",
    "What a wonderful little hotel, right beside the harbour!",
    "The instructions were wrong, the screws were missing, and yet the shelf stands.",
    "I wanted to like this book.",
    "Fast delivery, friendly people, and the lamp looks better than in the picture.",
    "If you enjoy waiting on the telephone, this is the bank for you.",
    "The second season is hardly worse than the first.",
    "Everything about this camera feels cheap except the price.",
    "They replaced the broken cup without asking a single question.",
    "Maria Rossi of the Red Cross met the mayor of Geneva on Tuesday.",
    "The European Central Bank left its rates where they were, as most people had expected.",
    "Ada Lovelace lived in London and wrote the first program in 1843.",
    "Heavy rain closed the road between Bergen and Voss for the third time this month.",
    "Nokia said that it would move two hundred jobs from Oulu to Bangalore.",
    "Wolfgang Amadeus Mozart was born in Salzburg, the youngest of seven children.",
    "The United Nations sent a plane with medicine to Nairobi late on Friday.",
    "After a long trial, the court in Lyon found both brothers not guilty.",
    "Japan won the match against Brazil by two goals in the last five minutes.",
    "Professor Amina Yusuf teaches mathematics at the University of Lagos.",
    "The museum bought the painting from a dealer in Amsterdam for 1.2 million euros.",
    "Parliament voted on the law shortly before midnight, with three members absent.",
    "General Motors and Toyota share a factory near San Francisco Bay.",
    "An earthquake of magnitude 5.4 woke people all over northern Chile; nobody was hurt.",
    "Which train do I take from Vienna to Budapest on a Sunday morning?",
    "Could you send me the invoice again? The first one got lost.",
    "Reminder: the meeting has moved to room 204, and it begins at half past nine.",
    "How long does it take for the paint to dry before I can add a second coat?",
    "Please cancel my order, number 7731, and refund the amount to my card.",
    "See you at the station tomorrow :-)",
    "Thanks a lot, that solved it.",
    "The water boils at a lower temperature on top of a mountain, so that eggs take longer there.",
    "A cell divides into two, and each of them carries the same set of chromosomes.",
    "The recipe asks for three eggs, 250 g of flour, a pinch of salt and patience.",
    "Light from the nearest star needs more than four years to reach us.",
    "She closed the window, drew the curtains and listened to the rain.",
    "Whales sleep with one half of the brain at a time.",
    "The function returns a list, even when there is nothing in it.",
    "Turn left behind the church, then follow the river until you see the mill.",
    "The price of a share fell by nine percent before the exchange opened.",
    "Das Flugzeug landet um 17:45 Uhr in München, sagt Jürgen Groß.",
    "L'été dernier, Zoé a mangé une crème brûlée à Besançon.",
    "El tren de Madrid a Sevilla salió con una hora de retraso.",
    "La biblioteca di Bologna apre alle nove e chiude alle sei.",
    "No.",
    "Yes, of course!",
    "ok",
    "THE SHOP IS CLOSED ON MONDAYS",
    "https://example.org/a?b=c is where the form can be found (in English only).",
    (
        "The library on Harrow Lane opened again in February, after a flood that had ruined a third of its books. Volunteers "
        "dried the rest with whatever they had at home. From now on, the rare volumes are kept on the top floor."
    ),
    (
        "I bought the bicycle in spring and rode it to work every day. In June the chain broke, in July the brakes, and in "
        "August somebody stole it. I cannot say that I miss it, but I do miss the mornings along the canal."
    ),
    (
        "The committee met in Rome to hear what the engineers had found. They spoke for two hours, showed eleven charts and "
        "answered no question. The report, which was due last year, is now expected before the summer."
    ),
    (
        "Honeybees tell each other where to find flowers by dancing. The direction of the dance shows the angle to the sun, "
        "and its length shows the distance. Karl von Frisch, who worked this out in Munich, won a Nobel Prize for it in 1973."
    ),
    (
        "We stayed for a week. The room was small but clean, breakfast was the same every day, and the noise from the street "
        "never stopped. On the other hand, the owner lent us her car when ours broke down, and would not take any money."
    ),
    (
        "The sea was calm when the ferry left Piraeus at dawn. By noon the wind had risen, and the captain decided to wait "
        "behind the island of Kea. The passengers reached Mykonos nine hours late, tired, and mostly in good spirits."
    ),
    (
        "To install it, open the box and check that all parts are there. Fasten the frame to the wall with the four long "
        "screws; the short ones are for the door. Do not plug it in before the frame is level."
    ),
    (
        "Our team lost again, as it has in every match since the old coach retired. The new one says that it takes time. The "
        "supporters, who have seen three coaches in two years, have heard this before, and they sing all the same."
    ),
    (
        "Sales grew by four percent in the first quarter, mostly in Poland and in the Czech Republic, while costs stayed as "
        "they were. The company expects a slower summer, and it will hire fewer people than it had planned."
    ),
)
"""Texts of 1 to 60 words; a few are in other languages, or are no sentences at all."""
