"""What the exporter may see of a repository: nothing that names code, and of the weights what is asked for."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from onnxhub._backend.making.settings import declares_remote_code, prepare_settings
from onnxhub._backend.making.staging import files_to_export, stage
from onnxhub._backend.repository.repository import Repository, open_repository
from onnxhub.errors import ExportError, IntegrityError, ModelNotFoundError, NoOnnxFileError, UnsafeModelError

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE: dict[str, Any] = {
    "auto_map": {"AutoModel": "modeling_evil.Evil"},
    "custom_pipelines": {"evil": {"impl": "evil.Evil"}},
    "_attn_implementation": "evil/kernel",
    "_attn_implementation_internal": "evil/kernel",
    "_attn_implementation_autoset": True,
    "attn_implementation": "evil/kernel:flash",
    "experts_implementation": "evil/kernel",
    "use_kernels": True,
    "trust_remote_code": True,
}


def write(folder: Path, **files: object) -> Path:
    """A folder with these files: bytes as they are, anything else as JSON."""
    folder.mkdir(exist_ok=True)
    for name, value in files.items():
        (folder / name).write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
    return folder


def staged(folder: Path, into: Path, *, allow_pickle: bool = False) -> set[str]:
    """Stage a folder; the names of what the exporter sees."""
    repository = open_repository(folder)
    into.mkdir()
    stage(repository, files_to_export(repository, allow_pickle=allow_pickle), into)
    return {path.name for path in into.iterdir()}


@pytest.mark.parametrize("key", HOSTILE)
def test_what_names_code_is_left_out_at_any_depth(key: str) -> None:
    """Of the configuration itself, of the configurations inside it, and of those in lists."""
    bad = {key: HOSTILE[key], "hidden_size": 16}
    value = {**bad, "text_config": {**bad, "more": [bad]}}
    assert prepare_settings("config.json", value, ()) == {
        "hidden_size": 16,
        "text_config": {"hidden_size": 16, "more": [{"hidden_size": 16}]},
    }


def test_labels_are_the_authors_words() -> None:
    """A label that is called like an entry that names code stays a label."""
    labels = {"id2label": {"0": "auto_map", "1": "_"}, "label2id": {"auto_map": 0, "_": 1}}
    assert prepare_settings("config.json", {**labels, "auto_map": {}}, ()) == labels


def test_custom_code_is_noticed_at_any_depth() -> None:
    """So that an error can say that the model is code."""
    assert declares_remote_code({"sub": {"of": [{"auto_map": {}}]}})
    assert not declares_remote_code({"model_type": "bert", "label2id": {"a": 0}})


def test_the_exporter_sees_configuration_vocabulary_and_weights(tmp_path: Path) -> None:
    """And neither code, nor adapters, nor other weights; the configuration is a copy, and what names code is not in it."""
    folder = write(
        tmp_path / "model",
        **{
            "config.json": {"model_type": "bert", **HOSTILE}, "tokenizer_config.json": {"a": 1, **HOSTILE},
            "tokenizer.json": {"auto_map": "is a word here"}, "added_tokens.json": {"__en__": 7, "auto_map": 8}, "vocab.txt": b"a", "model.safetensors": b"weights",
            "other.safetensors": b"x", "pytorch_model.bin": b"x", "modeling_evil.py": b"x", "adapter_config.json": {},
            "chat_template.jinja": b"x", "README.md": b"x",
        },
    )  # fmt: skip
    seen = staged(folder, tmp_path / "staged")
    settings, words = {"config.json", "tokenizer_config.json"}, {"tokenizer.json", "added_tokens.json", "vocab.txt"}
    assert seen == settings | words | {"model.safetensors"}
    assert json.loads((tmp_path / "staged" / "added_tokens.json").read_bytes()) == {"__en__": 7, "auto_map": 8}
    assert json.loads((tmp_path / "staged" / "config.json").read_bytes()) == {"model_type": "bert"}
    assert json.loads((tmp_path / "staged" / "tokenizer_config.json").read_bytes()) == {"a": 1}
    assert (tmp_path / "staged" / "model.safetensors").read_bytes() == b"weights"
    assert json.loads((folder / "config.json").read_bytes())["auto_map"]  # the repository's own is as it was


def test_of_sharded_weights_those_of_the_index(tmp_path: Path) -> None:
    """No more than the index names."""
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    shards = {f"model-{number}.safetensors": b"x" for number in (1, 2, 3)}
    folder = write(tmp_path / "model", **{"config.json": {}, "model.safetensors.index.json": index, **shards})
    seen = staged(folder, tmp_path / "staged")
    assert seen == {"config.json", "model.safetensors.index.json", "model-1.safetensors", "model-2.safetensors"}


@pytest.mark.parametrize("name", ["missing.safetensors", "../model-1.safetensors", "pytorch_model.bin", "/etc/passwd"])
def test_an_index_names_nothing_but_weights_beside_it(name: str, tmp_path: Path) -> None:
    """Not a file that is missing, not one elsewhere, and no pickle under another name."""
    index = {"weight_map": {"a": "model-1.safetensors", "b": name}}
    files = {"model-1.safetensors": b"x", "pytorch_model.bin": b"x", "model.safetensors.index.json": index}
    folder = write(tmp_path / "model", **{"config.json": {}, **files})
    with pytest.raises(IntegrityError, match="no file of weights beside it"):
        staged(folder, tmp_path / "staged")


@pytest.mark.parametrize("index", [{}, {"weight_map": {}}, {"weight_map": ["a"]}])
def test_an_index_without_names_is_damaged(index: object, tmp_path: Path) -> None:
    """It is said of the file, before anything is started."""
    files = {"model-1.safetensors": b"x", "model.safetensors.index.json": index}
    folder = write(tmp_path / "model", **{"config.json": {}, **files})
    with pytest.raises(IntegrityError, match="names no files of weights"):
        staged(folder, tmp_path / "staged")


def test_pickles_are_staged_only_where_they_are_allowed(tmp_path: Path) -> None:
    """And never where there are safe weights beside them."""
    folder = write(tmp_path / "model", **{"config.json": {}, "pytorch_model.bin": b"x", "optimizer.bin": b"x"})
    with pytest.raises(UnsafeModelError, match="allow_pickle=True"):
        staged(folder, tmp_path / "none")
    assert staged(folder, tmp_path / "allowed", allow_pickle=True) == {"config.json", "pytorch_model.bin"}
    write(folder, **{"model.safetensors": b"x"})
    assert staged(folder, tmp_path / "safe", allow_pickle=True) == {"config.json", "model.safetensors"}


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        (["tf_model.h5"], ExportError, r"for TensorFlow \(tf_model.h5\) alone"),
        (["flax_model.msgpack", "tf_model.h5"], ExportError, "for Flax .* and TensorFlow"),
        (["README.md"], NoOnnxFileError, "no weights of PyTorch to convert"),
        (["model.onnx"], ExportError, "it has ONNX files, which export='auto' takes, and no weights of PyTorch"),
        (["adapter_model.safetensors"], NoOnnxFileError, "no weights of PyTorch to convert"),
    ],
)
def test_what_cannot_be_converted_is_said_at_once(
    names: list[str], error: type[Exception], message: str, tmp_path: Path
) -> None:
    """Weights of other frameworks, and none at all, by the names of the files."""
    folder = write(tmp_path / "model", **{"config.json": {}, **dict.fromkeys(names, b"x")})
    with pytest.raises(error, match=message):
        files_to_export(open_repository(folder), allow_pickle=True)


def test_halves_of_letters_are_refused(tmp_path: Path) -> None:
    """JSON may hold a surrogate without its other half, in a label or a name; no file in UTF-8 can."""
    for config in ({"id2label": {"0": "\ud800"}}, {"\udfff": "x"}):
        folder = write(
            tmp_path / f"model{len(config)}{'id2label' in config}", **{"config.json": config, "model.safetensors": b"x"}
        )
        with pytest.raises(IntegrityError, match="lone surrogate"):
            staged(folder, tmp_path / f"staged{folder.name}")


def test_links_of_a_local_folder_are_followed(tmp_path: Path) -> None:
    """They are its owner's, wherever they lead."""
    (tmp_path / "elsewhere").write_bytes(b"weights")
    folder = write(tmp_path / "model", **{"config.json": {}})
    (folder / "model.safetensors").symlink_to(tmp_path / "elsewhere")
    staged(folder, tmp_path / "staged")
    assert (tmp_path / "staged" / "model.safetensors").read_bytes() == b"weights"


