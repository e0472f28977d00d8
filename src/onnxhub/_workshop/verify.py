"""The comparison of two precisions of a model: agreement, speed and size."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from onnxhub._workshop.bench import Setting, fit_texts, measure
from onnxhub._workshop.compare import compare
from onnxhub._workshop.sentences import SENTENCES
from onnxhub._workshop.trials import configure_for_evaluation, require_texts, sample_inputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxhub._backend.engine import OnnxBackend
    from onnxhub._loading.request import LoadRequest
    from onnxhub._workshop.compare import Agreement
    from onnxhub._workshop.trials import AnyModel

__all__ = ["Side", "Verified", "verify_variant"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two precisions that were compared."""

    dtype: str
    file: str
    reason: str
    """Why this file."""
    size: int
    """Bytes of all its files."""
    rate: float
    """Inputs a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """How far a variant agrees with the reference, how much faster it is, and how much smaller."""

    task: str
    inputs: Sequence[object]
    agreement: Agreement
    reference: Side
    variant: Side

    @property
    def speed_ratio(self) -> float:
        """The speed of the variant, in times of the reference's."""
        return self.variant.rate / self.reference.rate

    @property
    def size_ratio(self) -> float:
        """The bytes of the variant, in times of the reference's."""
        return self.variant.size / self.reference.size


def verify_variant(
    request: LoadRequest, *, dtype: str, against: str, texts: Sequence[str] | None, seconds: float
) -> Verified:
    """Compare two precisions of the model of a request.

    Args:
        request: What ``load`` is asked beside the precision.
        dtype: The precision that is judged.
        against: The precision that is taken for right.
        texts: What both are given; None: sentences that come with the package.
        seconds: About how long the speed is measured.

    Raises:
        InvalidOptionError: The task is not one on texts.
        OnnxHubError: One of them cannot be loaded.
    """
    task = request.named_task
    if task is not None:
        require_texts(task)
    with ExitStack() as opened:
        models = {
            Setting(dtype=name): configure_for_evaluation(opened.enter_context(replace(request, dtype=name).load()))
            for name in (against, dtype)
        }
        reference, variant = models.values()
        inputs = sample_inputs(reference, texts or fit_texts(reference, SENTENCES), competing=True)
        agreement = compare(reference, variant, inputs)
        measured, _, _ = measure(models, inputs, seconds=seconds)
        rates = {entry.setting: entry.texts_per_second for entry in measured}
        first, second = (_summarise(model, rates[setting]) for setting, model in models.items())
        return Verified(task=reference.task.name, inputs=inputs, agreement=agreement, reference=first, variant=second)


def _summarise(model: AnyModel, rate: float) -> Side:
    info = model.info
    size = cast("OnnxBackend", model.backend).size
    return Side(dtype=info.dtype, file=info.file, reason=info.reason, size=size, rate=rate)
