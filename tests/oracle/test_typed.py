"""``onnxhub.load`` gives what transformers gives, or differs by a rule that has a name.

A rule is a change to transformers' own procedure, over transformers' own tokens and logits. Where a result differs, the
smallest set of rules is looked for that makes transformers' result ours; there must be one.
"""

import functools
import itertools
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, combinations
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import regex

import onnxhub
from tests.oracle.peers import COUNTS, reference, transformers, zoo

Rules: TypeAlias = frozenset[str]
Row: TypeAlias = tuple[Any, ...]
"""A result without its score: label or answer, start, end."""
Rows: TypeAlias = Sequence[tuple[Row, float]]


def _cases(task: str) -> list[tuple[str, str]]:
    """List the architectures of a task, in both flavours."""
    return [(name, flavour) for name, _ in zoo.cases([task]) for flavour in zoo.FLAVOURS]


def _subsets(rules: Sequence[str]) -> Iterator[Rules]:
    """Give all sets of rules, the small ones first."""
    chosen = chain.from_iterable(combinations(rules, size) for size in range(len(rules) + 1))
    return (frozenset(rules) for rules in chosen)


def _equal(expected: Rows, actual: Rows) -> bool:
    """Compare rows exactly, and their scores to within 1e-5."""
    rows = [row for row, _ in expected] == [row for row, _ in actual]
    return rows and np.allclose([score for _, score in expected], [score for _, score in actual], rtol=0, atol=1e-5)


def _explain(what: str, actual: Rows, procedure: Callable[[Rules], Rows], rules: Sequence[str], given: Any) -> None:
    """Find the rules that make transformers' procedure give our result; count them."""
    for chosen in _subsets(rules):
        if _equal(procedure(chosen), actual):
            COUNTS[f"typed, {what}: {'explained by rules' if chosen else 'equal'}"] += 1
            COUNTS.update(f"typed, {what}: - {rule}" for rule in chosen)
            return
    pytest.fail(f"no rule explains {actual} for {given!r}; transformers gives {procedure(frozenset())}")


# --- text-classification ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("architecture", "flavour"), _cases("text-classification"))
def test_text_classification(zoo_root: Path, architecture: str, flavour: str) -> None:
    """Rankings are transformers' of ``top_k=None, truncation=True``, for texts, pairs and every problem type."""
    folder = zoo.build(zoo_root, architecture, "text-classification", flavour)
    theirs, ours = reference(folder, "text-classification"), onnxhub.load("text-classification", folder)
    pairs = [(context, question) for question, context in zoo.qa_pairs(31, 25)]
    inputs = [*zoo.texts(31, 75), *pairs]
    expected = theirs(
        [one if isinstance(one, str) else {"text": one[0], "text_pair": one[1]} for one in inputs],
        top_k=None,
        truncation=True,
    )
    for given, entries, result in zip(inputs, expected, ours(inputs), strict=True):
        rows = [((entry["label"],), entry["score"]) for entry in entries]
        ranking = [((entry.label,), entry.score) for entry in result.ranking]
        assert ((result.label,), result.score) == ranking[0]
        _explain("text-classification", ranking, lambda _, rows=rows: rows, (), given)


# --- question-answering ----------------------------------------------------------------------------------------------

QUESTION = "left padding: question masked"
UNSPACED = "unspaced script: no alignment to words"
TRIMMED = "trimmed white space"
MERGED = "answers are not merged by text"
MARKED = "a letter is whole"
ANSWER_RULES = (TRIMMED, MERGED, UNSPACED, QUESTION, MARKED)


@functools.cache
def _unspaced(text: str) -> bool:
    """Say whether a text has a letter of a script that is written without spaces."""
    scripts = ("THAI", "LAO ", "TIBETAN", "MYANMAR", "KHMER", "HIRAGANA", "KATAKANA", "CJK")
    names = (unicodedata.name(character, "") for character in text)
    return any(name.removeprefix("HALFWIDTH ").startswith(scripts) for name in names)


