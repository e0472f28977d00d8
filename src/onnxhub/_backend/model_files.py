"""The files of a repository that a task may read, and as much of a graph as is known without a session."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from onnxhub._backend.files.roles import MODEL
from onnxhub._backend.inputs.safetensors import read_safetensors
from onnxhub._backend.inputs.tokenizer import load_tokenizer
from onnxhub.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from onnxhub._backend.graphs.signature import Graph
    from onnxhub._backend.repository.repository import Repository
    from onnxhub._contracts.protocols import GraphInput, ImageProcessor, Tokenizer

__all__ = ["GraphSummary", "RepositoryFiles", "read_shapes"]

MOST_BYTES: Final = 32 * 2**20
"""Bytes of a text file; those of real models, such as chat templates and vocabularies, have a few million at the most."""


@dataclass(frozen=True, eq=False)
class RepositoryFiles:
    """The files of a Hub repository or local folder, as tasks read them."""

    repository: Repository
    config: Mapping[str, object]

    @property
    def model_id(self) -> str:
        """Hub id or folder."""
        return self.repository.model_id

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of ``tokenizer.json``, or a Japanese one.

        Raises:
            TaskMismatchError: The repository has none.
        """
        if not self.repository.has("tokenizer.json"):
            from onnxhub._backend.inputs.japanese import find_japanese_tokenizer, load_japanese_tokenizer

            if (settings := find_japanese_tokenizer(self.repository, self.config)) is not None:
                return load_japanese_tokenizer(self.repository, settings, self.config)
        return load_tokenizer(self.repository, self.config)

    @property
    def image_processor(self) -> ImageProcessor:
        """What ``preprocessor_config.json`` makes of images.

        Raises:
            TaskMismatchError: There is none, or it is not known what it does.
            MissingDependencyError: Pillow is not installed.
        """
        from onnxhub._backend.inputs.images import load_image_processor

        return load_image_processor(self)

    def json(self, name: str) -> Mapping[str, object] | None:
        """Return the object of a JSON file of the repository; None if it has no such file."""
        return self.repository.json(name)

    def json_list(self, name: str) -> Sequence[object] | None:
        """Return the list of a JSON file of the repository; None if it has no such file."""
        return self.repository.json_list(name)

    def text(self, name: str) -> str | None:
        """Return the text of a UTF-8 file of the repository; None if it has no such file.

        Raises:
            IntegrityError: It is not UTF-8, or has more bytes than a text of a model may have.
        """
        if not self.repository.has(name):
            return None
        path = self.repository.path(name)
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise IntegrityError(name, f"{self.model_id}: it has {size:,} bytes, and a text may have {MOST_BYTES:,}")
        try:
            return path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise IntegrityError(name, f"{self.model_id}: it is no text in UTF-8: {error}") from error

    def weights(self, name: str) -> Mapping[str, NDArray[np.float32]] | None:
        """Return the tensors of a safetensors file of the repository; None if it has no such file."""
        return read_safetensors(self.repository.path(name)) if self.repository.has(name) else None


@dataclass(frozen=True, eq=False)
class GraphSummary(RepositoryFiles):
    """A model whose files are known and whose session is not open: as much of a Backend as is checked before it is."""

    output_shapes: Mapping[str, tuple[int | None, ...]]
    taken: Mapping[str, GraphInput] = field(default_factory=dict)
    """Name of an input -> what the graph declares of it."""

    @property
    def input_names(self) -> tuple[str, ...]:
        """The graph's inputs."""
        return tuple(self.taken)

    @property
    def sessions(self) -> Mapping[str, None]:
        """The one role of the model, whose session is not open."""
        return {MODEL: None}

    def inputs(self, role: str) -> Mapping[str, GraphInput]:
        """Return what the graph takes, by name."""
        del role
        return self.taken


def read_shapes(graph: Graph) -> dict[str, tuple[int | None, ...]]:
    """Return the shapes of a graph's outputs as a session gives them: None where an axis is dynamic."""
    return {
        port.name: tuple(size if isinstance(size, int) else None for size in port.shape or ()) for port in graph.outputs
    }
