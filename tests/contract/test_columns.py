"""Columns of other libraries, at every door that takes several texts: each gives what a list gives."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import onnxhub
from onnxhub.errors import InvalidInputError, InvalidOptionError
from tests import tiny

pandas = pytest.importorskip("pandas", reason="the light installs have none of the libraries of columns")
polars = pytest.importorskip("polars")
arrow = pytest.importorskip("pyarrow")

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.alike

WORDS = ["good", "the"]


class DataSetColumn(Sequence[Any]):
    """As the column of a data set of Hugging Face: a sequence that reads its values when they are asked for."""

    def __init__(self, values: list[Any]) -> None:
        self._values = arrow.table({"text": values})

    def __iter__(self) -> Iterator[Any]:
        for batch in self._values.to_batches():
            yield from batch.column(0).to_pylist()

    def __getitem__(self, key: Any) -> Any:
        return self._values["text"][key].as_py()

    def __len__(self) -> int:
        return len(self._values)


class DataSet:
    """As a data set of Hugging Face: a table that gives its rows, with a way to a list of them."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._rows = rows

    @property
    def column_names(self) -> list[str]:
        """Names of the columns."""
        return [*self._rows[0]]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self._rows), len(self.column_names)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self._rows[index]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._rows)

    def to_list(self) -> list[dict[str, Any]]:
        """Return the rows."""
        return self._rows


COLUMNS: dict[str, Callable[[list[str]], Any]] = {
    "numpy": np.array,
    "numpy, of objects": lambda texts: np.array(texts, object),
    "numpy, masked": np.ma.array,
    "pandas Series": pandas.Series,
    "pandas Series of objects": lambda texts: pandas.Series(texts, dtype=object),
    "pandas Series of Arrow": lambda texts: pandas.Series(texts, dtype="string[pyarrow]"),
    "pandas Series with other labels": lambda texts: pandas.Series(texts, index=range(7, 7 + len(texts))),
    "pandas Index": pandas.Index,
    "pandas array": pandas.array,
    "pandas Categorical": pandas.Categorical,
    "Arrow array": arrow.array,
    "Arrow array of a dictionary": lambda texts: arrow.array(texts).dictionary_encode(),
    "Arrow chunked array": lambda texts: arrow.chunked_array([texts[:1], texts[1:]]),
    "Arrow table's column": lambda texts: arrow.table({"text": texts})["text"],
    "Polars Series": polars.Series,
    "Polars categorical": lambda texts: polars.Series(texts, dtype=polars.Categorical),
    "Polars frame's column": lambda texts: polars.DataFrame({"text": texts})["text"],
    "column of a data set": DataSetColumn,
}


async def stream_from_asyncio(model: Any, texts: Any) -> list[Any]:
    """Read a whole async stream."""
    return [result async for result in model.astream(texts)]


def run_pipeline(task: str, folder: Path, **options: Any) -> Callable[[Any], Any]:
    """Give a call of a pipeline, whose results for a data set's column are an iterator."""
    pipe = onnxhub.pipeline(task, str(folder), **options)

    def run(texts: Any) -> list[Any]:
        return list(pipe(texts))

    return run


