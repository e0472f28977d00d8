"""Literal logits in, dataclasses out; the searches against references that try everything."""

from __future__ import annotations

import itertools
import json
import math
import re
from dataclasses import FrozenInstanceError, asdict, dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import onnxhub
from onnxhub import (
    Answer,
    Classification,
    ClassificationItem,
    ClassificationPostprocessor,
    EmbeddingItem,
    EmbeddingPostprocessor,
    Entity,
    LabelScore,
    Postprocessor,
    QuestionAnsweringItem,
    QuestionAnsweringPostprocessor,
    TokenClassificationItem,
    TokenClassificationPostprocessor,
)
from onnxhub._toolkit.labels import group
from onnxhub._toolkit.sentence_transformers.layers import Dense
from onnxhub._toolkit.text.spans import WordSpans, best_first, score_spans, split_at_spaces
from onnxhub.errors import InvalidInputError, InvalidOptionError, NonFiniteOutputError, TaskMismatchError
from onnxhub.tasks.text_classification import activation_of

SIGMOID_OF_2 = 1 / (1 + math.exp(-2))

# --- text-classification ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("activation", "scores"),
    [("softmax", (SIGMOID_OF_2, 1 - SIGMOID_OF_2)), ("sigmoid", (SIGMOID_OF_2, 0.5)), ("none", (2.0, 0.0))],
)
def test_activations(activation: str, scores: tuple[float, float]) -> None:
    """Softmax over the labels, a sigmoid for each, or the logits as they are; best first."""
    (result,) = ClassificationPostprocessor(labels=("NEG", "POS"), activation=activation)([[0.0, 2.0]])
    assert (result.label, result.score) == ("POS", pytest.approx(scores[0]))
    assert [(one.label, one.score) for one in result.ranking] == [
        ("POS", pytest.approx(scores[0])),
        ("NEG", pytest.approx(scores[1])),
    ]


@pytest.mark.parametrize(
    ("problem_type", "labels", "expected"),
    [
        (None, 1, "sigmoid"),
        (None, 2, "softmax"),
        ("single_label_classification", 2, "softmax"),
        ("single_label_classification", 1, "sigmoid"),
        ("multi_label_classification", 3, "sigmoid"),
        ("regression", 1, "none"),
        ("regression", 3, "none"),
    ],
)
def test_the_activation_follows_transformers_rule(problem_type: str | None, labels: int, expected: str) -> None:
    """The problem type decides, else the number of labels."""
    assert activation_of(problem_type, labels) == expected


@pytest.mark.parametrize("problem_type", ["ranking", 3, ["regression"]])
def test_an_unknown_problem_type_is_refused(problem_type: object) -> None:
    """By its name, as transformers refuses it: how its logits become scores, nobody knows."""
    with pytest.raises(TaskMismatchError, match=r"problem_type in config.json is .*, and known are single_label"):
        activation_of(problem_type, 2)


@given(st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=8), st.integers(1, 9) | st.none())
def test_the_ranking_is_sorted_and_cut(logits: list[float], top_k: int | None) -> None:
    """`top_k` cuts the ranking alone; ties keep the labels' order; the best is the first."""
    labels = [f"L{index}" for index in range(len(logits))]
    (result,) = ClassificationPostprocessor(labels, activation="none", top_k=top_k)([logits])
    expected = sorted(zip(labels, logits, strict=True), key=lambda pair: -pair[1])[:top_k]
    assert [(one.label, one.score) for one in result.ranking] == expected
    assert (result.label, result.score) == expected[0]


def test_windows_are_averaged_by_their_length() -> None:
    """The probabilities, not the logits, weighted by tokens."""
    item = ClassificationItem(weights=(30, 10))
    (result,) = ClassificationPostprocessor(("A", "B"))(np.array([[0.0, 2.0], [2.0, 0.0]]), [item])
    assert result.label == "B"
    assert result.score == pytest.approx(0.75 * SIGMOID_OF_2 + 0.25 * (1 - SIGMOID_OF_2))


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.int64])
def test_logits_from_anywhere(kind: type) -> None:
    """Any type of number, a bare array or a mapping, a list or a tuple of labels; Python's floats come out."""
    logits = np.array([[0, 2], [3, 0]], kind)
    bare = ClassificationPostprocessor(["A", "B"])(logits)
    assert bare == ClassificationPostprocessor(("A", "B"))({"logits": logits})
    assert [one.label for one in bare] == ["B", "A"]
    assert type(bare[0].score) is float
    assert json.loads(json.dumps(bare[0].to_dict())) == json.loads(json.dumps(asdict(bare[0])))


@pytest.mark.parametrize(
    ("logits", "error", "message"),
    [
        ([[0.0, 1.0, 2.0]], TaskMismatchError, r"2 labels \('A', 'B'\) for logits of shape \(1, 3\)"),
        ([[[0.0, 1.0]]], TaskMismatchError, r"shape \(1, 1, 2\)"),
        ([[0.0, 1.0], [math.nan, 0.0]], NonFiniteOutputError, "item 1"),
        ([[0.0, 1.0], [math.inf, 0.0]], NonFiniteOutputError, "item 1"),
        ([[0.0, 1.0], [-math.inf, -math.inf]], NonFiniteOutputError, "item 1"),
    ],
)
def test_logits_that_cannot_be(logits: object, error: type[Exception], message: str) -> None:
    """Another number of labels, another rank, and what is not finite."""
    with pytest.raises(error, match=message):
        ClassificationPostprocessor(("A", "B"))(logits)


@pytest.mark.parametrize(
    ("labels", "row"), [(("A", "B"), [math.inf, 0.0]), (("A",), [math.inf]), (("A",), [-math.inf])]
)
def test_a_sigmoid_hides_no_infinity(labels: tuple[str, ...], row: list[float]) -> None:
    """What overflowed is refused, though its sigmoid would be a sound 1.0 or 0.0."""
    with pytest.raises(NonFiniteOutputError, match="item 0: the model gave NaN or infinite logits"):
        ClassificationPostprocessor(labels, activation="sigmoid")([row])


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_a_masked_label_has_no_chance(activation: str) -> None:
    """A logit of -inf beside finite ones is a probability of 0."""
    (result,) = ClassificationPostprocessor(("A", "B"), activation=activation)([[-math.inf, 3.0]])
    assert [(one.label, one.score) for one in result.ranking][1] == ("A", 0.0)