def _answers(theirs: Any, feature: Any, context: str, rules: Rules, *, top_k: int) -> Rows:
    """Do what QuestionAnsweringPipeline.postprocess does with one window, but for the rules."""
    from transformers.pipelines.question_answering import select_starts_ends

    mask, side = _mask(theirs, feature, rules)
    encoding = feature["encoding"]
    logits = (feature["start"], feature["end"])
    *spans, null = select_starts_ends(*logits, mask, None, 1000000, top_k * 2 + 10, True, 15)
    # With padding on the left, padding tokens in the text are taken for such.
    shift = 0 if side or QUESTION in rules else encoding.ids.count(theirs.tokenizer.pad_token_id)
    answers: dict[Any, tuple[Row, float]] = {}
    for first, last, score in zip(*spans, strict=True):
        start, end = _characters(theirs, encoding, (first - shift, last - shift), side, context, rules)
        start, end = trimmed(context, start, end) if TRIMMED in rules else (start, end)
        if TRIMMED in rules and start >= end:
            continue
        start, end = whole_letters(context, start, end, 0, len(context)) if MARKED in rules else (start, end)
        key = (start, end) if MERGED in rules else context[start:end].lower()
        row, sum_before = answers.get(key, ((context[start:end], start, end), 0.0))
        if key not in answers or MERGED not in rules:
            answers[key] = (row, sum_before + float(score))
    rows = [*answers.values(), (("", 0, 0), null)]
    return sorted(rows, key=lambda row: row[1], reverse=True)[:top_k]


def _mask(theirs: Any, feature: Any, rules: Rules) -> tuple[Any, int]:
    """Give transformers' p_mask, but for the rules, and the side of the context."""
    side, encoding = int(theirs.tokenizer.padding_side == "right"), feature["encoding"]
    mask = np.array(feature["p_mask"], bool)
    own = np.array([sequence == side for sequence in encoding.sequence_ids])
    classification = np.array(encoding.ids) == theirs.tokenizer.cls_token_id
    if QUESTION in rules and side == 0:
        mask[0] = ~(own | classification)
    return mask.astype(int), side


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Give a span without the white space at its ends."""
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - (len(piece) - len(piece.rstrip()))


def whole_letters(text: str, start: int, end: int, floor: int, limit: int) -> tuple[int, int]:
    """Give the span with the whole of its first and last grapheme, as far as these limits."""
    known = borders(text)
    while start > floor and start not in known:
        start -= 1
    while end < limit and end not in known:
        end += 1
    return start, end


@functools.lru_cache
def borders(text: str) -> frozenset[int]:
    """Give the borders of a text's graphemes; spacing marks never stand alone, and marks behind white space do."""
    found = {match.start() for match in regex.finditer(r"\X", text)} | {len(text)}
    pairs = list(enumerate(itertools.pairwise(text), 1))
    spaced = {place for place, (before, _) in pairs if before.isspace()}
    spacing = {place for place, (_, after) in pairs if unicodedata.category(after) == "Mc"}
    return frozenset((found - spacing) | spaced)


def _characters(
    theirs: Any, encoding: Any, tokens: tuple[int, int], side: int, context: str, rules: Rules
) -> tuple[int, int]:
    """Map tokens to characters, by words unless the rule says that a word is none."""
    whole: tuple[int, int] = theirs.get_indices(encoding, *map(int, tokens), side, True)
    if UNSPACED not in rules:
        return whole
    spans = []
    for token in tokens:
        start, end = theirs.get_indices(encoding, int(token), int(token), side, True)
        spans.append(encoding.offsets[token] if _unspaced(context[start:end]) else (start, end))
    return spans[0][0], spans[1][1]


