"""The tasks, one file each; importing this package registers them. A new one is its file and a line here."""

from onnxhub.tasks import feature_extraction, question_answering, text_classification, token_classification

__all__ = ["feature_extraction", "question_answering", "text_classification", "token_classification"]
