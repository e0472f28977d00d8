"""External data that leads elsewhere is refused, by name and by link, in every place; honest layouts load."""

from __future__ import annotations

import os
import sysconfig
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import onnxhub
from onnxhub._backend.repository.repository import fetch_model, open_repository
from onnxhub.errors import IntegrityError, UnsafeModelError
from tests.external import PLACES, graph
from tests.fuzz.graphs import pieces_of, varint, written
from tests.hub_server import HubServer, run_python

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.light

WEIGHTS = np.arange(4, dtype=np.float32).tobytes()
SECRET = np.full(4, 7, np.float32).tobytes()


def runnable(location: str, **extent: int) -> bytes:
    """A model y = x + w, with w in another file."""
    model = onnx.ModelProto(
        graph=helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "g", [], []), ir_version=9
    )
    for name, values in (("x", model.graph.input), ("y", model.graph.output)):
        values.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]))
    model.opset_import.append(helper.make_opsetid("", 17))
    tensor = model.graph.initializer.add(name="w", data_type=TensorProto.FLOAT, dims=[4])
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **extent}.items():
        tensor.external_data.add(key=key, value=str(value))
    return model.SerializeToString()


class Attack:
    """A folder with a model, and a secret beside the folder."""

    def __init__(self, path: Path) -> None:
        self.folder, self.secret = path / "model", path / "outside" / "secret"
        for folder in (self.folder, self.secret.parent):
            folder.mkdir()
        self.secret.write_bytes(SECRET)

    def absolute(self) -> str:
        """The secret's own path."""
        return str(self.secret)

    def climb(self) -> str:
        """Up, and down again."""
        return "../outside/secret"

    def hidden_climb(self) -> str:
        """Down, up twice, and down again."""
        (self.folder / "a").mkdir()
        return "a/../../outside/secret"

    def file_link(self) -> str:
        """A link to the secret."""
        (self.folder / "w").symlink_to(self.secret)
        return "w"

    def relative_link(self) -> str:
        """A link that climbs."""
        (self.folder / "w").symlink_to("../outside/secret")
        return "w"

    def chain_of_links(self) -> str:
        """A link to a link in the folder, which leads out."""
        (self.folder / "v").symlink_to(self.secret)
        (self.folder / "w").symlink_to("v")
        return "w"

    def folder_link(self) -> str:
        """A folder that is a link."""
        (self.folder / "w").symlink_to(self.secret.parent)
        return "w/secret"

    def hard_link(self) -> str:
        """A second name of the secret, which ONNX Runtime 1.32 takes for a file of the folder."""
        (self.folder / "w").hardlink_to(self.secret)
        return "w"

    def address(self) -> str:
        """ONNX Runtime's mark for an address of the process, and a file that has the mark for its name."""
        (self.folder / "*" / "_ORT_NATIVE_ENDIAN_MEM_ADDR_").mkdir(parents=True)
        (self.folder / "*" / "_ORT_NATIVE_ENDIAN_MEM_ADDR_" / "*").write_bytes(WEIGHTS)
        return "*/_ORT_NATIVE_ENDIAN_MEM_ADDR_/*"


ATTACKS = [attack for name, attack in vars(Attack).items() if not name.startswith("_")]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_refused_in_every_place(
    attack: Callable[[Attack], str], place: Callable[[str], onnx.ModelProto], tmp_path: Path
) -> None:
    """Before ONNX Runtime sees the model, and with an error that names the location."""
    made = Attack(tmp_path)
    location = attack(made)
    (made.folder / "model.onnx").write_bytes(place(location).SerializeToString())
    with pytest.raises(UnsafeModelError, match="it refers to") as raised:
        fetch_model(open_repository(made.folder), "model.onnx")
    assert repr(location) in str(raised.value)
    assert raised.value.path == str(made.folder / "model.onnx")