@pytest.mark.parametrize("items", [[], [ClassificationItem()], [ClassificationItem((1, 1)), ClassificationItem()]])
def test_items_that_do_not_fit_the_rows(items: list[ClassificationItem]) -> None:
    """Too few rows or too many."""
    with pytest.raises(InvalidInputError, match=r"rows of items for outputs of \[2\] rows"):
        ClassificationPostprocessor(("A", "B"))(np.zeros((2, 2)), items)


def test_nothing_in_nothing_out() -> None:
    """No rows are no results."""
    assert ClassificationPostprocessor(("A", "B"))(np.zeros((0, 2))) == []
    assert ClassificationPostprocessor(("A", "B"))({}, []) == []


@pytest.mark.parametrize(
    "options", [{"top_k": 0}, {"top_k": -1}, {"top_k": 1.5}, {"top_k": True}, {"activation": "relu"}]
)
def test_classification_options_are_checked(options: dict) -> None:
    """The message names the option and its value."""
    ((name, value),) = options.items()
    with pytest.raises(InvalidOptionError, match=f"{name}={value!r}"):
        ClassificationPostprocessor(("A", "B"), **options)


def test_a_subclass_overrides_one_hook() -> None:
    """A field of its own and `scores`; `replace` keeps both."""

    @dataclass(frozen=True)
    class Calibrated(ClassificationPostprocessor):
        temperature: float = 2.0

        def scores(self, logits):
            assert logits.shape == (2,)
            return onnxhub.softmax(logits / self.temperature)

    calibrated = replace(Calibrated(("A", "B")), top_k=1)
    assert calibrated([[4.0, 0.0]]) == [
        Classification("A", pytest.approx(SIGMOID_OF_2), (LabelScore("A", calibrated([[4.0, 0.0]])[0].score),))
    ]
    with pytest.raises(FrozenInstanceError):
        calibrated.top_k = 3  # type: ignore[misc]


# --- question-answering ----------------------------------------------------------------------------------------------


