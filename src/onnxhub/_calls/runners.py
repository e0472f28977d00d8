"""How a model gets from prepared inputs to results; most do it in one pass of the graph."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from onnxhub._calls.monitor import CallMonitor
    from onnxhub._contracts.postprocessor import Postprocessor
    from onnxhub._contracts.preprocessor import Prepared, Preprocessor
    from onnxhub._contracts.protocols import Backend
    from onnxhub.errors import IndexedError

__all__ = ["Runner"]


class Runner(ABC):
    """Prepared inputs to results; made for each call, of the parts of the model that is called.

    A class of models names its own in ``Model.runner``.
    """

    __slots__ = ("backend", "outputs", "postprocessor", "preprocessor")

    def __init__(
        self,
        backend: Backend,
        preprocessor: Preprocessor[Any, Any],
        postprocessor: Postprocessor[Any, Any],
        outputs: Sequence[str],
    ) -> None:
        """Take the parts of a model over.

        Args:
            backend: What runs the graph.
            preprocessor: What the inputs were prepared by.
            postprocessor: What makes results of outputs.
            outputs: The outputs of the graph that the task wants.
        """
        self.backend: Backend = backend
        self.preprocessor: Preprocessor[Any, Any] = preprocessor
        self.postprocessor: Postprocessor[Any, Any] = postprocessor
        self.outputs: Sequence[str] = outputs

    @abstractmethod
    def __call__(
        self, prepared: Iterable[Prepared[Any] | IndexedError], monitor: CallMonitor | None
    ) -> Iterator[tuple[int, Any]]:
        """Yield the position of each input with its result, or with the error that it raises alone; in any order.

        Args:
            prepared: The inputs in order, read as they are needed; an error among them is given back.
            monitor: What counts the inputs that are done, and may end the call.
        """

    @abstractmethod
    def run_alone(self, prepared: Prepared[Any], monitor: CallMonitor | None) -> Any:
        """Return the result of an input that is called by itself, or raise its error."""
