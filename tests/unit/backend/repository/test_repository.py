"""Files that were made here, among those of a repository."""

import json
from pathlib import Path

from onnxhub._backend.repository.repository import open_repository


def test_made_files_stand_beside_and_in_place_of_the_repository_s_own(tmp_path: Path) -> None:
    """A made file is found, measured and read like any other, and the repository that it was given to is as before."""
    folder, elsewhere = tmp_path / "model", tmp_path / "made"
    folder.mkdir()
    elsewhere.mkdir()
    (folder / "config.json").write_text(json.dumps({"of": "the folder"}))
    (folder / "README.md").write_text("hello")
    (elsewhere / "c").write_text(json.dumps({"of": "what was made"}))
    (elsewhere / "m").write_bytes(b"12345")

    plain = open_repository(folder)
    made = plain.with_generated({"config.json": elsewhere / "c", "onnx/model.onnx": elsewhere / "m"})

    assert made.json("config.json") == {"of": "what was made"}
    assert made.path("onnx/model.onnx") == elsewhere / "m"
    assert made.has("onnx/model.onnx")
    assert made.files["onnx/model.onnx"] == 5
    assert made.path("README.md") == folder / "README.md"
    assert plain.json("config.json") == {"of": "the folder"}
    assert not plain.has("onnx/model.onnx")