def words_of(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Offsets of tokens of at most three characters, and the word that each is of."""
    offsets, words, start = [], [], 0
    for number, word in enumerate(text.split(" ")):
        pieces = range(start, start + len(word), 3)
        offsets += [(piece, min(piece + 3, start + len(word))) for piece in pieces]
        words += [number] * len(pieces)
        start += len(word) + 1
    return np.array(offsets, np.int32), np.array(words, np.int32)


def question_item(context: str, cuts: int, *, aligned: bool, null: bool = True) -> QuestionAnsweringItem:
    """[CLS] question [SEP] context [SEP], in so many overlapping windows."""
    offsets, words = words_of(context)
    front, size = 4, len(offsets)
    offsets = np.concatenate([np.zeros((front, 2), np.int32), offsets, np.zeros((1, 2), np.int32)])
    words = np.concatenate([[-1, 0, 1, -1], words, [-1]]).astype(np.int32)
    answerable = np.zeros(len(offsets), bool)
    answerable[front : front + size] = True
    width = max(size // cuts + 3, 4)
    starts = range(0, max(size - 3, 1), max(width - 3, 1))
    windows = tuple(
        np.array([*range(front), *range(front + start, front + min(start + width, size)), front + size])
        for start in starts
    )
    return QuestionAnsweringItem(context, offsets, answerable, 0 if null else None, words if aligned else None, windows)


def total_of(logits: np.ndarray, item: QuestionAnsweringItem) -> float:
    """The softmax's denominator over the document: each token by its largest logit, "no answer" by its smallest."""
    seen: dict[int, list[float]] = {}
    for row, window in enumerate(item.windows):
        for column, token in enumerate(window.tolist()):
            if item.answerable[token] or token == item.null:
                seen.setdefault(token, []).append(float(logits[row, column]))
    return sum(math.exp(min(values) if token == item.null else max(values)) for token, values in seen.items())


def searched(
    starts: np.ndarray, ends: np.ndarray, item: QuestionAnsweringItem, most: int
) -> list[tuple[float, int, int]]:
    """Every span of every window with its float64 score, each once, best first."""
    total_start, total_end = (total_of(logits, item) for logits in (starts, ends))
    found: dict[tuple[int, int], float] = {}
    for row, window in enumerate(item.windows):
        for first, last in itertools.combinations_with_replacement(range(len(window)), 2):
            if last - first >= most or not (item.answerable[window[first]] and item.answerable[window[last]]):
                continue
            score = math.exp(starts[row, first]) / total_start * math.exp(ends[row, last]) / total_end
            span = span_of(item, window[first], window[last])
            found[span] = max(score, found.get(span, 0))
    return sorted(((score, *span) for span, score in found.items()), reverse=True)


def span_of(item: QuestionAnsweringItem, first: int, last: int) -> tuple[int, int]:
    """Characters from one token's word to another's."""
    if item.words is None:
        return int(item.offsets[first, 0]), int(item.offsets[last, 1])
    same = [np.flatnonzero((item.words == item.words[token]) & item.answerable) for token in (first, last)]
    return int(item.offsets[same[0], 0].min()), int(item.offsets[same[1], 1].max())


CONTEXT = "Ada Lovelace of London programmed the analytical engine a hundred years before anybody else did"


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("cuts", [1, 2, 4])
@pytest.mark.parametrize("seed", range(6))
def test_answers_are_the_best_of_all_spans(aligned: bool, cuts: int, seed: int) -> None:
    """The same spans in the same order with the same scores as a search of everything, also where only few are left."""
    random = np.random.default_rng([seed, cuts])
    item = question_item(CONTEXT, cuts, aligned=aligned)
    assert len(item.windows) == item.rows
    shape = (item.rows, max(map(len, item.windows)) + 2)  # as padded in a batch with longer rows
    starts, ends = (random.normal(0, 3, shape).astype(np.float32) for _ in range(2))
    for most, top_k in ((1, 3), (4, 7), (15, 1), (15, 40), (500, 5000)):
        expected = searched(starts, ends, item, most)[:top_k]
        (best,) = QuestionAnsweringPostprocessor(top_k=top_k, max_answer_tokens=most)(
            {"start_logits": starts, "end_logits": ends}, [item]
        )
        answers = [best, *best.alternatives]
        assert [(one.start, one.end) for one in answers] == [(start, end) for _, start, end in expected]
        np.testing.assert_allclose([one.score for one in answers], [score for score, _, _ in expected], rtol=1e-4)
        assert all(one.answer == CONTEXT[one.start : one.end] and one.found for one in answers)
        assert all(one.alternatives == () for one in best.alternatives)


@pytest.mark.parametrize("cuts", [1, 3])
@pytest.mark.parametrize("bias", [-9.0, 9.0])
def test_no_answer_competes(cuts: int, bias: float) -> None:
    """It has the score of the window that is least sure of it, and wins or is an alternative like any other."""
    random = np.random.default_rng(cuts)
    item = question_item(CONTEXT, cuts, aligned=True)
    starts, ends = (random.normal(0, 1, (item.rows, max(map(len, item.windows)))).astype(np.float32) for _ in range(2))
    starts[:, 0] += bias
    ends[:, 0] += bias
    spans = searched(starts, ends, item, 15)
    (best,) = QuestionAnsweringPostprocessor(top_k=2, allow_no_answer=True)(
        {"start_logits": starts, "end_logits": ends}, [item]
    )
    (none,) = [one for one in (best, *best.alternatives) if not one.found] or [None]
    if bias < 0:
        assert none is None
        assert (best.start, best.end) == spans[0][1:]
        return
    totals = [total_of(logits, item) for logits in (starts, ends)]
    expected = min(math.exp(start) / totals[0] * math.exp(end) / totals[1]
                   for start, end in zip(starts[:, 0].tolist(), ends[:, 0].tolist(), strict=True))  # fmt: skip
    assert none == Answer("", pytest.approx(expected, rel=1e-4), 0, 0, found=False, alternatives=none.alternatives)
    assert none is best or best.score > none.score


def test_no_answer_without_a_classification_token() -> None:
    """A model that has nothing to stand for "no answer" cannot be asked for it."""
    item = question_item(CONTEXT, 1, aligned=True, null=False)
    logits = np.zeros((1, len(item.windows[0])))
    with pytest.raises(InvalidOptionError, match="allow_no_answer=True"):
        QuestionAnsweringPostprocessor(allow_no_answer=True)({"start_logits": logits, "end_logits": logits}, [item])


def peaked(size: int, start: int, end: int) -> dict[str, np.ndarray]:
    """Logits that point to one span."""
    logits = {name: np.zeros((1, size), np.float32) for name in ("start_logits", "end_logits")}
    logits["start_logits"][0, start] = logits["end_logits"][0, end] = 20
    return logits


def test_an_item_built_by_hand() -> None:
    """Offsets and a mask are all that logits from elsewhere need; tokens are then what answers are made of."""
    item = QuestionAnsweringItem(
        "Ada wrote", np.array([[0, 0], [0, 3], [4, 9]], np.int32), np.array([False, True, True])
    )
    (answer,) = QuestionAnsweringPostprocessor()(peaked(3, 2, 2), [item])
    assert answer == Answer("wrote", pytest.approx(1, abs=1e-6), 4, 9)
    assert item.rows == 1


@pytest.mark.parametrize(
    ("context", "offsets", "words", "span", "expected"),
    [
        ("Lovelace", [(0, 4), (4, 8)], [0, 0], (1, 1), "Lovelace"),
        ("in München", [(0, 2), (3, 6), (6, 10)], [0, 1, 1], (0, 1), "in München"),
        ("東京は日本の首都", [(0, 2), (2, 3), (3, 5), (5, 8)], [0, 0, 0, 0], (2, 2), "日本"),
        ("กรุงเทพเป็น", [(0, 7), (7, 11)], [0, 0], (0, 0), "กรุงเทพ"),
        ("서울은 수도", [(0, 2), (2, 3), (4, 6)], [0, 0, 1], (0, 0), "서울은"),
        ("Tokyo 東京は", [(0, 3), (3, 5), (6, 8), (8, 9)], [0, 0, 1, 1], (1, 2), "Tokyo 東京"),
        (" Ada", [(0, 4)], [0], (0, 0), "Ada"),
        ("Jose\u0301 e", [(0, 4), (6, 7)], [0, 1], (0, 0), "Jose\u0301"),
        ("Jose\u0301\u0323", [(0, 4)], [0], (0, 0), "Jose\u0301\u0323"),
        ("a \u0301", [(0, 2), (2, 3)], [0, 1], (0, 0), "a"),
    ],
)
def test_answers_are_whole_words(context: str, offsets: list, words: list, span: tuple, expected: str) -> None:
    """But not in scripts without spaces, never with space at an end, and with accents that no token has."""
    item = QuestionAnsweringItem(
        context, np.array(offsets, np.int32), np.ones(len(offsets), bool), None, np.array(words, np.int32)
    )
    (answer,) = QuestionAnsweringPostprocessor()(peaked(len(offsets), *span), [item])
    assert answer.answer == expected == context[answer.start : answer.end]


def test_a_context_of_blanks_has_no_answer() -> None:
    """Tokens that cover only white space are an error, not an empty answer."""
    item = QuestionAnsweringItem("  \n", np.array([[0, 2], [2, 3]], np.int32), np.ones(2, bool))
    with pytest.raises(InvalidInputError, match="item 0: the context has only white space"):
        QuestionAnsweringPostprocessor()(peaked(2, 0, 1), [item])


def test_what_is_not_finite_counts_only_where_it_matters() -> None:
    """NaN over padding and the question is nobody's business; over the context it is an error with the index."""
    item = question_item(CONTEXT, 1, aligned=True)
    size = len(item.windows[0])
    logits = {
        name: np.pad(values, ((0, 0), (0, 3)), constant_values=np.nan) for name, values in peaked(size, 5, 6).items()
    }
    logits["start_logits"][0, 1] = np.inf
    assert QuestionAnsweringPostprocessor()(logits, [item])[0].found
    logits["end_logits"][0, 8] = np.nan
    both = {name: np.concatenate([np.nan_to_num(values), values]) for name, values in logits.items()}
    with pytest.raises(NonFiniteOutputError, match=r"item 1: .* logits"):
        QuestionAnsweringPostprocessor()(both, [item, item])


@pytest.mark.parametrize(
    "options", [{"top_k": 0}, {"top_k": None}, {"max_answer_tokens": 0}, {"max_answer_tokens": "9"}]
)
def test_question_answering_options_are_checked(options: dict) -> None:
    """The message names the option and its value."""
    ((name, value),) = options.items()
    with pytest.raises(InvalidOptionError, match=f"{name}={value!r}"):
        QuestionAnsweringPostprocessor(**options)


def test_items_are_wanted() -> None:
    """Logits alone say nothing about a text."""
    with pytest.raises(InvalidInputError, match="needs items: one for each input, 2 rows"):
        QuestionAnsweringPostprocessor()({"start_logits": np.zeros((2, 3)), "end_logits": np.zeros((2, 3))})


@given(st.lists(st.integers(-3, 3) | st.just(-math.inf), max_size=60), st.integers(1, 70))
def test_best_first_finds_every_score_in_order(scores: list[float], most: int) -> None:
    """Falling scores, the first of equals first, nothing masked, and nothing left out however few are sorted at first."""
    found = list(dict.fromkeys(best_first(np.array(scores, np.float32), most)))
    allowed = [index for index, score in enumerate(scores) if score > -math.inf]
    assert found == sorted(allowed, key=lambda index: -scores[index])


@given(st.data(), st.integers(1, 3), st.integers(1, 12), st.integers(1, 15))
def test_the_band_has_every_short_span(data: st.DataObject, rows: int, width: int, most: int) -> None:
    """Each span of at most so many tokens, of one window, and only those that start and end inside."""
    logs = arrays(np.float32, (rows, width), elements=st.floats(-50, 0, width=32))
    starts, ends = data.draw(logs), data.draw(logs)
    inside = data.draw(arrays(np.bool_, (rows, width)))
    scores = score_spans(starts, ends, inside, most)
    assert scores.shape == (min(most, width), rows, width)
    for (extra, row, first), score in np.ndenumerate(scores):
        last = first + extra
        allowed = last < width and inside[row, first] and inside[row, last]
        assert score == (starts[row, first] + ends[row, last] if allowed else -np.inf)


PIECES = st.sampled_from(["Ada", "lo", "ve", " ", "\n", " of", "東京", "は", ",", ""])


def _is_border(text: str, before: np.ndarray, after: np.ndarray) -> bool:
    """Whether two tokens meet at a letter of a script without spaces."""
    return re.search("[東京は]", text[max(before[1] - 1, 0) : after[0] + 1]) is not None


@given(st.lists(st.tuples(PIECES, st.sampled_from([0, 0, 1]), st.booleans()), max_size=20))
def test_words_found_one_by_one_are_those_of_the_whole_text(tokens: list[tuple[str, int, bool]]) -> None:
    """Wherever the tokenizer's words end, and whatever other tokens lie between."""
    text = "".join(piece for piece, _, _ in tokens)
    ends = np.cumsum([len(piece) for piece, _, _ in tokens], dtype=np.int32)
    offsets = (
        np.stack([np.concatenate([[0], ends[:-1]]), ends], axis=1).astype(np.int32) if tokens else np.zeros((0, 2))
    )
    words = np.cumsum([step for _, step, _ in tokens], dtype=np.int32)
    own = np.array([mine for _, _, mine in tokens], bool)
    spans = WordSpans(text, offsets, own, words)
    whole = split_at_spaces(text, offsets[own], words[own])
    for token, word in zip(np.flatnonzero(own).tolist(), whole, strict=True):
        same = np.flatnonzero(own)[whole == word].tolist()
        unspaced = re.search("[東京は]", text[offsets[same[0], 0] : offsets[same[-1], 1]])
        # There, only what stands between two borders that touch none of its letters is a word.
        cuts = [
            place
            for place in range(1, len(same))
            if unspaced and _is_border(text, *offsets[same][place - 1 : place + 1])
        ]
        parts = [same[first:stop] for first, stop in pairwise([0, *cuts, len(same)])]
        part = next(part for part in parts if token in part)
        assert spans[token] == (offsets[part[0], 0], offsets[part[-1], 1])
        assert WordSpans(text, offsets, own, None)[token] == tuple(offsets[token])


# --- token-classification --------------------------------------------------------------------------------------------

TYPES = st.sampled_from(["PER", "LOC", "work-of-art", "E-MAIL", "B", "I-95"])
SCHEMES = {"BIO": ("B", "I", "I", "B"), "BIOES": ("B", "I", "E", "S"), "BILOU": ("B", "I", "L", "U")}
entities = st.lists(st.tuples(TYPES | st.none(), st.integers(1, 4)), max_size=12)


@given(entities, st.sampled_from(sorted(SCHEMES)))
def test_tagged_labels_are_read_back(spans: list[tuple[str | None, int]], scheme: str) -> None:
    """What is written in a scheme, neighbours of one type too, comes out as it was."""
    begin, inside, end, single = SCHEMES[scheme]
    labels, expected = [], []
    for kind, size in spans:
        first = len(labels)
        if kind is None:
            labels += ["O"] * size
            continue
        tags = [single] if size == 1 else [begin, *[inside] * (size - 2), end]
        labels += [f"{tag}-{kind}" for tag in tags]
        expected.append((kind, first, len(labels)))
    known = [
        "O",
        *(
            f"{tag}-{kind}"
            for tag in set(SCHEMES[scheme])
            for kind in ("PER", "LOC", "work-of-art", "E-MAIL", "B", "I-95")
        ),
    ]
    assert [one for one in group(labels, known) if one[0] != "O"] == expected


@given(entities, st.sampled_from(["PER-FIRST", "work-of-art"]))
def test_plain_labels_are_runs(spans: list[tuple[str | None, int]], plain: str) -> None:
    """One dashed label without a tag makes all labels plain: an entity is a run of one label."""
    labels = [plain if kind is None else f"B-{kind}" for kind, size in spans for _ in range(size)]
    known = [plain, "X", *(f"B-{kind}" for kind in ("PER", "LOC", "work-of-art", "E-MAIL", "B", "I-95"))]
    expected, start = [], 0
    for label, run in itertools.groupby(labels):
        size = len(list(run))
        expected.append((label, start, start + size))
        start += size
    assert list(group(labels, known)) == expected


@given(st.lists(st.sampled_from(["O", "B-A", "I-A", "E-A", "S-A", "I-B-C", "B-B-C"]), max_size=20))
def test_groups_lose_nothing(labels: list[str]) -> None:
    """Any sequence, well-formed or not, is cut into runs that follow each other and have one type each."""
    groups = list(group(labels, ["O", "B-A", "I-A", "E-A", "S-A", "I-B-C", "B-B-C"]))
    assert [index for _, first, stop in groups for index in range(first, stop)] == list(range(len(labels)))
    for kind, first, stop in groups:
        assert first < stop
        assert {label if label == "O" else label[2:] for label in labels[first:stop]} == {kind}


LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")


def by_hand(logits: np.ndarray, item: TokenClassificationItem, aggregation: str) -> list[tuple[str, int, int, float]]:
    """Token by token, in Python: probabilities, words, tags, entities."""
    exponentials = np.exp(logits.astype(np.float64))
    scores = (exponentials / exponentials.sum(axis=-1, keepdims=True)).tolist()
    tokens = [index for index in range(len(item.offsets)) if item.words[index] != -1]
    units = [[token] for token in tokens]
    if aggregation not in {"none", "simple"}:
        units = [list(run) for _, run in itertools.groupby(tokens, key=lambda token: item.words[token])]
    rows = []
    for unit in units:
        if aggregation == "average":
            row = [sum(scores[token][label] for token in unit) / len(unit) for label in range(len(LABELS))]
        elif aggregation == "max":
            row = max((scores[token] for token in unit), key=max)
        else:
            row = scores[unit[0]]
        rows.append((LABELS[row.index(max(row))], max(row), item.offsets[unit[0], 0], item.offsets[unit[-1], 1]))
    found: list[list] = []
    for position, (label, score, start, end) in enumerate(rows):
        kind = label if aggregation == "none" else label.rpartition("-")[2]
        goes_on = aggregation != "none" and position and found[-1][0] == kind and not label.startswith("B-")
        if goes_on:
            found[-1][2] = end
            found[-1][3].append(score)
        else:
            found.append([kind, start, end, [score]])
    return [
        (kind, int(start), int(end), sum(scores) / len(scores)) for kind, start, end, scores in found if kind != "O"
    ]


def token_item(text: str, *windows: np.ndarray) -> TokenClassificationItem:
    """[CLS] text [SEP] in tokens of at most three characters."""
    offsets, words = words_of(text)
    offsets = np.concatenate([[(0, 0)], offsets, [(0, 0)]]).astype(np.int32)
    return TokenClassificationItem(text, offsets, np.concatenate([[-1], words, [-1]]).astype(np.int32), windows)


@pytest.mark.parametrize("aggregation", ["none", "simple", "first", "average", "max"])
@pytest.mark.parametrize("seed", range(12))
def test_every_aggregation_is_what_it_says(aggregation: str, seed: int) -> None:
    """Types, spans and scores as when one does it by hand."""
    random = np.random.default_rng(seed)
    item = token_item(CONTEXT)
    logits = random.normal(0, 2, (1, len(item.offsets), 5)).astype(np.float32)
    postprocessor = TokenClassificationPostprocessor(LABELS, aggregation=aggregation)
    (found,) = postprocessor(np.pad(logits, ((0, 0), (0, 4), (0, 0)), constant_values=np.nan), [item])
    expected = by_hand(logits[0], item, aggregation)
    assert [(one.label, one.start, one.end) for one in found] == [one[:3] for one in expected]
    np.testing.assert_allclose([one.score for one in found], [one[3] for one in expected], rtol=1e-5)
    assert expected
    assert all(one.text == CONTEXT[one.start : one.end] for one in found)


@pytest.mark.parametrize("seed", range(8))
def test_a_token_counts_where_it_is_farthest_from_a_cut(seed: int) -> None:
    """Several windows give what one row of the chosen logits gives."""
    random = np.random.default_rng(seed)
    size = len(token_item(CONTEXT).offsets)
    width, step = int(random.integers(6, 14)), int(random.integers(2, 6))
    cuts, start = [], 1
    while True:
        stop = min(start + width, size - 1)
        cuts.append(np.array([0, *range(start, stop), size - 1]))
        if stop == size - 1:
            break
        start += step
    rows = random.normal(0, 2, (len(cuts), width + 2, 5)).astype(np.float32)
    chosen = np.zeros((1, size, 5), np.float32)
    for token in range(1, size - 1):
        deepest = -1
        for row, cut in zip(rows, cuts, strict=True):
            column = cut.tolist().index(token) if token in cut else None
            if column is None:
                continue
            left = size if cut[1] == 1 else column - 1
            right = size if cut[-2] == size - 2 else len(cut) - 2 - column
            if min(left, right) > deepest:
                deepest = min(left, right)
                chosen[0, token] = row[column]
    postprocessor = TokenClassificationPostprocessor(LABELS)
    assert postprocessor(rows, [token_item(CONTEXT, *cuts)]) == postprocessor(chosen, [token_item(CONTEXT)])


@given(st.text(st.characters(codec="utf-8") | st.just("\u0301"), max_size=30), st.data())
def test_an_entity_is_a_slice_of_the_text(text: str, data: st.DataObject) -> None:
    """Of any text and any ascending tokens: its characters, not empty, without space at the ends."""
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=12)))
    offsets = np.array(list(itertools.pairwise(cuts)), np.int32).reshape(-1, 2)
    logits = np.random.default_rng(len(text)).normal(0, 3, (1, len(offsets), 5))
    for aggregation in ("none", "simple", "max"):
        item = TokenClassificationItem(text, offsets)
        (found,) = TokenClassificationPostprocessor(LABELS, aggregation=aggregation)(logits, [item])
        for one in found:
            assert one.text == text[one.start : one.end] == one.text.strip()
            assert one.text
        assert all(one.end <= other.start for one, other in itertools.pairwise(found))


