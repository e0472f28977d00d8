"""The store of bytes that repositories share, as huggingface_hub 1.32 and later lays it out: checked, healed, counted once."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import random
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest

from onnxhub import builtin, errors
from onnxhub._backend.graphs.inlining import inline_small_tensors
from onnxhub._backend.runtime import gathering
from onnxhub._backend.runtime.gathering import gather_files
from onnxhub._workshop.hub_models import hub_models, size_on_disk
from tests.faults.test_hub import Home

if TYPE_CHECKING:
    from tests.hub_server import HubServer

pytestmark = pytest.mark.light

LOAD = """
import onnxhub
report(label=onnxhub.load("text-classification", "org/name")("a good day").label)
"""


def external_files(threshold: int = 1024) -> dict[str, bytes]:
    """The bundled classifier with its weights in a file of their own, by their names in a repository."""
    source = builtin.folder("builtin:sentiment")
    small = {path.name: path.read_bytes() for path in source.iterdir() if path.suffix == ".json"}
    model = onnx.load(next(source.glob("*.onnx")))
    weights = bytearray()
    for tensor in model.graph.initializer:
        if tensor.HasField("raw_data") and len(tensor.raw_data) >= threshold:
            entries = {"location": "model.onnx_data", "offset": str(len(weights)), "length": str(len(tensor.raw_data))}
            weights += tensor.raw_data
            tensor.ClearField("raw_data")
            tensor.data_location = onnx.TensorProto.EXTERNAL
            for key, value in entries.items():
                tensor.external_data.add(key=key, value=value)
    return {"onnx/model.onnx": model.SerializeToString(), "onnx/model.onnx_data": bytes(weights), **small}


class SharedCache:
    """A cache as huggingface_hub leaves it, whose large files lie in the store."""

    def __init__(self, home: Home, files: dict[str, bytes], model_id: str = "org/name") -> None:
        self.home = home
        self.cache = home.cache
        self.files = files
        self.commit = home.hub.add(model_id, files)
        self.folder = home.cache / f"models--{model_id.replace('/', '--')}"
        (self.folder / "refs").mkdir(parents=True)
        (self.folder / "refs" / "main").write_text(self.commit)
        (self.folder / "blobs").mkdir()
        for name, data in files.items():
            large = ".onnx" in name
            digest = (
                hashlib.sha256(data).hexdigest() if large else hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            )
            blob = self.folder / "blobs" / digest
            blob.write_bytes(data)
            if large:
                self._share(blob, data)
            place = self.folder / "snapshots" / self.commit / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(os.path.relpath(blob, place.parent))

    def _share(self, blob: Path, data: bytes) -> None:
        digest = hashlib.blake2b(data, digest_size=32).hexdigest()
        try:  # its own way, where it has one
            from huggingface_hub.utils._shared_blobs import publish_blob_to_shared_store
        except ImportError:
            place = self.cache / "blobs" / digest[:2] / digest
            place.parent.mkdir(parents=True, exist_ok=True)
            (self.cache / "blobs" / ".huggingface-shared-blobs").write_text("1\n")
            blob.replace(place)
            place.chmod(0o400)
            blob.symlink_to(os.path.relpath(place, blob.parent))
        else:
            assert publish_blob_to_shared_store(
                blob_path=str(blob), xet_hash=digest, cache_dir=self.cache, expected_size=len(data)
            )

    def payload(self, name: str) -> Path:
        """Where the bytes are at the end of all links."""
        return (self.folder / "snapshots" / self.commit / name).resolve()


@pytest.fixture
def home(tmp_path: Path, hub: HubServer) -> Home:
    """An empty home and a running Hub."""
    return Home(tmp_path, hub)


def test_weights_in_the_store_load_offline_and_nothing_is_left(home: Home) -> None:
    """Model and weights lie in folders of their own there; no file is copied, moved or left beside them."""
    cache = SharedCache(home, external_files())
    assert cache.payload("onnx/model.onnx").parent != cache.payload("onnx/model.onnx_data").parent
    before = sorted(cache.folder.rglob("*"))
    assert home.run(LOAD, {"HF_HUB_OFFLINE": "1"})["label"] == "POSITIVE"
    assert sorted(cache.folder.rglob("*")) == before


def test_every_flipped_bit_of_a_shared_file_is_found(home: Home) -> None:
    """The digest of a file is the name of its first link: the store's own names are of another kind."""
    cache = SharedCache(home, {"config.json": b"{}", "onnx/model.onnx": bytes(range(256)) * 2_000})
    payload, chance = cache.payload("onnx/model.onnx"), random.Random(3)
    payload.chmod(0o600)
    flips = [(chance.randrange(512_000), chance.randrange(8)) for _ in range(200)]
    code = f"""
import os
from pathlib import Path
payload, times, found = Path({str(payload)!r}), os.stat({str(payload)!r}), 0
whole = payload.read_bytes()
for position, bit in {flips}:
    with payload.open("r+b") as file:
        file.seek(position)
        file.write(bytes([whole[position] ^ 1 << bit]))
    os.utime(payload, ns=(times.st_atime_ns, times.st_mtime_ns))
    error = failure(lambda: open_repository("org/name").path("onnx/model.onnx"))
    found += error is not None and error[0] == "IntegrityError" and "does not have the digest" in error[1]
    payload.write_bytes(whole)
report(found=found, right=failure(lambda: open_repository("org/name").path("onnx/model.onnx")))
"""
    assert home.run(code, {"HF_HUB_OFFLINE": "1"}).items() >= {"found": 200, "right": None}.items()


