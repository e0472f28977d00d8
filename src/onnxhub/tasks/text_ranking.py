"""text-ranking: documents by how well they answer a query, read together with it, or compared with it by their vectors."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from types import EllipsisType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Self, Unpack, cast, overload

import numpy as np

from onnxhub._calls.model import Model
from onnxhub._calls.run import OnePass
from onnxhub._contracts.checks import as_text_and_list, positive
from onnxhub._contracts.evaluation import QUESTION, Decision, Evaluation
from onnxhub._contracts.options import CallOptions
from onnxhub._contracts.postprocessor import Item, Postprocessor, same_shape
from onnxhub._contracts.preprocessor import Prepared
from onnxhub._contracts.protocols import width
from onnxhub._contracts.task import Task
from onnxhub._process.public import publish
from onnxhub._strings.results import write_result
from onnxhub._toolkit.label_names import count_labels
from onnxhub._toolkit.numeric import require_finite, sigmoid
from onnxhub._toolkit.sentence_transformers.embeddings import (
    VECTOR_OUTPUTS,
    EmbeddingItem,
    EmbeddingPostprocessor,
    EmbeddingPreprocessor,
)
from onnxhub._toolkit.sentence_transformers.layers import SIMILARITIES
from onnxhub._toolkit.sentence_transformers.prompts import PromptPreprocessor
from onnxhub._toolkit.sentence_transformers.settings import read_settings
from onnxhub._toolkit.text.prefixes import encode_prefix
from onnxhub._toolkit.text.rows import graph_rows
from onnxhub._toolkit.text.truncation import warn_cut
from onnxhub._toolkit.text.windows import truncate
from onnxhub.errors import InvalidOptionError, TaskMismatchError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    from onnxhub._calls.runners import Runner
    from onnxhub._contracts.protocols import Backend, Column, Features, ListOf, Outputs, Tokens

    QueryDocuments: TypeAlias = tuple[str, Sequence[str]]

__all__ = ["Ranked", "TextRankingItem", "TextRankingModel", "TextRankingPostprocessor"]

Activation = Literal["sigmoid", "none"]
ACTIVATIONS: tuple[Activation, ...] = ("sigmoid", "none")

SIGMOID = "torch.nn.modules.activation.Sigmoid"

NAME = "text-ranking"


VECTOR: Final = "vector"
"""What is kept of a row, where vectors are compared."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A document with its place in the list that was given, and its score.

    Examples:
        >>> Ranked(2, 0.98, 3.9, "The refund is paid to your card.")
        Ranked(index=2, score=0.98, text='The refund is paid to your card.')
    """

    index: int
    """Its position among the documents of the call."""
    score: float
    """How well it answers the query: the logit behind the model's activation, in ``[0, 1]`` for most models; where
    vectors are compared, how alike they are."""
    logit: float = field(repr=False)
    """What the model gave, before any activation; other libraries call this the score."""
    text: str
    """The document."""

    def __repr__(self) -> str:
        return write_result(self)

    def _repr_html_(self) -> str:
        from onnxhub._strings.html_parts import draw_scores

        return draw_scores([(self.text, self.score, f"document {self.index}")])

    def to_dict(self) -> dict[str, object]:
        """Field name -> value, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class TextRankingItem:
    """The documents of a query; each has a row of its own."""

    documents: tuple[str, ...]
    """In the order of the rows."""

    @property
    def rows(self) -> int:
        """As many as there are documents."""
        return len(self.documents)


@dataclass(frozen=True, slots=True)
class VectorRankingItem(TextRankingItem):
    """The same, where the query has a row of its own before them."""

    pooled: tuple[EmbeddingItem, ...] = ()
    """How each row becomes a vector."""