def test_an_item_of_words_built_by_hand() -> None:
    """A text and offsets are all that logits from elsewhere need."""
    item = TokenClassificationItem("Ada in Rome", np.array([[0, 3], [4, 6], [7, 11]], np.int32))
    logits = np.full((1, 3, 5), -9.0)
    logits[0, [0, 1, 2], [1, 0, 3]] = 9
    (found,) = TokenClassificationPostprocessor(LABELS)(logits, [item])
    assert found == [Entity("PER", pytest.approx(1), "Ada", 0, 3), Entity("LOC", pytest.approx(1), "Rome", 7, 11)]


@pytest.mark.parametrize(
    ("ignored", "labels"), [(("O",), ["PER", "LOC"]), (("O", "LOC"), ["PER"]), ((), ["PER", "O", "LOC"])]
)
def test_labels_to_leave_out(ignored: tuple[str, ...], labels: list[str]) -> None:
    """Types are left out by their name, and `O` can be kept."""
    item = TokenClassificationItem("Ada in Rome", np.array([[0, 3], [4, 6], [7, 11]], np.int32))
    logits = np.eye(5)[np.newaxis, [1, 0, 3]] * 9
    (found,) = TokenClassificationPostprocessor(LABELS, ignore_labels=ignored)(logits, [item])
    assert [one.label for one in found] == labels