@pytest.mark.parametrize(("architecture", "flavour"), _cases("question-answering"))
def test_question_answering(zoo_root: Path, architecture: str, flavour: str) -> None:
    """Answers to what fits one window are transformers', "no answer" included, or differ by rules."""
    folder = zoo.build(zoo_root, architecture, "question-answering", flavour)
    theirs, ours = reference(folder, "question-answering"), onnxhub.load("question-answering", folder)
    for question, context in zoo.qa_pairs(32, 60):
        example = {"question": question, "context": context}
        features = [theirs.forward(feature) for feature in theirs.preprocess(example)]
        if len(features) > 1:
            continue
        for top_k in (1, 3):
            result = ours(question, context, top_k=top_k, allow_no_answer=True)
            rows = [((one.answer, one.start, one.end), one.score) for one in (result, *result.alternatives)]
            _explain(
                "question-answering",
                rows,
                functools.partial(_answers, theirs, features[0], context, top_k=top_k),
                ANSWER_RULES,
                (question, context),
            )


# --- token-classification --------------------------------------------------------------------------------------------

PUNCTUATION = "punctuation is a word"
WORDS = "words are the tokenizer's, and tokens in unspaced scripts"
TYPE_O = "a type may be called O"
SCHEME = "BIOES and BILOU"
DASHED = "dashed label is a whole label"
STRATEGIES = transformers.pipelines.token_classification.AggregationStrategy
ENTITY_RULES = (TRIMMED, PUNCTUATION, WORDS, SCHEME, DASHED, MARKED, TYPE_O)
WORD_RULES = frozenset({PUNCTUATION, WORDS, MARKED})
"""Those that decide which tokens are of one word."""


def _run(theirs: Any, text: str, strategy: Any) -> tuple[list[Any], list[int | None]]:
    """Give transformers' tokens with their scores, and the tokenizer's word of each position."""
    (given,) = theirs.preprocess(text, is_split_into_words=False)
    out = theirs.forward(given)
    scores = out["logits"][0].float().softmax(-1).numpy()
    offsets, special = out["offset_mapping"][0], out["special_tokens_mask"][0].numpy()
    tokens = theirs.gather_pre_entities(text, out["input_ids"][0], scores, offsets, special, strategy)
    return tokens, theirs.tokenizer(text, truncation=True).word_ids()


def _aggregate(theirs: Any, text: str, strategy: Any, run: tuple[list[Any], list[int | None]], rules: Rules) -> Any:
    """Do what TokenClassificationPipeline does with the tokens of one window, but for the rules of words."""
    tokens = [dict(token) for token in run[0]]
    _mark_words(tokens, run[1], text, rules)
    if strategy.value in {"none", "simple"}:
        return theirs.aggregate(tokens, STRATEGIES.NONE)
    return theirs.aggregate_words(tokens, strategy)


def _entities(theirs: Any, text: str, strategy: Any, aggregate: Callable[[Rules], Any], rules: Rules) -> Rows:
    """Do what TokenClassificationPipeline does with one window, but for the rules."""
    entities = aggregate(rules & WORD_RULES)
    labels = tuple(theirs.model.config.id2label.values())
    alone = strategy.value == "none"
    groups = [[one] for one in entities] if alone else _groups(entities, labels, text, rules)
    return list(_named(groups, labels, text, rules, whole=alone))


def _mark_words(tokens: Sequence[Any], words: Sequence[int | None], text: str, rules: Rules) -> None:
    """Say anew which tokens go on with a word."""
    unspaced = _unspaced_words(tokens, words, text)
    for before, token in itertools.pairwise(tokens):
        if WORDS in rules:
            same = words[token["index"]] == words[before["index"]]
            token["is_subword"] = same and words[token["index"]] not in unspaced
        pieces = text[before["start"] : before["end"]], text[token["start"] : token["end"]]
        if PUNCTUATION in rules and (_punctuation(pieces[0][-1:]) or _punctuation(pieces[1][:1])):
            token["is_subword"] = False
        if MARKED in rules and _one_letter(text, before["end"], token["start"]):
            token["is_subword"] = True


def _unspaced_words(tokens: Sequence[Any], words: Sequence[int | None], text: str) -> set[int | None]:
    """Give the tokenizer's words that have a letter of a script without spaces."""
    return {words[token["index"]] for token in tokens if _unspaced(text[token["start"] : token["end"]])}


