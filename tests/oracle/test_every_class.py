"""Every ORTModelForXXX of optimum is behind ``load``: the same outputs, the same class, over the same sessions."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import onnxhub
from onnxhub._contracts.registry import get_task, list_tasks
from onnxhub.errors import ExportError
from tests.oracle.peers import COUNTS, close, optimum

torch: Any = pytest.importorskip("torch")

from tests.oracle import families  # noqa: E402  # it needs optimum's exporters, which peers has found

FAMILIES = families.FAMILIES
OWN_CLASSES = {"whisper": "ORTModelForWhisper", "moonshine": "ORTModelForMoonshine"}
"""What optimum's from_pretrained gives for a speech model of that type."""
Exported = Callable[[str], Path]


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """``exported(name)``: the folder of a family's model, exported once."""
    made: dict[str, Path] = {}

    def export(name: str) -> Path:
        if name not in made:
            made[name] = families.build(name, tmp_path_factory.mktemp(name))
        return made[name]

    return export


def _raw(name: str, folder: Path) -> Any:
    """Load a family's model as a task of arrays."""
    task = get_task(FAMILIES[name].task)
    return onnxhub.load(task if task.raw else "custom", folder)


def _theirs(name: str, folder: Path) -> Any:
    """Load a family's model with optimum."""
    kind = getattr(optimum, FAMILIES[name].ort_class)
    options = {"use_cache": False} if name == "t5-without-past" else {}
    return kind.from_pretrained(folder, use_io_binding=False, **options)


def test_no_class_is_left_out() -> None:
    """Each public class has a family here, and a task that names it."""
    public = {name for name, kind in inspect.getmembers(optimum, inspect.isclass) if name.startswith("ORTModelFor")}
    assert public == {family.ort_class for family in FAMILIES.values()}
    named = {kind for task in list_tasks() for kind in (task.ort_class, *task.ort_classes.values())}
    assert public <= named


@pytest.mark.parametrize("name", FAMILIES)
def test_arrays(exported: Exported, name: str) -> None:
    """The graph gives what optimum's own session gives, output by output, and what its forward gives."""
    folder, what = exported(name), f"arrays, {FAMILIES[name].task}"
    model, theirs = _raw(name, folder), _theirs(name, folder)
    (part, session), *_ = model.sessions.items()
    wanted = {entry.name: entry for entry in session.get_inputs()}
    arrays = _with_an_empty_past(families.given(name, wanted), wanted)
    outputs = model(arrays, part=part)
    own = theirs.encoder.session if hasattr(theirs, "encoder") else theirs.session
    expected = dict(zip([entry.name for entry in own.get_outputs()], own.run(None, arrays), strict=True))
    assert list(outputs) == list(expected)
    for key, values in expected.items():
        assert outputs[key].dtype == values.dtype
        close(values, outputs[key], what, 1e-5)
    if not hasattr(theirs, "encoder") and "past" not in "".join(wanted):
        forward = theirs(**{key: torch.from_numpy(values) for key, values in arrays.items()})
        shared = [key for key in expected if forward.get(key) is not None]
        assert shared
        for key in shared:
            close(forward[key].numpy(), outputs[key], what, 1e-5)
    COUNTS["every class: graphs"] += 1


@pytest.mark.parametrize("dtype", ["int8", "fp16"])
@pytest.mark.parametrize("name", FAMILIES)
def test_variants_are_made_of_every_class(exported: Exported, name: str, dtype: str) -> None:
    """Whatever the architecture, what is made of it runs and stays near; fp16 of a merged decoder is refused."""
    folder, outputs = exported(name), []
    task = get_task(FAMILIES[name].task)
    for kind in ("fp32", dtype):
        try:
            model = onnxhub.load(task if task.raw else "custom", folder, dtype=kind)
        except ExportError as error:
            assert "has branches" in str(error)
            assert FAMILIES[name].merged
            return
        (part, session), *_ = model.sessions.items()
        wanted = {entry.name: entry for entry in session.get_inputs()}
        found = model(_with_an_empty_past(families.given(name, wanted), wanted), part=part)
        outputs.append(np.concatenate([values.ravel().astype(np.float64) for _, values in sorted(found.items())]))
    one, other = outputs
    assert one @ other > 0.995 * np.linalg.norm(one) * np.linalg.norm(other)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("name", FAMILIES)