@pytest.mark.parametrize("aggregation", ["none", "simple", "first", "average", "max"])
def test_an_entity_keeps_its_last_accent(aggregation: str) -> None:
    """The marks behind it that no token has are of its last letter; one that begins the next entity is of that."""
    text = "Jose\u0301\u0323 e\u0301"
    logits = np.eye(5)[np.newaxis, [1, 3, 1]] * 9
    item = TokenClassificationItem(text, [[0, 4], [7, 8], [8, 9]])
    found = TokenClassificationPostprocessor(LABELS, aggregation=aggregation)(logits, [item])[0]
    assert [(one.text, one.start, one.end) for one in found] == [
        ("Jose\u0301\u0323", 0, 6), ("e", 7, 8), ("\u0301", 8, 9),
    ]  # fmt: skip
    logits = np.eye(5)[np.newaxis, [1, 3, 0]] * 9
    found = TokenClassificationPostprocessor(LABELS, aggregation=aggregation)(logits, [item])[0]
    assert [one.text for one in found] == ["Jose\u0301\u0323", "e\u0301"]


def test_a_comma_is_no_part_of_the_word_before_it() -> None:
    """Tokenizers that split at spaces alone would give the word's label to it."""
    item = TokenClassificationItem(
        "Ada, Bo", np.array([[0, 3], [3, 4], [5, 7]], np.int32), np.array([0, 0, 1], np.int32)
    )
    logits = np.eye(5)[np.newaxis, [1, 0, 1]] * 9
    for aggregation in ("first", "average", "max"):
        (found,) = TokenClassificationPostprocessor(LABELS, aggregation=aggregation)(logits, [item])
        assert [one.text for one in found] == ["Ada", "Bo"]


