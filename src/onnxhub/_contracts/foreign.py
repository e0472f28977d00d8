"""Classes of other packages that public signatures name: for type checkers alone, nothing is imported at run time."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnxruntime import InferenceSession as InferenceSession  # noqa: PLC0414, TID251  # for a type alone
    from optimum.onnxruntime import ORTModel as ORTModel  # noqa: PLC0414, TID251  # for a type alone