@dataclass(frozen=True)
class TextRankingPreprocessor(PromptPreprocessor["QueryDocuments", TextRankingItem]):
    """Each query, behind a prompt if there is one, with its documents to a row a document: a pair of texts."""

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Take the model's tokenizer and its graph's input names, and case and prompts from its files.

        A model of vectors (a bi-encoder) has each text in a row of its own.

        Raises:
            TaskMismatchError: sentence-transformers' files say something that is not known.
        """
        if cls is TextRankingPreprocessor and gives_vectors(backend):
            return cast("Self", VectorRankingPreprocessor.for_model(backend))
        return cls._with_settings(backend, NAME, read_settings(backend, NAME))

    def __call__(self, inputs: Sequence[QueryDocuments]) -> list[Prepared[TextRankingItem]]:
        """One item an input."""
        checked = [as_text_and_list(value, index, "query", "document", least=1) for index, value in enumerate(inputs)]
        prompt = self.prompt
        tokens = iter(
            encode_prefix(
                self.tokenizer,
                [prompt + self.apply_case(query) for query, documents in checked for _ in documents],
                self.tokenizer.max_length,
                [self.apply_case(document) for _, documents in checked for document in documents],
            )
        )
        return [
            Prepared([self._row(next(tokens)) for _ in documents], TextRankingItem(documents))
            for _, documents in checked
        ]

    def _row(self, tokens: Tokens) -> Features:
        limit = self.tokenizer.max_length
        if limit is not None and len(tokens) > limit:
            warn_cut(limit, " for a query and a document; rank the document's parts to have all of it read")
        return graph_rows(tokens, [truncate(tokens.sequences, limit, self.tokenizer.truncation_side)], self.inputs)[0]


@dataclass(frozen=True)
class VectorRankingPreprocessor(TextRankingPreprocessor):
    """Each query, and each of its documents, in a row of its own, as ``embed`` has them."""

    embedding: EmbeddingPreprocessor = field(kw_only=True)
    """What prepares a text, without a prompt of its own."""
    pooling: EmbeddingPostprocessor = field(kw_only=True)
    """What makes a vector of a row's outputs."""
    document_prompt: str | None = None
    """The name of the prompt that is put before each document."""

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Take what ``embed`` takes, and the prompts that are for queries and for documents.

        They are those of sentence-transformers' ``encode_query`` and ``encode_document``; none, where the model has none
        for queries or for documents.

        Raises:
            TaskMismatchError: sentence-transformers' files say something that is not known.
        """
        embedding = EmbeddingPreprocessor.for_model(backend)
        return cls(
            embedding.tokenizer,
            embedding.inputs,
            lower_case=embedding.lower_case,
            prompts=embedding.prompts,
            prompt_name=embedding.find_prompt("query"),
            embedding=embedding,
            pooling=EmbeddingPostprocessor.for_model(backend),
            document_prompt=embedding.find_prompt("document"),
        )

    def __post_init__(self) -> None:
        super().__post_init__()
        replace(self.embedding, prompt_name=self.prompt_name)  # refuses a prompt that the graph would pool

    def __call__(self, inputs: Sequence[QueryDocuments]) -> list[Prepared[TextRankingItem]]:
        """One item an input; its first row is the query."""
        checked = [as_text_and_list(value, index, "query", "document", least=1) for index, value in enumerate(inputs)]
        queries = replace(self.embedding, prompt_name=self.prompt_name)([query for query, _ in checked])
        texts = [document for _, documents in checked for document in documents]
        others = iter(replace(self.embedding, prompt_name=self.document_prompt)(texts))
        prepared: list[Prepared[TextRankingItem]] = []
        for (_, documents), query in zip(checked, queries, strict=True):
            parts = [query, *(next(others) for _ in documents)]
            item = VectorRankingItem(documents, tuple(part.item for part in parts))
            prepared.append(Prepared([row for part in parts for row in part.rows], item))
        return prepared


class TextRankingRun(OnePass):
    """Runs a ranking; of a model of vectors, keeps one for each row, and compares them."""

    __slots__ = ()

    def condense(self, outputs: Outputs, prepared: Prepared[Any], place: int) -> Outputs:
        """Return a row's vector, where the model gives one, and not all that it was made of."""
        if not isinstance(self.preprocessor, VectorRankingPreprocessor):
            return outputs
        rows = {name: values[np.newaxis] for name, values in outputs.items()}
        return {VECTOR: self.preprocessor.pooling(rows, [prepared.item.pooled[place]])[0]}

    def decode(self, outputs: Outputs, prepared: Prepared[Any]) -> Any:
        """Return the ranking of an input from the outputs ``(rows, ...)``, or vectors ``(rows, dim)``, of its rows."""
        if not isinstance(self.preprocessor, VectorRankingPreprocessor):
            return super().decode(outputs, prepared)
        vectors = outputs[VECTOR]
        compare = SIMILARITIES[self.preprocessor.embedding.similarity_fn_name]
        logits = compare(vectors[:1], vectors[1:]).T
        return super().decode({"logits": logits}, prepared)