def test_a_text_without_tokens_has_no_entities() -> None:
    """Special tokens alone are an empty list."""
    item = TokenClassificationItem("", np.zeros((2, 2), np.int32), np.array([-1, -1], np.int32))
    assert TokenClassificationPostprocessor(LABELS)(np.zeros((1, 2, 5)), [item]) == [[]]


@pytest.mark.parametrize(
    ("logits", "error", "message"),
    [
        (np.zeros((1, 3, 4)), TaskMismatchError, "5 labels .* for logits of shape"),
        (np.zeros((1, 5)), TaskMismatchError, "for logits of shape"),
        (np.full((1, 3, 5), np.nan), NonFiniteOutputError, "item 0"),
        (np.where(np.eye(3, 5) > 0, np.inf, 0)[np.newaxis], NonFiniteOutputError, "item 0"),
        (np.array([[[0.0] * 5, [-np.inf] * 5, [0.0] * 5]]), NonFiniteOutputError, "item 0"),
    ],
)
def test_token_logits_that_cannot_be(logits: np.ndarray, error: type[Exception], message: str) -> None:
    """Another number of labels, another rank, and what is not finite."""
    item = TokenClassificationItem("Ada in Rome", np.array([[0, 3], [4, 6], [7, 11]], np.int32))
    with pytest.raises(error, match=message):
        TokenClassificationPostprocessor(LABELS)(logits, [item])


def test_an_unknown_aggregation_gets_the_nearest() -> None:
    """The message has all of them, and the one that was meant."""
    with pytest.raises(
        InvalidOptionError, match=r"aggregation='avrage': expected one of 'none', .*did you mean 'average'"
    ):
        TokenClassificationPostprocessor(LABELS, aggregation="avrage")  # type: ignore[arg-type]


# --- feature-extraction ----------------------------------------------------------------------------------------------

VECTORS = np.random.default_rng(0).normal(size=(1, 7, 4)).astype(np.float32)
POOLED = {
    "cls": VECTORS[0, 0],
    "mean": VECTORS[0, :5].mean(axis=0),
    "max": VECTORS[0, :5].max(axis=0),
    "mean_sqrt_len_tokens": VECTORS[0, :5].sum(axis=0) / 5**0.5,
    "weightedmean": (VECTORS[0, :5] * np.arange(1, 6)[:, None]).sum(axis=0) / 15,
    "lasttoken": VECTORS[0, 4],
}