@pytest.mark.parametrize("attack", ATTACKS)
def test_load_refuses_what_the_check_refuses(attack: Callable[[Attack], str], tmp_path: Path) -> None:
    """The check stands before every session."""
    made = Attack(tmp_path)
    (made.folder / "model.onnx").write_bytes(runnable(attack(made)))
    with pytest.raises(UnsafeModelError):
        onnxhub.load("custom", made.folder)


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_behind_a_tag_of_too_many_bits_is_refused(attack: Callable[[Attack], str], tmp_path: Path) -> None:
    """ONNX Runtime takes the lower 32 of them, and finds a tensor there."""
    made = Attack(tmp_path)
    model = pieces_of(runnable(attack(made)), onnx.ModelProto.DESCRIPTOR)
    graph_of = next(piece.body for piece in model if piece.number == 7)
    assert isinstance(graph_of, list)
    initializer = next(piece for piece in graph_of if piece.number == 5)
    initializer.tag = varint((5 << 3 | 2) + 2**32)
    (made.folder / "model.onnx").write_bytes(written(model))
    with pytest.raises(IntegrityError, match="starts no number"):
        onnxhub.load("custom", made.folder)


def layout_plain(path: Path) -> Path:
    """Files side by side."""
    (path / "model.onnx").write_bytes(runnable("w"))
    (path / "w").write_bytes(WEIGHTS)
    return path


def layout_subfolder(path: Path) -> Path:
    """The model in onnx/, its weights deeper."""
    (path / "onnx" / "deep").mkdir(parents=True)
    (path / "onnx" / "model.onnx").write_bytes(runnable("deep/w"))
    (path / "onnx" / "deep" / "w").write_bytes(WEIGHTS)
    return path


def layout_link_inside(path: Path) -> Path:
    """A link that stays in the folder."""
    (path / "model.onnx").write_bytes(runnable("w"))
    (path / "weights").write_bytes(WEIGHTS)
    (path / "w").symlink_to("weights")
    return path


def layout_linked_folder(path: Path) -> Path:
    """The folder's own name is a link."""
    (path / "real").mkdir()
    (path / "name").symlink_to(layout_plain(path / "real"))
    return path / "name"


def layout_mounted(path: Path) -> Path:
    """A volume of Kubernetes: all names are links into a folder that is swapped as a whole."""
    (path / "..2026").mkdir()
    layout_plain(path / "..2026")
    (path / "..data").symlink_to("..2026")
    for name in ("model.onnx", "w"):
        (path / name).symlink_to(f"..data/{name}")
    return path


def layout_snapshot(path: Path) -> Path:
    """A snapshot of the Hub's cache, named as a folder: links to bytes that lie side by side."""
    blobs, snapshot = path / "models--org--name" / "blobs", path / "models--org--name" / "snapshots" / "0" / "onnx"
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    for name, data in {"model.onnx": runnable("w"), "w": WEIGHTS}.items():
        (blobs / f"blob-of-{name}").write_bytes(data)
        (snapshot / name).symlink_to(f"../../../blobs/blob-of-{name}")
    return snapshot.parent


def layout_of_links(path: Path) -> Path:
    """A folder of links to a model elsewhere, whose files lie side by side."""
    (path / "store").mkdir()
    layout_plain(path / "store")
    (path / "model").mkdir()
    for name in ("model.onnx", "w"):
        (path / "model" / name).symlink_to(path / "store" / name)
    return path / "model"


LAYOUTS = [layout for name, layout in globals().items() if name.startswith("layout_")]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_honest_layouts_load(layout: Callable[[Path], Path], tmp_path: Path) -> None:
    """What tools make of a model's files is no attack."""
    model = onnxhub.load("custom", layout(tmp_path))
    assert model({"x": np.zeros(4, np.float32)})["y"].tolist() == [0.0, 1.0, 2.0, 3.0]