def _one_letter(text: str, end: int, start: int) -> bool:
    """Say whether a token that ends and another that starts there are parts of one grapheme."""
    return start < end or not any(place in borders(text) for place in range(end, start + 1))


def _punctuation(character: str) -> bool:
    return bool(character) and unicodedata.category(character)[0] in "PS"


def _split(label: str, labels: Sequence[str], rules: Rules) -> tuple[str, str]:
    """Split a label into its tag and its type."""
    if TYPE_O in rules and label == "O":
        return "I", "outside"
    tags = {one[:2] for one in labels if one != "O"}
    if SCHEME in rules and tags <= {"B-", "I-", "E-", "S-", "L-", "U-"} and label != "O":
        return label[0], label[2:]
    return ("B" if label.startswith("B-") else "I"), label[2:] if label.startswith(("B-", "I-")) else label


def _groups(entities: Iterable[Any], labels: Sequence[str], text: str, rules: Rules) -> list[list[Any]]:
    """Put neighbours of one type together."""
    groups: list[list[Any]] = []
    for entity in entities:
        tag, kind = _split(entity["entity"], labels, rules)
        last_tag, last_kind = _split(groups[-1][-1]["entity"], labels, rules) if groups else ("", "")
        torn = MARKED in rules and groups and _one_letter(text, groups[-1][-1]["end"], entity["start"])
        closed = ((tag in "BSU" or last_tag in "ELSU") and not torn) or kind != last_kind
        groups[-1].append(entity) if groups and not closed else groups.append([entity])
    return groups


def _named(
    groups: Iterable[Sequence[Any]], labels: Sequence[str], text: str, rules: Rules, *, whole: bool
) -> Iterator[tuple[Row, float]]:
    """Name the groups, leave out O, trim, and take in the marks before the next."""
    plain = whole or (DASHED in rules and _is_dashed(labels))
    named = [(group[0]["entity"] if plain else group[0]["entity"].split("-", 1)[-1], group) for group in groups]
    kept = [(label, group) for label, group in named if (group[0]["entity"] if TYPE_O in rules else label) != "O"]
    limits = [*(group[0]["start"] for _, group in kept[1:]), len(text)]
    floor = 0
    for (label, group), limit in zip(kept, limits, strict=False):
        start, end = group[0]["start"], group[-1]["end"]
        start, end = trimmed(text, start, end) if TRIMMED in rules else (start, end)
        if not (TRIMMED in rules and start >= end):
            start, end = whole_letters(text, start, end, floor, limit) if MARKED in rules else (start, end)
            floor = end
            yield (label, start, end), float(np.mean([entity["score"] for entity in group]))


def _is_dashed(labels: Sequence[str]) -> bool:
    """Say whether a label has a dash that no tag is before."""
    return any("-" in label and label[1:2] != "-" for label in labels)


@pytest.mark.parametrize("aggregation", ["none", "simple", "first", "average", "max"])
@pytest.mark.parametrize(("architecture", "flavour"), _cases("token-classification"))
def test_token_classification(zoo_root: Path, architecture: str, flavour: str, aggregation: Any) -> None:
    """Entities of what fits one window are transformers', or differ by rules; their text is the text's own."""
    folder = zoo.build(zoo_root, architecture, "token-classification", flavour)
    theirs, ours = reference(folder, "token-classification"), onnxhub.load("token-classification", folder)
    strategy = STRATEGIES[aggregation.upper()]
    for text in zoo.texts(33, 24):
        (encoded,) = ours.encode(text)
        if len(encoded.rows) > 1:
            continue
        entities = ours(text, aggregation=aggregation)
        # Of many sets of rules, few differ in what words are.
        aggregate = functools.cache(functools.partial(_aggregate, theirs, text, strategy, _run(theirs, text, strategy)))
        assert all(one.text == text[one.start : one.end] for one in entities)
        rows = [((one.label, one.start, one.end), one.score) for one in entities]
        _explain(
            f"token-classification {aggregation}",
            rows,
            functools.partial(_entities, theirs, text, strategy, aggregate),
            ENTITY_RULES,
            text,
        )
