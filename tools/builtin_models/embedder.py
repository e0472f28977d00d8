"""builtin:embed: all of all-MiniLM-L6-v2 in four bits a weight, not trained; how near it comes, and its card."""

from __future__ import annotations

import json
import random
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from tools.builtin_models import encoder, export, quantisation, vocabulary
from tools.builtin_models.data import qa, sentiment
from tools.builtin_models.pairs import LARGEST, NAME, correlate, rank, read_pairs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from tools.builtin_models.pairs import Pair

__all__ = ["NAME", "make"]

_LAYERS: Final = 6
_CALIBRATION: Final = 250, 80
"""Sentences, and longer texts, by whose activations the rounding is compensated."""
_SEED: Final = 20240501
_TOKENS: Final = 256
"""The longest text, as sentence-transformers cuts for this model."""
_LINEARS: Final = ("projections", "mixed", "widened", "narrowed")
_CARD: Final = """---
license: apache-2.0
base_model: sentence-transformers/all-MiniLM-L6-v2
language: en
pipeline_tag: sentence-similarity
library_name: onnxhub
---

# Embeddings: all-MiniLM-L6-v2 in four bits

Vectors of 384 numbers for English sentences and short paragraphs: texts that mean nearly the same point nearly the same
way. It comes with onnxhub, so that examples, tests and first steps need no download. It is a demonstration model, but not a
toy: [all-MiniLM-L6-v2](https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2), all six layers, with weights of four
bits. For work in other languages, for long texts, or where the last percent counts, take a model of the Hub.

```python
import onnxhub

onnxhub.similarity("How do I reset my password?", "I forgot my password.", model="builtin:embed")
```

## How it was made

`python -m tools.builtin_models embed` in onnxhub's repository makes it again. Nothing was trained: each weight is rounded to
one of sixteen values, block by block of {block}, and what follows makes up for each error (GPTQ, arXiv 2210.17323), by the
activations of {calibration} texts that the repository's scripts wrote. Its vocabulary is BERT's without reserved pieces and
single characters of scripts that the model does not read: {pieces:,} pieces.

## What it reaches

On {pairs} pairs of sentences written by hand for this card, each graded from 0 (nothing in common) to 5 (same meaning):
Spearman's correlation of the cosine with the grade.

| model | all pairs |
|---|---:|
| **builtin:embed** | **{ours:.3f}** |
| all-MiniLM-L6-v2, fp32 | {theirs:.3f} |

| grade | pairs | mean cosine | in fp32 |
|---|---:|---:|---:|
{grades}

Its vectors and those in fp32 have a cosine of {cosine:.4f} in the mean over these sentences, {least:.4f} at the least; the
cosines of two texts differ by {difference:.3f} in the mean, {largest:.3f} at the most.

## What goes wrong

A cosine says what texts are about, not whether they agree: "The team won the final" and "The team lost the final" are near
each other. Some pairs whose cosine is far from their grade:

{wrong}

## Licence

Apache-2.0, as all-MiniLM-L6-v2.
"""


def make(folder: Path, report: Callable[[str], None]) -> None:
    """Make the model's folder."""
    torch.manual_seed(_SEED)
    source = encoder.read_minilm()
    pieces = vocabulary.whole(source.vocabulary)
    model = encoder.TaskModel(source, pieces, _LAYERS, 0, pooled=True, dropout=0.0).eval()
    rounded = model.table, model.positions
    model.table = source.weights["embeddings.word_embeddings.weight"][list(pieces.sources)]
    model.positions = source.weights["embeddings.position_embeddings.weight"]
    pairs = read_pairs()
    texts = [text for pair in pairs for text in (pair.first, pair.second)]
    exact = _embed(model, texts)
    model.table, model.positions = rounded
    _round_layers(model, _calibration_texts(), report)
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch) / NAME
        export.write(model, made, "BertModel", ())
        _write_pooling(made)
        _write_card(made, pairs, texts, exact, len(pieces.pieces))
        size = sum(path.stat().st_size for path in made.rglob("*") if path.is_file())
        if size > LARGEST:
            report(f"{NAME}: {size:,} bytes are more than {LARGEST:,}")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(made, folder)
    report(f"{NAME}: {size:,} bytes in {folder}")