DOORS: dict[str, Callable[[Callable[..., Path]], Callable[[Any], Any]]] = {
    "call": lambda make: onnxhub.load("text-classification", make("text-classification")),
    "attempt": lambda make: onnxhub.load("text-classification", make("text-classification")).attempt,
    "stream": lambda make: (
        lambda texts: list(onnxhub.load("text-classification", make("text-classification")).stream(texts))
    ),
    "attempt_stream": lambda make: (
        lambda texts: list(onnxhub.load("text-classification", make("text-classification")).attempt_stream(texts))
    ),
    "acall": lambda make: (
        lambda texts: asyncio.run(onnxhub.load("text-classification", make("text-classification")).acall(texts))
    ),
    "astream": lambda make: (
        lambda texts: asyncio.run(
            stream_from_asyncio(onnxhub.load("text-classification", make("text-classification")), texts)
        )
    ),
    "outputs": lambda make: (
        lambda texts: onnxhub.load("text-classification", make("text-classification")).outputs(texts)["logits"].tolist()
    ),
    "encode": lambda make: (
        lambda texts: len(onnxhub.load("text-classification", make("text-classification")).encode(texts))
    ),
    "embed": lambda make: lambda texts: onnxhub.embed(texts, model=str(make("feature-extraction"))).round(4).tolist(),
    "similarity, first": lambda make: (
        lambda texts: onnxhub.similarity(texts, "a cat", model=str(make("feature-extraction"))).round(4).tolist()
    ),
    "similarity, second": lambda make: (
        lambda texts: onnxhub.similarity(["a cat"], texts, model=str(make("feature-extraction"))).round(4).tolist()
    ),
    "labels": lambda make: (
        lambda words: onnxhub.classify_zero_shot("a one", words, model=str(make("zero-shot-classification")))
    ),
    "targets": lambda make: lambda words: onnxhub.fill_mask("a [MASK]", targets=words, model=str(make("fill-mask"))),
    "ignore_labels": lambda make: (
        lambda words: onnxhub.tag("Ada in London", ignore_labels=words, model=str(make("token-classification")))
    ),
    "documents": lambda make: lambda words: onnxhub.rerank("a one", words, model=str(make("text-ranking"))),
    "documents of a tuple": lambda make: (
        lambda words: onnxhub.load("text-ranking", make("text-ranking"))([("a one", words)])
    ),
    "choices": lambda make: lambda words: onnxhub.choose("a one", words, model=str(make("multiple-choice"))),
    "pipeline": lambda make: run_pipeline("text-classification", make("text-classification")),
    "pipeline of zero-shot-classification": lambda make: run_pipeline(
        "zero-shot-classification", make("zero-shot-classification"), candidate_labels=WORDS
    ),
    "candidate_labels": lambda make: (
        lambda words: onnxhub.pipeline("zero-shot-classification", str(make("zero-shot-classification")))("a", words)
    ),
    "pipeline's ignore_labels": lambda make: (
        lambda words: onnxhub.pipeline("ner", str(make("token-classification")), ignore_labels=words)("Ada in London")
    ),
    "pipeline's targets": lambda make: (
        lambda words: onnxhub.pipeline("fill-mask", str(make("fill-mask")))("a [MASK]", targets=words)
    ),
    "pipeline's question": lambda make: (
        lambda words: onnxhub.pipeline("question-answering", str(make("question-answering")))(
            question=words, context="the good one"
        )
    ),
    "pipeline's context": lambda make: (
        lambda words: onnxhub.pipeline("question-answering", str(make("question-answering")))(
            {"question": ["Who?", "What?"], "context": words}
        )
    ),
}


@pytest.mark.parametrize("door", DOORS)
def test_every_column_is_many_at_every_door(door: str, tiny_model: Callable[..., Path]) -> None:
    """What a list of texts gives, every kind of column gives."""
    words = [tiny.LABELS["token-classification"][0], "PER"] if door.endswith("ignore_labels") else WORDS
    run = DOORS[door](tiny_model)
    expected = repr(run(words))
    assert {kind: repr(run(make(words))) for kind, make in COLUMNS.items()} == dict.fromkeys(COLUMNS, expected)


class Sliced:
    """As an array of Arrow that counts how many of its values are made Python's own at once."""

    def __init__(self, values: list[str], sizes: list[int]) -> None:
        self._values = values
        self._sizes = sizes

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Any]:
        return iter(arrow.array(self._values))

    def slice(self, start: int, length: int) -> Sliced:
        """Give a part."""
        return Sliced(self._values[start : start + length], self._sizes)

    def to_pylist(self) -> list[str]:
        """Give the values, and note how many they are."""
        self._sizes.append(len(self))
        return self._values


def test_a_column_of_arrow_is_streamed_a_part_at_a_time(tiny_model: Callable[..., Path]) -> None:
    """The memory of a stream is bounded, however long its column is; a list needs all of it."""
    model, sizes = onnxhub.load("text-classification", tiny_model()), list[int]()
    results = model.stream(Sliced(["good"] * 5000, sizes))
    next(results)
    assert sizes == [2048]
    assert len(list(results)) == 4999
    assert sizes == [2048, 2048, 904]
    assert len(list(model.stream(arrow.chunked_array([["good"] * 2100, [], ["bad"] * 10])))) == 2110
    assert list(model.stream(arrow.array([], arrow.string()))) == []


TABLES: dict[str, Callable[[], Any]] = {
    "pandas": lambda: pandas.DataFrame({"text": WORDS}),
    "Polars": lambda: polars.DataFrame({"text": WORDS}),
    "Arrow": lambda: arrow.table({"text": WORDS}),
    "data set": lambda: DataSet([{"text": word} for word in WORDS]),
}