@dataclass(frozen=True)
class TextRankingPostprocessor(Postprocessor[TextRankingItem, "list[Ranked]"]):
    """Logits ``(documents, 1)`` to the documents, best first.

    To subclass, override ``scores``: it gets one logit a document, ``(documents,)``, and returns as many scores.

    Examples:
        >>> decode = TextRankingPostprocessor(activation="sigmoid")
        >>> decode([[0.0], [2.0]], [TextRankingItem(("tax law", "a kitten"))])
        [[Ranked(index=1, score=0.8808, text='a kitten'), Ranked(index=0, score=0.5, text='tax law')]]
    """

    outputs: ClassVar[tuple[str, ...]] = ("logits",)
    item: ClassVar[type[Item] | None] = TextRankingItem

    activation: Activation = "sigmoid"
    """How a logit becomes a score; as the model's configuration says (see ``activation_of``)."""
    top_k: int | None = None
    """Only the best; None keeps all documents."""

    def __post_init__(self) -> None:
        positive("top_k", self.top_k, optional=True)
        if self.activation not in ACTIVATIONS:
            raise InvalidOptionError("activation", self.activation, "'sigmoid' or 'none'", ACTIVATIONS)

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Take the activation from ``config_sentence_transformers.json``, or from ``config.json``; none for vectors.

        Raises:
            TaskMismatchError: the model gives more than one logit, so that there is no order; or it names an
                activation that is not known.
        """
        if gives_vectors(backend):
            return cls("none")
        size = width(backend)
        size = count_labels(backend.config) if size is None else size
        if size not in (None, 1):
            problem = f"it gives {size} logits for a pair of texts, where a ranking needs one"
            raise TaskMismatchError(backend.model_id, NAME, (problem,))
        return cls(activation_of(backend))

    def scores(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores of a query's documents; the hook. Shape: ``(documents,) -> (documents,)``."""
        return sigmoid(logits) if self.activation == "sigmoid" else logits

    def decode(self, rows: Outputs, item: TextRankingItem) -> list[Ranked]:
        """Scores of the documents, best first, the first of equals first."""
        if rows["logits"].shape != (item.rows, 1):
            problem = f"{item.rows} documents for logits of shape {rows['logits'].shape}"
            raise TaskMismatchError("the model", NAME, (problem,))
        # The logit is a part of the result, and the sigmoid of an infinite one looks sound.
        logits = require_finite(rows["logits"][:, 0], "logits")
        scores = require_finite(same_shape(self.scores(logits), logits, f"{type(self).__name__}.scores"))
        # By the logits where scores are equal: a sigmoid is 1.0 for all large ones.
        order = np.lexsort((-logits, -scores)).tolist()[: self.top_k]
        return [Ranked(index, float(scores[index]), float(logits[index]), item.documents[index]) for index in order]


class TextRankingOptions(CallOptions, total=False):
    """The options of a call; ``...`` leaves one as it is."""

    prompt_name: str | EllipsisType | None
    top_k: int | EllipsisType | None


