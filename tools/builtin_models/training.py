"""The one training loop of the three heads."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from tools.builtin_models.features import IGNORED, Batch, batches
from tools.builtin_models.vocabulary import SPECIAL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from tools.builtin_models.encoder import TaskModel
    from tools.builtin_models.features import Row
    from tools.builtin_models.recipes import Recipe

__all__ = ["train"]

_SEPARATOR = SPECIAL.index("[SEP]")
_REPORTS = 50
_WEIGHT_DECAY = 0.01


def train(
    model: TaskModel, rows: Sequence[Row], recipe: Recipe, evaluate: Callable[[], float], report: Callable[[str], None]
) -> float:
    """Train, first in float and then rounded to four bits in every pass; leaves the best state in the model.

    Args:
        model: From MiniLM's weights.
        rows: The training data.
        recipe: Steps, rates, shares.
        evaluate: The score of the model as it is.
        report: Takes a line of progress.

    Returns:
        The best score.
    """
    model.freeze(recipe.frozen_layers)
    model.train()
    optimizer = torch.optim.AdamW(_groups(model, recipe), betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _share_of_rate(step, recipe))
    rounded_from = int(recipe.steps * recipe.float_share)
    stops = {
        recipe.steps - (recipe.steps - rounded_from) * index // recipe.evaluations
        for index in range(recipe.evaluations)
    }
    best, state, losses, begin = -1.0, model.state_dict(), 0.0, time.monotonic()
    stream = batches(rows, recipe, model.vocabulary, recipe.seed)
    for step in range(1, recipe.steps + 1):
        if step > rounded_from:
            model.quantise()
        batch = next(stream)
        loss = _loss(model(batch.ids, batch.mask, batch.types), batch, recipe)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        losses += loss.item()
        if step % _REPORTS == 0:
            speed = step / (time.monotonic() - begin)
            report(f"{recipe.name}: step {step} of {recipe.steps}, loss {losses / _REPORTS:.4f}, {speed:.2f} steps/s")
            losses = 0.0
        if step in stops:
            model.eval()
            score = evaluate()
            model.train()
            report(f"{recipe.name}: step {step}, dev {score:.4f}")
            if score >= best:
                best, state = score, {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(state)
    model.eval()
    return best


def _groups(model: TaskModel, recipe: Recipe) -> list[dict[str, object]]:
    """Head and case vectors, which start from nothing, learn faster; norms and biases do not decay."""
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            new = name.startswith(("head", "capitals"))
            decay = _WEIGHT_DECAY if parameter.dim() > 1 and not new else 0.0
            groups.setdefault((recipe.learning_rate * (recipe.head_rate if new else 1.0), decay), []).append(parameter)
    return [{"params": found, "lr": rate, "weight_decay": decay} for (rate, decay), found in groups.items()]


def _share_of_rate(step: int, recipe: Recipe) -> float:
    """Rises linearly, then falls to nothing."""
    rising = max(int(recipe.steps * recipe.warmup), 1)
    return min((step + 1) / rising, max(recipe.steps - step, 0) / max(recipe.steps - rising, 1))


def _loss(logits: Tensor, batch: Batch, recipe: Recipe) -> Tensor:
    if recipe.labels:
        flat = logits.flatten(0, -2)
        return functional.cross_entropy(
            flat, batch.target.flatten(), ignore_index=IGNORED, label_smoothing=recipe.smoothing
        )
    # The answer is in the second text; the classification token stands for "none".
    allowed = (batch.types == 1) & (batch.ids != _SEPARATOR) & (batch.mask == 1)
    allowed[:, 0] = True
    masked = logits.masked_fill(~allowed[..., None], -1e9)
    both = [functional.cross_entropy(masked[..., side], batch.target[:, side]) for side in (0, 1)]
    return (both[0] + both[1]) / 2
