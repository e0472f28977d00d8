"""fill-mask: the words that fit where a text has a mask."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from types import EllipsisType
from typing import TYPE_CHECKING, ClassVar, Self, Unpack, overload

import numpy as np

from onnxhub._calls.model import Model
from onnxhub._contracts.checks import as_text, option_texts, positive
from onnxhub._contracts.evaluation import Decision, Evaluation
from onnxhub._contracts.options import CallOptions
from onnxhub._contracts.postprocessor import Item, Postprocessor, same_shape
from onnxhub._contracts.preprocessor import Prepared, Preprocessor
from onnxhub._contracts.protocols import Column, width
from onnxhub._contracts.task import Task
from onnxhub._process.public import publish
from onnxhub._strings.results import write_result
from onnxhub._toolkit.numeric import require_finite, require_usable, softmax, top_indices
from onnxhub._toolkit.text.graphemes import trim
from onnxhub._toolkit.text.requirements import require_inputs, require_offsets, require_vocabulary
from onnxhub._toolkit.text.rows import graph_rows
from onnxhub._toolkit.text.spans import UNSPACED
from onnxhub.errors import InvalidInputError, InvalidOptionError, TaskMismatchError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from onnxhub._contracts.protocols import Backend, ListOf, Outputs, Tokenizer, Tokens

__all__ = ["FillMaskItem", "FillMaskModel", "FillMaskPostprocessor", "MaskFill"]

NAME = "fill-mask"


@dataclass(frozen=True, slots=True)
class MaskFill:
    """A token that fits a mask.

    Examples:
        >>> MaskFill("Paris", 0.93, "The capital of France is Paris.")
        MaskFill(token='Paris', score=0.93, text='The capital of France is Paris.')
    """

    token: str
    """The token, as readable text."""
    score: float
    """Its probability among all tokens of the vocabulary."""
    text: str
    """The input with the token in place of this mask; other masks stay."""

    def __repr__(self) -> str:
        return write_result(self)

    def _repr_html_(self) -> str:
        from onnxhub._strings.html_parts import draw_scores

        return draw_scores([(self.token, self.score, self.text)])

    def to_dict(self) -> dict[str, object]:
        """Field name -> value, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class FillMaskItem:
    """Where the masks of a text are."""

    text: str
    """The input."""
    positions: tuple[int, ...]
    """Of the masks, among the tokens of the row."""
    spans: tuple[tuple[int, int], ...]
    """Of the masks, in characters of the text; with the white space before one that is no token of its own, where a
    token's text says whether there is a space before it."""
    targets: tuple[int, ...] | None = None
    """Ids of the only tokens that compete; None: all."""

    @property
    def rows(self) -> int:
        """Always one."""
        return 1