def test_files_that_an_installer_linked_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installers such as uv and conda make hard links; elsewhere they are refused, and a copy is what helps."""
    folder = layout_plain(tmp_path)
    (tmp_path / "cache").hardlink_to(folder / "w")
    with pytest.raises(
        UnsafeModelError, match="a hard link, which may be a file from elsewhere; put a copy in its place"
    ):
        onnxhub.load("custom", folder)
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    onnxhub.load("custom", folder)


HUB = """
import numpy as np
import onnxhub
model = onnxhub.load('custom', 'org/name')
print(model({'x': np.zeros(4, np.float32)})['y'].tolist())
"""


def test_the_cache_of_the_hub_loads_by_its_id_and_as_a_folder(tmp_path: Path) -> None:
    """Links to blobs, and hard links of them as backups make them, since their bytes are compared with the Hub's."""
    with HubServer() as hub:
        commit = hub.add("org/name", {"onnx/model.onnx": runnable("w"), "onnx/w": WEIGHTS})
        done = run_python(HUB, tmp_path, {"HF_ENDPOINT": hub.endpoint})
    assert done.stdout == "[0.0, 1.0, 2.0, 3.0]\n", done.stderr
    cached = tmp_path / "huggingface" / "hub" / "models--org--name"
    assert onnxhub.load("custom", cached / "snapshots" / commit)
    for blob in (cached / "blobs").iterdir():
        (tmp_path / f"backup-{blob.name}").hardlink_to(blob)
    done = run_python(HUB, tmp_path, {"HF_HUB_OFFLINE": "1"})
    assert done.stdout == "[0.0, 1.0, 2.0, 3.0]\n", done.stderr


@pytest.mark.parametrize(
    ("extent", "reason"),
    [
        ({"offset": 4, "length": 16}, "its weights are 20 bytes of w, which has 16: it is cut, or of another version"),
        ({"length": 17}, "its weights are 17 bytes of w, which has 16"),
        ({"offset": 2**62}, "its weights are 4611686018427387904 bytes of w"),
        ({"offset": -4}, "the offset of its external data is '-4', which is no number of bytes"),
        (
            {"offset": 0, "length": 2**64},
            "the length of its external data is '18446744073709551616', which is no number",
        ),
        ({"length": "1" * 5000}, "the length of its external data is '1111"),
        ({"offset": "0x10"}, "the offset of its external data is '0x10'"),
        ({"offset": "\u0664"}, "the offset of its external data is"),
    ],
)
def test_bytes_that_are_not_there(extent: dict[str, int], reason: str, tmp_path: Path) -> None:
    """An offset or a length beyond the file is told as what it is."""
    (tmp_path / "model.onnx").write_bytes(runnable("w", **extent))
    (tmp_path / "w").write_bytes(WEIGHTS)
    with pytest.raises(IntegrityError, match=reason):
        fetch_model(open_repository(tmp_path), "model.onnx")


def test_a_model_larger_than_two_gigabytes(tmp_path: Path) -> None:
    """Its weights are 3 GiB of a hole, of which ONNX Runtime maps the last row; no size is cut to 32 bits."""
    rows, width = 3 * 2**20, 256
    whole = rows * width * 4
    model = onnx.ModelProto(graph=graph(), ir_version=9)
    del model.graph.input[:], model.graph.output[:]
    model.opset_import.append(helper.make_opsetid("", 17))
    model.graph.input.append(helper.make_tensor_value_info("x", TensorProto.INT64, [1]))
    model.graph.output.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, width]))
    model.graph.node.append(helper.make_node("Gather", ["w", "x"], ["y"]))
    tensor = model.graph.initializer.add(name="w", data_type=TensorProto.FLOAT, dims=[rows, width])
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": "w", "offset": "0", "length": str(whole)}.items():
        tensor.external_data.add(key=key, value=value)
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    with (tmp_path / "w").open("wb") as file:
        file.seek(whole - width * 4)
        file.write(np.arange(width, dtype=np.float32).tobytes())
    repository = open_repository(tmp_path)
    assert fetch_model(repository, "model.onnx").external_data == {"w": whole}
    found = onnxhub.load("custom", tmp_path)({"x": np.array([rows - 1])})["y"]
    assert found.tolist() == [list(range(width))]
    os.truncate(tmp_path / "w", whole - 1)
    with pytest.raises(IntegrityError, match=f"its weights are {whole} bytes of w, which has {whole - 1}"):
        onnxhub.load("custom", tmp_path)
