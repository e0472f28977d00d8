"""Pixels of 8 bits to the numbers that a graph takes: cropped, scaled and normalised."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["crop_center", "look_up", "tabulate"]

LEVELS = 256
CHANNELS = 3


def tabulate(
    scale: float | None,
    *,
    offset: float = 0.0,
    normalizations: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...] = (),
) -> NDArray[np.float32]:
    """Return what each level of each channel becomes, shape ``(3, 256)``.

    The steps are taken in the order, and in the precision, of transformers' image processors, so that each number is
    theirs to the last bit.

    Args:
        scale: What levels are multiplied by; None: nothing.
        offset: What is added then.
        normalizations: Means and deviations of the channels, one pair for each time that pixels are normalised.
    """
    levels = np.arange(LEVELS, dtype=np.float64)
    values = levels.astype(np.float32) if scale is None else (levels * scale).astype(np.float32)
    values = values + np.float32(offset) if offset else values
    table = np.repeat(values[:, np.newaxis], CHANNELS, axis=1)
    for mean, deviation in normalizations:
        table -= np.array(mean, np.float32)
        table /= np.array(deviation, np.float32)
    return np.ascontiguousarray(table.T)


def look_up(pixels: NDArray[np.uint8], table: NDArray[np.float32], *, is_reversed: bool = False) -> NDArray[np.float32]:
    """Return the numbers of an image; shapes: ``(height, width, 3), (3, 256) -> (3, height, width)``.

    Args:
        pixels: Red, green and blue.
        table: What ``tabulate`` gives.
        is_reversed: Whether the graph takes blue first.
    """
    numbers = np.empty((CHANNELS, *pixels.shape[:2]), np.float32)
    for channel in range(CHANNELS):
        place = CHANNELS - 1 - channel if is_reversed else channel
        np.take(table[channel], pixels[:, :, channel], out=numbers[place])
    return numbers


def crop_center(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Cut the middle out, of this height and width; a smaller image is put on black.

    What cannot be halved is at the right and at the bottom where an image is cut, and at the left and at the top where
    black is added, as transformers has it.
    """
    height, width = pixels.shape[:2]
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    if top >= 0 and left >= 0:
        return pixels[top : top + size[0], left : left + size[1]]
    new = max(size[0], height), max(size[1], width)
    padded = np.zeros((*new, pixels.shape[2]), pixels.dtype)
    above, before = -((height - new[0]) // 2), -((width - new[1]) // 2)
    padded[above : above + height, before : before + width] = pixels
    top, left = top + above, left + before
    return padded[max(0, top) : min(new[0], top + size[0]), max(0, left) : min(new[1], left + size[1])]