@dataclass(frozen=True)
class FillMaskPreprocessor(Preprocessor[str, FillMaskItem]):
    """Texts with masks to one row each."""

    tokenizer: Tokenizer
    inputs: tuple[str, ...]
    mask: str
    """How the model writes a mask: ``[MASK]``, ``<mask>``."""
    targets: Sequence[str] | None = None
    """The only words that compete."""

    def __post_init__(self) -> None:
        if self.targets is None:
            return
        expected = "a list of words, or None for the whole vocabulary"
        words = option_texts("targets", self.targets, expected, "word")
        if not words or "" in words:
            raise InvalidOptionError("targets", words, expected)
        object.__setattr__(self, "targets", words)
        self._target_ids()

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Take the model's tokenizer and its graph's input names.

        Raises:
            TaskMismatchError: the tokenizer has no mask, or the graph does not give logits for the vocabulary.
        """
        require_vocabulary(backend, NAME)
        tokenizer = require_offsets(backend, NAME)
        if tokenizer.mask_token_id is None:
            raise TaskMismatchError(backend.model_id, NAME, ("its tokenizer has no mask token",))
        return cls(tokenizer, require_inputs(backend, NAME), tokenizer.tokens([tokenizer.mask_token_id])[0])

    def __call__(self, inputs: Sequence[str]) -> list[Prepared[FillMaskItem]]:
        """One item an input."""
        texts = [as_text(value, index) for index, value in enumerate(inputs)]
        targets = None if self.targets is None else self._target_ids()
        return [
            self._prepare(texts[index], tokens, targets, index)
            for index, tokens in enumerate(self.tokenizer.encode(texts))
        ]

    def _prepare(
        self, text: str, tokens: Tokens, targets: tuple[int, ...] | None, index: int
    ) -> Prepared[FillMaskItem]:
        limit = self.tokenizer.max_length
        if limit is not None and len(tokens) > limit:
            # What surrounds a mask decides what fits: a part of the text would give other words without notice.
            msg = f"the text has {len(tokens)} tokens, the model takes {limit}; pass the part around the mask"
            raise InvalidInputError(msg, index)
        positions = np.flatnonzero((tokens.ids == self.tokenizer.mask_token_id) & (tokens.sequences == 0)).tolist()
        if not positions:
            msg = f"the text has no mask; this model's is written {self.mask}"
            raise InvalidInputError(msg, index)
        spans = tuple(self._span(text, tokens, position) for position in positions)
        rows = graph_rows(tokens, [np.arange(len(tokens))], self.inputs)
        return Prepared(rows, FillMaskItem(text, tuple(positions), spans, targets))

    def _span(self, text: str, tokens: Tokens, position: int) -> tuple[int, int]:
        """Characters of a mask; its token may include the spaces around it."""
        offsets = tokens.offsets
        start, end = trim(text, *offsets[position].tolist())
        if self.tokenizer.marks_subwords or position == 0 or tokens.sequences[position - 1] != 0:
            return start, end
        return max(int(offsets[position - 1, 1]), len(text[:start].rstrip())), end

    def _target_ids(self) -> tuple[int, ...]:
        """Return the id of each target, which is one token as it is written within a text.

        Raises:
            InvalidOptionError: a word is not in the vocabulary, or is more than one token.
        """
        found = []
        for word in self.targets or ():
            # A word in a text has a space before it, which is a part of the token in some vocabularies.
            spellings = [self.tokenizer.encode([text])[0] for text in (f"{self.mask} {word}", word)]
            ids = [
                entry.ids[(entry.sequences == 0) & (entry.ids != self.tokenizer.mask_token_id)] for entry in spellings
            ]
            known = next((entry for entry in ids if len(entry) == 1 and entry[0] != self.tokenizer.unk_token_id), None)
            if known is None:
                pieces = ", ".join(map(repr, self.tokenizer.tokens(ids[-1].tolist())))
                expected = (
                    f"words that are one token of the model's vocabulary each; {word!r} is {pieces or 'no token'}"
                )
                raise InvalidOptionError("targets", self.targets, expected)
            found.append(int(known[0]))
        return tuple(dict.fromkeys(found))


@dataclass(frozen=True)
class FillMaskPostprocessor(Postprocessor[FillMaskItem, "list[list[MaskFill]]"]):
    """Logits ``(batch, tokens, vocabulary)`` to a list of ``MaskFill`` for each mask.

    To subclass, override ``scores``: it gets the logits at one mask, ``(vocabulary,)``, and returns as many scores.

    Examples:
        >>> decode = FillMaskPostprocessor(vocabulary=["[MASK]", "cat", "law"], top_k=1)
        >>> decode([[[0.0, 2.0, 0.0]]], [FillMaskItem("a [MASK]", positions=(0,), spans=((2, 8),))])
        [[[MaskFill(token='cat', score=0.787, text='a cat')]]]
    """

    outputs: ClassVar[tuple[str, ...]] = ("logits",)
    item: ClassVar[type[Item] | None] = FillMaskItem

    vocabulary: Sequence[str]
    """Token id -> the token as text."""
    top_k: int = 5
    """Tokens for each mask."""
    whole_words: bool = False
    """A token without ``##`` is a word of its own, as in WordPiece; else one without a space before it goes on with
    the text before the mask."""

    def __post_init__(self) -> None:
        positive("top_k", self.top_k)

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Take the words from the tokenizer, one by one as they are needed."""
        return cls(
            Vocabulary(backend.tokenizer, width(backend) or 0),
            whole_words=backend.tokenizer.marks_subwords,
        )

    def scores(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores of all tokens at one mask; the hook. Shape: ``(vocabulary,) -> (vocabulary,)``."""
        return softmax(logits)

    def decode(self, rows: Outputs, item: FillMaskItem) -> list[list[MaskFill]]:
        """Return the best tokens of each mask, each mask by itself."""
        logits = rows["logits"][0]
        if logits.ndim != 2 or len(logits) <= max(item.positions, default=-1):
            problem = f"masks at the tokens {item.positions} for logits of shape {rows['logits'].shape}"
            raise TaskMismatchError("the model", NAME, (problem,))
        return [
            self._fill_in(logits[position], item, span)
            for position, span in zip(item.positions, item.spans, strict=True)
        ]

    def _fill_in(self, logits: NDArray[np.float32], item: FillMaskItem, span: tuple[int, int]) -> list[MaskFill]:
        scores = require_finite(
            same_shape(self.scores(require_usable(logits)), logits, f"{type(self).__name__}.scores")
        )
        if item.targets is not None and max(item.targets) >= len(scores):
            problem = f"the tokenizer knows more tokens than the {len(scores)} that it has logits for"
            raise TaskMismatchError("the model", NAME, (f"{problem}; the targets have the ids {item.targets}",))
        among = np.arange(len(scores)) if item.targets is None else np.array(item.targets)
        chosen: list[int] = among[top_indices(scores[among], self.top_k)].tolist()
        return [self._fill(self.vocabulary[index], float(scores[index]), item.text, span) for index in chosen]

    def _fill(self, token: str, score: float, text: str, span: tuple[int, int]) -> MaskFill:
        before, mask, after = text[: span[0]], text[span[0] : span[1]], text[span[1] :]
        if token.startswith("##"):  # WordPiece's mark of a token that continues the word before it
            token_text, before = token.removeprefix("##"), before.rstrip()
            return MaskFill(token, score, f"{before}{token_text}{_apart(token_text, after)}{after}")
        space = ""
        if token.startswith(" "):
            found = mask[: len(mask) - len(mask.lstrip())]
            space = found or " " * bool(before and not before[-1].isspace())
        elif self.whole_words:
            space, after = _apart(before, token), _apart(token, after) + after
        return MaskFill(token.strip(), score, f"{before}{space}{token.strip()}{after}")


def _apart(left: str, right: str) -> str:
    """Return the space that keeps two pieces from being read as one word, where words have spaces between them."""
    ends = left[-1:] + right[:1]
    return " " if len(ends) == 2 and not any(map(_separates, ends)) and not UNSPACED.search(ends) else ""


def _separates(character: str) -> bool:
    """Whether BERT's tokenizers end a word here: at white space and punctuation, with all symbols of ASCII."""
    plain = character.isascii() and not character.isalnum()
    return plain or character.isspace() or unicodedata.category(character)[0] == "P"


@dataclass(frozen=True)
class Vocabulary(Sequence[str]):
    """The tokens of a model as readable text, by their ids; made when they are asked for."""

    tokenizer: Tokenizer
    size: int

    def __len__(self) -> int:
        return self.size

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[token] for token in range(*index.indices(self.size))]
        # Some decoders drop the space before the first token, so the mask goes before, where a space tells of a word.
        (mask, token), join = self.tokenizer.tokens([self.tokenizer.mask_token_id or 0, index]), self.tokenizer.join
        return join([token]) if self.tokenizer.marks_subwords else join([mask, token]).removeprefix(join([mask]))