@pytest.mark.parametrize("mode", POOLED)
@pytest.mark.parametrize("name", ["last_hidden_state", "token_embeddings", "logits"])
def test_pooling_modes(mode: str, name: str) -> None:
    """Each is its formula over the text's own tokens, whatever the output is called; padding does not count."""
    (vector,) = EmbeddingPostprocessor(pooling=mode)({name: VECTORS}, [EmbeddingItem(5)])
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector, POOLED[mode], rtol=1e-5, atol=1e-6)


def test_several_poolings_are_put_one_after_another() -> None:
    """In the order that was given, normalised together."""
    (vector,) = EmbeddingPostprocessor(pooling=("cls", "max"), normalize=True)(VECTORS, [EmbeddingItem(5)])
    expected = np.concatenate([POOLED["cls"], POOLED["max"]])
    np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), rtol=1e-5)


def test_a_prompt_is_left_out() -> None:
    """The tokens to skip are not pooled."""
    (vector,) = EmbeddingPostprocessor()(VECTORS, [EmbeddingItem(5, skip=2)])
    np.testing.assert_allclose(vector, VECTORS[0, 2:5].mean(axis=0), rtol=1e-5)


def test_weights_count_the_prompt_that_is_left_out() -> None:
    """The weighted mean weighs each token by its position in the row, as sentence-transformers does."""
    (vector,) = EmbeddingPostprocessor(pooling="weightedmean")(VECTORS, [EmbeddingItem(5, skip=2)])
    expected = (VECTORS[0, 2:5] * np.arange(3, 6)[:, None]).sum(axis=0) / 12
    np.testing.assert_allclose(vector, expected, rtol=1e-5)


def test_truncation_comes_before_normalisation() -> None:
    """As Matryoshka models are used: the short vector has length 1."""
    (vector,) = EmbeddingPostprocessor(truncate_dim=2, normalize=True)(VECTORS, [EmbeddingItem(5)])
    expected = POOLED["mean"][:2]
    np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), rtol=1e-5)


def test_a_graph_that_pools_is_taken_at_its_word() -> None:
    """`pooling=None` takes the sentence output."""
    outputs = {"token_embeddings": VECTORS, "sentence_embedding": np.array([[1.0, 2.0]])}
    (vector,) = EmbeddingPostprocessor(pooling=None)(outputs, [EmbeddingItem(5)])
    assert vector.tolist() == [1, 2]


def test_embeddings_that_are_not_finite() -> None:
    """The error says what, and of which text."""
    rows = np.concatenate([VECTORS, VECTORS * np.nan])
    with pytest.raises(NonFiniteOutputError, match="item 1: the model gave NaN or infinite embeddings"):
        EmbeddingPostprocessor()(rows, [EmbeddingItem(5), EmbeddingItem(5)])


@pytest.mark.parametrize("options", [{"pooling": "median"}, {"truncate_dim": 0}, {"truncate_dim": 2.0}])
def test_embedding_options_are_checked(options: dict) -> None:
    """The message names the option and its value."""
    ((name, value),) = options.items()
    with pytest.raises(InvalidOptionError, match=f"{name}={value!r}"):
        EmbeddingPostprocessor(**options)


# --- alone, with whatever is given -----------------------------------------------------------------------------------

WORDS = [[0, 3], [4, 6], [7, 11]]
SPAN = {"start_logits": [[9.0, 0.0, 0.0]], "end_logits": [[9.0, 0.0, 0.0]]}


def test_items_may_be_made_of_lists() -> None:
    """Offsets, masks and words become arrays, and an item without tokens is one, too."""
    asked = QuestionAnsweringItem("Ada in Rome", WORDS, [True, True, True], None, [0, 1, 2])  # type: ignore[arg-type]
    tagged = TokenClassificationItem("Ada in Rome", WORDS, [0, 1, 2])  # type: ignore[arg-type]
    assert QuestionAnsweringPostprocessor()(SPAN, [asked])[0].answer == "Ada"
    assert TokenClassificationPostprocessor(LABELS)(np.eye(5)[np.newaxis, [1, 0, 3]], (tagged,))[0][0].text == "Ada"
    assert TokenClassificationItem("", []).offsets.shape == (0, 2)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("postprocessor", "outputs", "message"),
    [
        (
            QuestionAnsweringPostprocessor(),
            np.zeros((1, 3)),
            "and end_logits, got one array without a name",
        ),
        (QuestionAnsweringPostprocessor(), {"start_logits": [[0.0]]}, "and end_logits, got start_logits$"),
        (ClassificationPostprocessor(("A", "B")), {"scores": [[0.0, 1.0]]}, "a mapping with logits, got scores"),
        (ClassificationPostprocessor(("A", "B")), 3.0, "arrays of numbers with an axis of rows"),
        (ClassificationPostprocessor(("A", "B")), [["a", "b"]], "arrays of numbers"),
        (ClassificationPostprocessor(("A", "B")), [[0.0, 1.0], [0.0]], "arrays of numbers"),
    ],
)
def test_outputs_that_are_not_what_is_needed(postprocessor: Postprocessor, outputs: object, message: str) -> None:
    """The message says what the postprocessor needs, and what it got."""
    with pytest.raises(InvalidInputError, match=f"{type(postprocessor).__name__} needs .*{message}"):
        postprocessor(outputs)  # type: ignore[arg-type]


def test_one_item_goes_into_a_list() -> None:
    """An item, or a list of something else, is no list of items."""
    item = QuestionAnsweringItem("Ada in Rome", np.array(WORDS), np.ones(3, bool))
    for items in (item, ["Ada in Rome"]):
        with pytest.raises(InvalidInputError, match="needs a list of QuestionAnsweringItem, got"):
            QuestionAnsweringPostprocessor()(SPAN, items)  # type: ignore[arg-type]


def test_items_may_come_from_a_generator() -> None:
    """They are read once."""
    items = (ClassificationItem() for _ in range(2))
    assert len(ClassificationPostprocessor(("A", "B"))(np.zeros((2, 2)), items)) == 2  # type: ignore[arg-type]


