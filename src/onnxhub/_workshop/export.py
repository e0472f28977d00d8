"""Write a model as a folder that ``load`` takes, converted or quantised first where it has to be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import metadata
from typing import TYPE_CHECKING

from onnxhub._backend.export_folder import check_folder, write_folder
from onnxhub._backend.graphs.signature import read_graph
from onnxhub._backend.kept.entries import retry_if_cleared
from onnxhub._backend.plan import carry_out
from onnxhub._backend.runtime.providers import choose_candidates
from onnxhub._loading.build import check_files

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from onnxhub._backend.plan import ChosenFiles
    from onnxhub._loading.request import LoadRequest
    from onnxhub._loading.resolve import Resolution

__all__ = ["Exported", "export_model"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A folder that was written, and what it was made of."""

    model_id: str
    commit: str | None
    """None: it was made of a folder."""
    task: str
    ort_class: str
    """The class of ``optimum.onnxruntime`` that reads it."""
    dtype: str
    reason: str
    """Why these files."""
    files: Mapping[str, int]
    """Name in the folder -> bytes."""


def export_model(request: LoadRequest, folder: Path, *, anew: bool = False, force: bool = False) -> Exported:
    """Write the model of a request into a folder.

    Args:
        request: What ``load`` would be asked for the model, on the CPU.
        folder: Where it is written.
        anew: Whether it is converted even if it has an ONNX file, or was converted before.
        force: Whether the folder may hold other files.

    Raises:
        InvalidOptionError: The folder holds other files.
        OnnxHubError: ``load`` would refuse the model.
        OSError: The disk is full, or cannot be written.
    """
    check_folder(folder, force=force)
    found, ready = _prepare(replace(request, export=True) if anew else request, anew=anew)
    task, first = found.known_task, next(iter(ready.choices.values()))
    ort_class = found.known_plan.ort_class
    made_of = {
        "model": found.model_id,
        "revision": found.commit or "",
        "task": task.name,
        "ORTModelForXXX": ort_class,
        "dtype": first.dtype,
        "choice": first.reason,
        "onnxhub": metadata.version("onnxhub"),
    }
    files = write_folder(ready, folder, made_of, force=force)
    return Exported(
        model_id=found.model_id,
        commit=found.commit,
        task=task.name,
        ort_class=ort_class,
        dtype=first.dtype,
        reason=first.reason,
        files=files,
    )


@retry_if_cleared
def _prepare(request: LoadRequest, *, anew: bool) -> tuple[Resolution, ChosenFiles]:
    """Resolve the request, make what has to be made, and check that ``load`` would take it."""
    task = request.named_task
    found = request.resolve(request.open_repository(task), task, choose_candidates("cpu", None), anew=anew)
    ready = carry_out(found.known_plan)
    first = next(iter(ready.choices.values()))
    check_files(found.known_task, ready.repository, read_graph(ready.fetched[first.file].path), request.outputs)
    return found, ready