class FillMaskOptions(CallOptions, total=False):
    """The options of a call; ``...`` leaves one as it is."""

    top_k: int | EllipsisType
    targets: Sequence[str] | Column | EllipsisType | None


class FillMaskModel(Model[str, "list[list[MaskFill]]", "list[list[list[MaskFill]]]"]):
    """Fills masks: ``model("The capital of France is [MASK].")`` gives a list for each mask of the text."""

    @overload
    def __call__(self, inputs: str, **options: Unpack[FillMaskOptions]) -> list[list[MaskFill]]: ...
    @overload
    def __call__(
        self, inputs: ListOf[str] | Column, **options: Unpack[FillMaskOptions]
    ) -> list[list[list[MaskFill]]]: ...
    def __call__(self, inputs: object, **options: Unpack[FillMaskOptions]) -> object:
        """Find the tokens that fit the masks of a text, or of each text of a list; each mask by itself.

        Args:
            inputs: A text with at least one mask, written as the model writes it (``model.mask``).
            top_k: Tokens for each mask; default 5.
            targets: The only words that compete, each of them one token of the vocabulary; default None, all tokens.
                Scores stay those among all tokens.

        Raises:
            InvalidInputError: a text has no mask, or is longer than the model takes; with its index.
            InvalidOptionError: a target is not one token of the vocabulary.
            NonFiniteOutputError: the model gave NaN; with the input's index.
        """
        return self.call_with(inputs, options)

    @property
    def mask(self) -> str:
        """How the model writes a mask: ``"[MASK]"``, ``"<mask>"``."""
        return self.preprocessor.mask if isinstance(self.preprocessor, FillMaskPreprocessor) else ""

    def with_options(self, **options: Unpack[FillMaskOptions]) -> Self:
        """Another model over the same session with these defaults; ``...`` leaves one as it is."""
        return self.copy_with(options)


def _make_input(model: FillMaskModel, texts: Sequence[str]) -> str:
    return f"{texts[0]} {model.mask}"


def _decide(result: Sequence[Sequence[MaskFill]]) -> Decision:
    scores = {(mask, entry.text): entry.score for mask, found in enumerate(result) for entry in found}
    return Decision(scores, frozenset((mask, found[0].text) for mask, found in enumerate(result)))


TASK = Task(
    name=NAME,
    aliases=("masked-lm",),
    summary="the tokens that fit where a text has a mask",
    options=FillMaskOptions,
    result=list[list[MaskFill]],
    model=FillMaskModel,
    preprocessor=FillMaskPreprocessor,
    postprocessor=FillMaskPostprocessor,
    outputs=({"logits": 3},),
    ort_class="ORTModelForMaskedLM",
    architectures=("ForMaskedLM",),
    default_model="Xenova/distilbert-base-uncased",
    one_liners=("onnxhub.fill_mask",),
    commands=("onnxhub.cli.fill_mask:fill_mask",),
    evaluation=Evaluation(input=_make_input, measure="same word", decision=_decide),
)


publish(globals(), "FillMaskItem", "FillMaskModel", "FillMaskPostprocessor", "MaskFill")