def test_a_damaged_shared_file_is_fetched_anew_once(home: Home) -> None:
    """The repository gets bytes of its own, and the payload that others share is left as it is."""
    files = {"config.json": b"{}", "onnx/model.onnx": b"m" * 300_000}
    cache = SharedCache(home, files)
    payload = cache.payload("onnx/model.onnx")
    payload.chmod(0o600)
    payload.write_bytes(b"x" + b"m" * 299_999)
    code = "report(data=open_repository('org/name').path('onnx/model.onnx').read_bytes() == b'm' * 300_000)"
    for _ in range(2):
        assert home.run(code)["data"] is True
    assert len([request for request in home.hub.requests if request.method == "GET" and request.host == "cdn"]) == 1
    assert payload.read_bytes()[:1] == b"x"
    assert "is damaged and fetched anew" in home.output[1]


@pytest.mark.parametrize("half", ["payload gone", "no marker", "another marker", "a folder"])
def test_half_a_store(home: Home, half: str) -> None:
    """Whatever is missing: offline the error names the file, online the model loads and is right from then on."""
    cache = SharedCache(home, {"config.json": b"{}", "onnx/model.onnx": b"m" * 300_000})
    payload = cache.payload("onnx/model.onnx")
    if half == "payload gone":
        payload.unlink()
    elif half == "a folder":
        payload.unlink()
        payload.mkdir()
    else:
        marker = cache.cache / "blobs" / ".huggingface-shared-blobs"
        marker.unlink()
        if half == "another marker":
            marker.write_text("2\n")
    call = "open_repository('org/name').path('onnx/model.onnx')"
    reported = home.run(f"report(failure=failure(lambda: {call}))", {"HF_HUB_OFFLINE": "1"})["failure"]
    if "marker" in half:  # its bytes have the digest that is their name in the repository
        assert reported is None
    else:
        assert reported[0] in {"OfflineError", "ModelNotFoundError"}
        assert "onnx/model.onnx" in reported[1]
    code = f"report(data={call}.read_bytes() == b'm' * 300_000)"
    assert home.run(code)["data"] is True
    home.run("open_repository('org/name', refresh=True); report()")
    assert home.run(code, {"HF_HUB_OFFLINE": "1"})["data"] is True


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can be somebody else")
def test_a_payload_that_nobody_may_read(hub: HubServer, request: pytest.FixtureRequest) -> None:
    """Another user's file of mode 0400: the Hub's copy takes its place, and offline the error says what cannot be read."""
    folder = Path(tempfile.mkdtemp())  # in a place where others may look
    request.addfinalizer(functools.partial(shutil.rmtree, folder))
    home = Home(folder, hub)
    hub.add("org/warm", {"onnx/model.onnx": b"w"})
    cache = SharedCache(home, {"config.json": b"{}", "onnx/model.onnx": b"m" * 300_000})
    os.chown(cache.payload("onnx/model.onnx"), 0, 0)
    for path in [home.path, *home.path.rglob("*")]:
        if not path.is_symlink() and path != cache.payload("onnx/model.onnx"):
            path.chmod(0o777)
    cache.payload("onnx/model.onnx").chmod(0o400)
    code = """
import os
open_repository("org/warm").path("onnx/model.onnx")  # so that all is imported that this user alone may read
os.environ["HF_HUB_OFFLINE"] = "1"
failure(lambda: open_repository("org/missing"))
del os.environ["HF_HUB_OFFLINE"]
os.setuid(65534)
call = lambda: open_repository("org/name").path("onnx/model.onnx").read_bytes() == b"m" * 300_000
os.environ["HF_HUB_OFFLINE"] = "1"
offline = failure(call)
del os.environ["HF_HUB_OFFLINE"]
report(offline=offline, online=call())
"""
    reported = home.run(code, {"HF_HUB_OFFLINE": ""})
    assert reported["offline"][0] == "IntegrityError"
    assert "cannot be read (Permission denied)" in reported["offline"][1]
    assert reported["online"] is True