def _calibration_texts() -> list[str]:
    rng = random.Random(_SEED)
    sentences = [example[0] for example in sentiment.examples(rng, 4000)]
    passages = [example[1] for example in qa.examples(rng, 600)]
    return [*rng.sample(sentences, _CALIBRATION[0]), *rng.sample(passages, _CALIBRATION[1])]


def _embed(model: encoder.TaskModel, texts: Sequence[str]) -> NDArray[np.float32]:
    """Vectors of length 1, ``(texts, width)``."""
    tokenizer = vocabulary.tokenizer(model.vocabulary.ids, lowercase=True)
    vectors = []
    for encoding in tokenizer.encode_batch(list(texts)):
        ids = torch.tensor([encoding.ids[:_TOKENS]])
        with torch.no_grad():
            vectors.append(
                torch.nn.functional.normalize(model(ids, torch.ones_like(ids), torch.zeros_like(ids)), dim=-1)
            )
    joined: NDArray[np.float32] = torch.cat(vectors).numpy()
    return joined


def _round_layers(model: encoder.TaskModel, texts: Sequence[str], report: Callable[[str], None]) -> None:
    """Round one matrix after another, each by the activations that the rounded ones before it give."""
    for number, layer in enumerate(model.layers, 1):
        for name in _LINEARS:
            linear = getattr(layer, name)
            gram = _gram(model, linear, texts)
            linear.blocks = quantisation.compensate(linear.weight, gram, encoder.BLOCK)
            with torch.no_grad():
                linear.weight.copy_(linear.blocks.values)
        report(f"{NAME}: layer {number} of {_LAYERS} is rounded")


def _gram(model: encoder.TaskModel, linear: encoder.Linear, texts: Sequence[str]) -> Tensor:
    gram = torch.zeros(linear.weight.shape[1], linear.weight.shape[1])

    def add(_module: object, inputs: tuple[Tensor]) -> None:
        rows = inputs[0].flatten(0, -2)
        gram.add_(rows.T @ rows)

    hook = linear.register_forward_pre_hook(add)
    _embed(model, texts)
    hook.remove()
    return gram


def _write_pooling(folder: Path) -> None:
    """Write what sentence-transformers does with the tokens' vectors: the mean, to length 1."""
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    described = [
        {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for number, (path, kind) in enumerate(modules)
    ]
    (folder / "modules.json").write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    pooling = {
        "word_embedding_dimension": encoder.WIDTH,
        "pooling_mode_cls_token": False,
        "pooling_mode_mean_tokens": True,
    }
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling, indent=2) + "\n", encoding="utf-8")
    limits = {"max_seq_length": _TOKENS, "do_lower_case": False}
    (folder / "sentence_bert_config.json").write_text(json.dumps(limits, indent=2) + "\n", encoding="utf-8")


def _write_card(
    folder: Path, pairs: Sequence[Pair], texts: Sequence[str], exact: NDArray[np.float32], pieces: int
) -> None:
    import onnxhub

    with onnxhub.load("feature-extraction", folder, threads=1) as loaded:
        vectors = np.asarray(loaded(list(texts)))
    grades = [pair.grade for pair in pairs]
    ours, theirs = _cosines(vectors), _cosines(exact)
    own = (vectors * exact).sum(-1)
    rows = []
    for grade in sorted(set(grades), reverse=True):
        places = [place for place, given in enumerate(grades) if given == grade]
        rows.append(f"| {grade} | {len(places)} | {ours[places].mean():.3f} | {theirs[places].mean():.3f} |")
    far = np.argsort(-np.abs(rank(ours) - rank(np.asarray(grades, np.float64))))[:5]
    wrong = [
        f"> {pairs[place].first}\n> {pairs[place].second}\n\nGrade {grades[place]}, cosine {ours[place]:.2f}."
        for place in far
    ]
    text = _CARD.format(
        block=encoder.BLOCK,
        calibration=sum(_CALIBRATION),
        pieces=pieces,
        pairs=len(pairs),
        ours=correlate(ours, grades),
        theirs=correlate(theirs, grades),
        grades="\n".join(rows),
        cosine=own.mean(),
        least=own.min(),
        difference=np.abs(ours - theirs).mean(),
        largest=np.abs(ours - theirs).max(),
        wrong="\n\n".join(wrong),
    )
    (folder / "README.md").write_text(text, encoding="utf-8")


def _cosines(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of each first text with its second; they lie one after the other."""
    cosines: NDArray[np.float32] = (vectors[::2] * vectors[1::2]).sum(-1)
    return cosines