def test_compiled_graphs_give_the_same_bits(exported: Exported, name: str) -> None:
    """No output of the graph that takes the inputs differs in a bit, nor does a generated token of all parts together."""
    folder, family = exported(name), FAMILIES[name]
    task = get_task(family.task)
    task = task if task.raw else get_task("custom")
    with onnxhub.load(task, folder, compiled=False) as plain, onnxhub.load(task, folder, compiled=True) as compiled:
        assert (plain.info.compiled, compiled.info.compiled) == (False, True)
        (part, session), *_ = plain.sessions.items()
        wanted = {entry.name: entry for entry in session.get_inputs()}
        arrays = _with_an_empty_past(families.given(name, wanted), wanted)
        expected, actual = plain(arrays, part=part), compiled(arrays, part=part)
        for key, values in expected.items():
            np.testing.assert_array_equal(actual[key], values)
            COUNTS["every class: compiled outputs"] += 1
        if family.generated and task.raw and task.name != "custom":
            tensors = {key: torch.from_numpy(values) for key, values in families.given(name, wanted).items()}
            options = {"do_sample": False, "num_beams": 1, **family.generated}
            tokens = [model.ort_model.generate(**tensors, **options).tolist() for model in (plain, compiled)]
            assert tokens[0] == tokens[1]
            COUNTS["every class: compiled generations"] += 1


def _with_an_empty_past(arrays: dict[str, Any], wanted: Any) -> dict[str, Any]:
    """Add what a decoder wants beside its tokens, for the first step."""
    rows, length = next(iter(arrays.values())).shape[:2]
    for key, entry in wanted.items():
        if key.startswith("past_key_values"):
            arrays[key] = np.zeros([rows, entry.shape[1], 0, entry.shape[3]], np.float32)
        elif key == "position_ids":
            arrays[key] = np.arange(length)[None].repeat(rows, 0)
        elif key == "attention_mask" and key not in arrays:
            arrays[key] = np.ones((rows, length), np.int64)
    return arrays


@pytest.mark.parametrize("name", FAMILIES)
def test_ort_model(exported: Exported, name: str) -> None:
    """``ort_model`` is of exactly optimum's class, shares the sessions, and runs, or generates, as optimum's own."""
    folder, family = exported(name), FAMILIES[name]
    model, theirs = _own_task(name, folder), _theirs(name, folder)
    ours = model.ort_model
    assert type(ours) is type(theirs)
    assert type(ours).__name__ == OWN_CLASSES.get(name, family.ort_class)
    assert _sessions(ours) == {part: id(session) for part, session in model.sessions.items()}
    assert _sessions(theirs).keys() == _sessions(ours).keys()
    wanted = dict.fromkeys([*family.inputs]) if hasattr(ours, "encoder") else ours.input_names
    arrays = {key: torch.from_numpy(values) for key, values in families.given(name, wanted).items()}
    if hasattr(ours, "encoder"):
        arrays.pop("token_type_ids", None)
    if family.generated:
        options = {"do_sample": False, "num_beams": 1, **family.generated}
        expected, actual = theirs.generate(**arrays, **options), ours.generate(**arrays, **options)
        assert expected.tolist() == actual.tolist()
        assert expected.shape[1] > 1
        COUNTS["every class: generations"] += 1
    else:
        expected, actual = theirs(**arrays), ours(**arrays)
        for key in (key for key, value in expected.items() if isinstance(value, torch.Tensor)):
            close(expected[key].numpy(), actual[key].numpy(), "every class, ort_model", 1e-5)


def _own_task(name: str, folder: Path) -> Any:
    """Load a family's model by its task's name; texts without a tokenizer go by a task of arrays with that class."""
    task = get_task(FAMILIES[name].task)
    if not task.raw:
        _write_tokenizer(folder)
    return onnxhub.load(task.name, folder)


def _write_tokenizer(folder: Path) -> None:
    """Give a folder a tokenizer, without which no text can be read."""
    import tokenizers

    words = {word: index for index, word in enumerate(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"))}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    made.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')


def _sessions(ort_model: Any) -> dict[str, int]:
    """Name the sessions of optimum's object as we name its parts."""
    if not hasattr(ort_model, "encoder"):
        return {"model": id(ort_model.session)}
    parts = {part: getattr(ort_model, part) for part in ("encoder", "decoder", "decoder_with_past")}
    return {part: id(one.session) for part, one in parts.items() if one is not None}


@pytest.mark.parametrize("name", FAMILIES)
def test_auto(exported: Exported, name: str) -> None:
    """``load("auto")`` finds the task, and says by what."""
    folder, family = exported(name), FAMILIES[name]
    if not get_task(family.inferred or family.task).raw:
        _write_tokenizer(folder)
    model = onnxhub.load("auto", folder)
    assert model.info.task == (family.inferred or family.task)
    assert "config.json says" in model.info.task_reason