class TextRankingModel(Model["QueryDocuments", "list[Ranked]", "list[list[Ranked]]"]):
    """A cross-encoder, or a model of vectors: ``model("query", ["a document", "another"])``."""

    runner: ClassVar[type[Runner]] = TextRankingRun

    @overload
    def __call__(
        self, query: str, documents: Sequence[str] | Column, **options: Unpack[TextRankingOptions]
    ) -> list[Ranked]: ...
    @overload
    def __call__(self, query: QueryDocuments, **options: Unpack[TextRankingOptions]) -> list[Ranked]: ...
    @overload
    def __call__(
        self, query: ListOf[QueryDocuments] | Column, **options: Unpack[TextRankingOptions]
    ) -> list[list[Ranked]]: ...
    # The first overload types acall by names; pyright would have the order of Model.
    def __call__(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, query: object, documents: Sequence[str] | Column | None = None, **options: Unpack[TextRankingOptions]
    ) -> object:
        """Rank documents for a query, or for each ``(query, documents)`` of a list.

        Args:
            query: The query; or a tuple ``(query, documents)``, or a list of such tuples.
            documents: The documents, where ``query`` is the query. A pair that is longer than the model takes is
                cut, with a ``TruncationWarning``.
            prompt_name: One of the model's named prompts, which is put before the query; None: no prompt. The default
                is the model's own.
            top_k: Only the best; default None, all.

        Raises:
            InvalidInputError: there is no document, or something is no text; with the index of the query.
            NonFiniteOutputError: the model gave NaN; with the index of the query.
        """
        return self.call_with(query if documents is None else (query, documents), options)

    def with_options(self, **options: Unpack[TextRankingOptions]) -> Self:
        """Another model over the same session with these defaults; ``...`` leaves one as it is."""
        return self.copy_with(options)


def gives_vectors(backend: Backend) -> bool:
    """Tell whether a model ranks by its vectors: its graph gives them, and no logits.

    Raises:
        TaskMismatchError: it is a cross-encoder whose graph lacks the head: its vectors were not made to be compared.
    """
    shapes = backend.output_shapes
    if "logits" in shapes or not any(name in shapes for outputs in VECTOR_OUTPUTS for name in outputs):
        return False
    architectures = backend.config.get("architectures")
    for name in map(str, architectures if isinstance(architectures, list) else ()):
        if name.endswith("ForSequenceClassification"):
            problem = f"config.json says that it is a {name}, which reads a query and a document together, and its graph gives vectors"
            raise TaskMismatchError(backend.model_id, NAME, (problem,))
    return True


def activation_of(backend: Backend) -> Activation:
    """Apply the rule of sentence-transformers' CrossEncoder: what the files name, else the sigmoid.

    Raises:
        TaskMismatchError: they name another function than those that are known.
    """
    named = read_settings(backend, NAME).model.activation_fn or SIGMOID
    found: dict[str, Activation] = {"Sigmoid": "sigmoid", "Identity": "none"}
    package, _, kind = named.rpartition(".")
    if kind not in found or not f"{package}.".startswith("torch."):
        problem = (
            f"it wants the activation {named}, and only Sigmoid and Identity are known; to have the logits "
            "as scores, pass postprocessor=onnxhub.TextRankingPostprocessor(activation='none')"
        )
        raise TaskMismatchError(backend.model_id, NAME, (problem,))
    return found[kind]


def _make_input(_model: object, texts: Sequence[str]) -> QueryDocuments:
    return QUESTION, texts


def _decide(result: Sequence[Ranked]) -> Decision:
    return Decision({entry.index: entry.score for entry in result}, frozenset({result[0].index}))


TASK = Task(
    name=NAME,
    aliases=("rerank", "reranking"),
    summary="documents by how well they answer a query, best first",
    inputs=("query", "documents"),
    options=TextRankingOptions,
    result=list[Ranked],
    model=TextRankingModel,
    preprocessor=TextRankingPreprocessor,
    postprocessor=TextRankingPostprocessor,
    outputs=({"logits": 2}, *VECTOR_OUTPUTS),
    ort_class="ORTModelForSequenceClassification",
    default_model="Xenova/ms-marco-MiniLM-L-6-v2",
    bundled_model="builtin:embed",
    one_liners=("onnxhub.rerank",),
    commands=("onnxhub.cli.rerank:rerank",),
    evaluation=Evaluation(input=_make_input, competing=8, measure="same best text", decision=_decide),
)


publish(globals(), "Ranked", "TextRankingItem", "TextRankingModel", "TextRankingPostprocessor")
