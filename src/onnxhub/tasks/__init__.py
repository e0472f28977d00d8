"""The tasks, one file each; importing this package registers them. A new one is its file and a line here."""

from onnxhub.tasks import (
    custom,
    feature_extraction,
    fill_mask,
    multiple_choice,
    question_answering,
    sparse_feature_extraction,
    text_classification,
    text_ranking,
    token_classification,
    zero_shot_classification,
)

__all__ = [
    "custom",
    "feature_extraction",
    "fill_mask",
    "multiple_choice",
    "question_answering",
    "sparse_feature_extraction",
    "text_classification",
    "text_ranking",
    "token_classification",
    "zero_shot_classification",
]