def test_a_shared_payload_counts_once(home: Home) -> None:
    """Each repository has its bytes, and all of them together have them once."""
    files = {"config.json": b"{}", "onnx/model.onnx": b"m" * 300_000}
    for model_id in ("org/name", "org/other"):
        SharedCache(home, files, model_id)
        home.run(f"open_repository({model_id!r}); report()")
    models = hub_models(home.cache)
    assert [model.size for model in models] == [300_002, 300_002]
    assert size_on_disk(models) == 300_004
    assert [list(model.damage()) for model in models] == [[], []]


def test_a_file_is_verified_once_and_by_its_first_link(home: Home) -> None:
    """A damaged payload is one error in each repository, which names the file and the digest that it lacks."""
    cache = SharedCache(home, {"config.json": b"{}", "onnx/model.onnx": b"m" * 300_000})
    home.run("open_repository('org/name'); report()")
    payload = cache.payload("onnx/model.onnx")
    payload.chmod(0o600)
    payload.write_bytes(b"n" * 300_000)
    (model,) = hub_models(home.cache)
    found = [str(error) for error in model.damage()]
    assert found == [
        f"{payload}: it does not have the digest {hashlib.sha256(b'm' * 300_000).hexdigest()}; it is model.onnx"
    ]


def lay_apart(folder: Path, files: dict[str, bytes]) -> Path:
    """Files as links to folders of their own; the model's path."""
    for name, data in files.items():
        real = folder / "store" / hashlib.sha256(data).hexdigest() / "bytes"
        real.parent.mkdir(parents=True)
        real.write_bytes(data)
        (folder / "onnx").mkdir(exist_ok=True)
        (folder / name).symlink_to(real)
    return folder / "onnx/model.onnx"


def test_files_are_gathered_by_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For an ONNX Runtime that looks beside the model alone, and for the moment alone; a later one takes them as they are."""
    model = lay_apart(tmp_path, {"onnx/model.onnx": b"graph", "onnx/model.onnx_data": b"weights"})
    weights = [model.with_name("model.onnx_data")]
    monkeypatch.setattr(gathering, "_read_version", lambda: (1, 31))
    with gather_files(model, weights) as place:
        assert place.read_bytes() == b"graph"
        assert place.with_name("model.onnx_data").stat().st_ino == weights[0].stat().st_ino
        assert not place.is_symlink()
    assert sorted(path.name for path in model.parent.iterdir()) == ["model.onnx", "model.onnx_data"]
    with gather_files(model, ()) as place:
        assert place == model
    monkeypatch.setattr(gathering, "_read_version", lambda: (1, 32))
    with gather_files(model, weights) as place:
        assert place == model


def test_what_cannot_be_linked_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on another file system; the copy goes as the links do."""

    def refuse(*_paths: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    model = lay_apart(tmp_path, {"onnx/model.onnx": b"graph", "onnx/model.onnx_data": b"weights"})
    monkeypatch.setattr(gathering, "_read_version", lambda: (1, 31))
    monkeypatch.setattr("os.link", refuse)
    with gather_files(model, [model.with_name("model.onnx_data")]) as place:
        assert place.with_name("model.onnx_data").read_bytes() == b"weights"
    assert not place.parent.exists()


def test_small_tensors_in_another_file_are_taken_in(tmp_path: Path) -> None:
    """ONNX Runtime needs the numbers of a Reshape while it reads the graph: they are put there, and no weight is."""
    files = external_files(threshold=1)
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    path = tmp_path / "onnx" / "model.onnx"
    copied = onnx.load_from_string(inline_small_tensors(path))
    original = onnx.load(path)
    assert len(copied.graph.initializer) == len(original.graph.initializer)
    moved = 0
    for tensor, expected in zip(copied.graph.initializer, original.graph.initializer, strict=True):
        assert (tensor.name, tensor.dims, tensor.data_type) == (expected.name, expected.dims, expected.data_type)
        if tensor.external_data:
            moved += 1
            assert len(expected.raw_data) > 1024
        else:
            assert np.array_equal(onnx.numpy_helper.to_array(tensor), onnx.numpy_helper.to_array(expected))
    assert moved > 3
    import onnxhub

    assert onnxhub.load("text-classification", tmp_path, compiled=False)("a good day").label == "POSITIVE"
    assert sorted(path.name for path in path.parent.iterdir()) == ["model.onnx", "model.onnx_data"]


def test_weights_of_a_local_folder_stay_in_the_folder(tmp_path: Path) -> None:
    """The store is the Hub's: a link out of a folder of one's own is refused as before."""
    files = external_files()
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    weights = tmp_path / "onnx" / "model.onnx_data"
    shared = tmp_path / "blobs" / "ab" / ("ab" * 32)
    shared.parent.mkdir(parents=True)
    shutil.move(weights, shared)
    weights.symlink_to(shared)
    import onnxhub

    with pytest.raises(errors.UnsafeModelError, match="a link to"):
        onnxhub.load("text-classification", tmp_path)
    assert json.loads(files["config.json"])