def test_logits_of_fewer_tokens_than_the_item_has() -> None:
    """They are of another text."""
    asked = QuestionAnsweringItem("Ada in Rome", np.array(WORDS), np.ones(3, bool))
    with pytest.raises(InvalidInputError, match=r"item 0: logits of shape \(1, 2\) for an item .* \(1, 3\)"):
        QuestionAnsweringPostprocessor()({name: [[9.0, 0.0]] for name in SPAN}, [asked])
    with pytest.raises(InvalidInputError, match="item 0: logits of 2 tokens for an item of 3"):
        TokenClassificationPostprocessor(LABELS)(np.zeros((1, 2, 5)), [TokenClassificationItem("a b c", WORDS)])  # type: ignore[arg-type]


@pytest.mark.parametrize("ignored", ["O", None, 3])
def test_labels_to_leave_out_are_a_collection(ignored: object) -> None:
    """One text would be taken for its letters; None and numbers have nothing in them."""
    with pytest.raises(InvalidOptionError, match=f"ignore_labels={ignored!r}: expected a tuple of labels"):
        TokenClassificationPostprocessor(LABELS, ignore_labels=ignored)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ([0.25, 0.75], [0.75, 0.25]),
        ((0, 1), [1.0, 0.0]),
        (np.array([True, False]), [1.0, 0.0]),
        (np.array([0.25, 0.75]), [0.75, 0.25]),
        (np.array([1, 2], np.int64), [2.0, 1.0]),
    ],
)
def test_a_hook_may_give_any_numbers(made: object, expected: list[float]) -> None:
    """Lists will do, and other types of number; a score is Python's float all the same."""

    class Fixed(ClassificationPostprocessor):
        def scores(self, _logits):
            return made

    (result,) = Fixed(("A", "B"))([[0.0, 0.0]])
    scores = [one.score for one in result.ranking]
    assert scores == expected
    assert {type(score) for score in scores} == {float}
    (long,) = Fixed(("A", "B"))([[0.0, 0.0]] * 2, [ClassificationItem((1, 1))])
    assert [one.score for one in long.ranking] == expected


@pytest.mark.parametrize(
    "made", [np.array(["a", "b"]), ["0.1", "0.9"], [None, 1.0], [1j, 0j], [[1.0], [1.0, 2.0]], object()]
)
def test_a_hook_gives_numbers(made: object) -> None:
    """What is not of numbers is refused by the name of the hook."""

    class Fixed(ClassificationPostprocessor):
        def scores(self, _logits):
            return made

    with pytest.raises(InvalidOptionError, match=r"postprocessor='Fixed': expected Fixed\.scores to give numbers; "):
        Fixed(("A", "B"))([[0.0, 0.0]])


@pytest.mark.parametrize("size", [4, 2])
def test_pool_may_give_a_list(size: int) -> None:
    """A vector of any length, as float32, before what else the options ask for."""

    class Fixed(EmbeddingPostprocessor):
        def pool(self, _tokens):
            return [3] * size

    (vector,) = Fixed(truncate_dim=1, normalize=True)(VECTORS, [EmbeddingItem(5)])
    assert (vector.dtype, vector.tolist()) == (np.float32, [1.0])


@pytest.mark.parametrize(
    ("pool", "dense", "message"),
    [
        (lambda tokens: tokens, (), r"give one vector, \(dim,\); it gave \(5, 4\)"),
        (lambda tokens: tokens.sum(), (), r"give one vector, \(dim,\); it gave \(\)"),
        (lambda _: "mean", (), "give numbers; it gave 'mean'"),
        (lambda _: None, (), "give numbers; it gave None"),
        (
            lambda tokens: tokens[0, :3],
            (Dense(np.ones((2, 4), np.float32), None, np.tanh),),
            r"give an array of the shape, \(4,\); it gave \(3,\)",
        ),
    ],
)
def test_pool_gives_one_vector(pool, dense: tuple[Dense, ...], message: str) -> None:
    """What is no vector, or none that the dense layer after it takes, is refused by the name of the hook."""

    class Spoilt(EmbeddingPostprocessor):
        def pool(self, tokens):
            return pool(tokens)

    with pytest.raises(InvalidOptionError, match=rf"postprocessor='Spoilt': expected Spoilt\.pool to {message}"):
        Spoilt(layers=dense)(VECTORS, [EmbeddingItem(5)])


def test_outputs_are_names() -> None:
    """One name that is not in a tuple would be read letter by letter."""
    with pytest.raises(InvalidOptionError, match=r"outputs='logits': expected a tuple of names, such as \('logits',\)"):

        class Spoilt(Postprocessor):
            outputs = "logits"


class Summed(ClassificationPostprocessor):
    """Loses the axis of labels."""

    def scores(self, logits: np.ndarray) -> np.ndarray:
        return logits.sum(keepdims=True)


class Halved(TokenClassificationPostprocessor):
    """Loses tokens."""

    def scores(self, logits: np.ndarray) -> np.ndarray:
        return logits[::2]


class Flattened(QuestionAnsweringPostprocessor):
    """Loses the axis of windows."""

    def calibrate(self, logits: np.ndarray) -> np.ndarray:
        return logits[0]


@pytest.mark.parametrize(
    ("postprocessor", "outputs", "item", "message"),
    [
        (Summed(("A", "B")), [[0.0, 1.0]], ClassificationItem(), r"Summed\.scores .*\(2,\); it gave \(1,\)"),
        (
            Halved(LABELS), np.zeros((1, 3, 5)), TokenClassificationItem("Ada in Rome", np.array(WORDS)),
            r"Halved\.scores .*\(3, 5\); it gave \(2, 5\)",
        ),
        (
            Flattened(), SPAN, QuestionAnsweringItem("Ada in Rome", np.array(WORDS), np.ones(3, bool)),
            r"Flattened\.calibrate .*\(1, 3\); it gave \(3,\)",
        ),
    ],
)  # fmt: skip
def test_a_hook_keeps_the_shape(postprocessor: Postprocessor, outputs: object, item: object, message: str) -> None:
    """The error names the hook and both shapes."""
    with pytest.raises(InvalidOptionError, match=message):
        postprocessor(outputs, [item])  # type: ignore[arg-type]