@pytest.mark.skipif(sys.platform == "win32", reason="pipes in folders")
def test_what_is_no_file_is_not_staged(tmp_path: Path) -> None:
    """A pipe that a link leads to would be waited for."""
    folder = write(tmp_path / "model", **{"config.json": {}, "model.safetensors": b"x"})
    repository = open_repository(folder)
    (folder / "model.safetensors").unlink()
    os.mkfifo(folder / "model.safetensors")
    (tmp_path / "staged").mkdir()
    with pytest.raises((IntegrityError, ModelNotFoundError)):
        stage(repository, ["config.json", "model.safetensors"], tmp_path / "staged")


@pytest.mark.parametrize("blobs", [True, False])
def test_links_of_the_cache_lead_to_the_cache(blobs: bool, tmp_path: Path) -> None:
    """To its own store of bytes, or to the one that repositories share; nowhere else."""
    snapshot = tmp_path / "cache" / "models--org--name" / "snapshots" / ("0" * 40)
    store = tmp_path / "cache" / "blobs" if blobs else tmp_path / "elsewhere"
    for folder in (snapshot, store):
        folder.mkdir(parents=True)
    place = store / "ab" / ("ab" * 32)
    place.parent.mkdir()
    place.write_bytes(b"words")
    (store / ".huggingface-shared-blobs").write_text("1\n")
    (snapshot / "vocab.txt").symlink_to(place)
    repository = Repository("org/name", snapshot, {"vocab.txt": 5}, "snapshot", commit="0" * 40, local_files_only=True)
    if blobs:
        stage(repository, ["vocab.txt"], tmp_path)
        assert (tmp_path / "vocab.txt").read_bytes() == b"words"
        return
    with pytest.raises(IntegrityError, match="outside of the cache"):
        stage(repository, ["vocab.txt"], tmp_path)