@pytest.mark.parametrize("make", TABLES.values(), ids=TABLES)
def test_a_table_is_refused_with_what_to_pass(make: Callable[[], Any], tiny_model: Callable[..., Path]) -> None:
    """Which of its columns has the texts is not guessed."""
    model, table = onnxhub.load("text-classification", tiny_model()), make()
    for call in (model, model.attempt, model.encode):
        with pytest.raises(InvalidInputError, match=r"^[^\n]*pass one of its columns$"):
            call(table)
    with pytest.raises(InvalidOptionError, match=r"^[^\n]*pass one of its columns$"):
        onnxhub.classify_zero_shot("a", table, model=str(tiny_model("zero-shot-classification")))
    with pytest.raises(
        InvalidInputError, match=r"the documents are a list of texts, not a .*; pass one of its columns"
    ):
        onnxhub.rerank("a", table, model=str(tiny_model("text-ranking")))


def test_a_table_that_gives_rows_is_a_stream_of_them(tiny_model: Callable[..., Path]) -> None:
    """A data set is streamed with a key; a table that gives its columns is not, and says that its rows are."""
    model = onnxhub.load("text-classification", tiny_model())
    rows = DataSet([{"text": word} for word in WORDS])
    assert [result for _, result in model.stream(rows, key=lambda row: row["text"])] == model(WORDS)
    with pytest.raises(InvalidInputError, match=r"item 0: .*stream\(rows, key=lambda row: row\['text'\]\)"):
        list(model.stream(rows))
    for name in ("pandas", "Polars", "Arrow"):
        with pytest.raises(InvalidInputError, match="pass one of its columns, or, with a key, its rows"):
            model.stream(TABLES[name](), key=lambda row: row["text"])


MISSING: dict[str, Callable[[], Any]] = {
    "pandas Series": lambda: pandas.Series(["a", None]),
    "pandas Series of objects": lambda: pandas.Series(["a", None], dtype=object),
    "pandas Series of Arrow": lambda: pandas.Series(["a", None], dtype="string[pyarrow]"),
    "pandas Series without texts": lambda: pandas.Series([0.0, None], dtype="Float64")[1:].reindex([7, 1]),
    "pandas NaT": lambda: ["a", pandas.NaT],
    "pandas Categorical": lambda: pandas.Categorical(["a", None]),
    "numpy, masked": lambda: np.ma.array(["a", "b"], mask=[False, True]),
    "Arrow array": lambda: arrow.array(["a", None]),
    "Arrow scalars": lambda: ["a", arrow.scalar(None, arrow.string())],
    "Polars Series": lambda: polars.Series(["a", None]),
}


@pytest.mark.parametrize("make", MISSING.values(), ids=MISSING)
def test_the_missing_value_of_every_library_is_called_one(
    make: Callable[[], Any], tiny_model: Callable[..., Path]
) -> None:
    """In a call and in a stream, by what each library puts in its place."""
    model, column = onnxhub.load("text-classification", tiny_model()), make()
    with pytest.raises(InvalidInputError, match=r"^item [01]: [^\n]*, a missing value; leave it out.* use attempt\(\)"):
        model(column)
    with pytest.raises(InvalidInputError, match=r"^item [01]: [^\n]*, a missing value; .* use attempt_stream\(\)"):
        list(model.stream(column))


def test_a_scalar_of_arrow_says_how_it_becomes_a_text(tiny_model: Callable[..., Path]) -> None:
    """What one gets by going through an Arrow array oneself."""
    model = onnxhub.load("text-classification", tiny_model())
    with pytest.raises(InvalidInputError, match=r"^item 0: .* a scalar of Arrow becomes a text by its as_py\(\)$"):
        model(list(arrow.array(["a", "b"])))


@pytest.mark.parametrize("make", COLUMNS.values(), ids=COLUMNS)
@pytest.mark.parametrize(
    "kind",
    [
        onnxhub.ClassificationPostprocessor,
        onnxhub.ImageClassificationPostprocessor,
        onnxhub.TokenClassificationPostprocessor,
        onnxhub.ZeroShotPostprocessor,
    ],
)
def test_labels_of_a_postprocessor_are_read_by_their_place(kind: type[Any], make: Callable[[list[str]], Any]) -> None:
    """A Series is not looked up by its own index, and no scalar of another library is a label of a result."""
    labels = kind(labels=make(["O", "B-entailment"])).labels
    assert labels == ("O", "B-entailment")
    assert {type(label) for label in labels} == {str}
