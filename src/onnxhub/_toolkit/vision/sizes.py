"""The size that an image is resized to, by the rules of transformers' image processors; all in pixels, height first."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TypeAlias

    Size: TypeAlias = tuple[int, int]
    """Height and width."""

__all__ = ["divide", "fit", "keep_between", "shorten_to"]


def shorten_to(size: Size, *, edge: int) -> Size:
    """Return the size whose shorter side is ``edge``, with the same ratio of sides, rounded down."""
    height, width = size
    return (int(edge * height / width), edge) if width <= height else (edge, int(edge * width / height))


def keep_between(size: Size, *, shortest: int, longest: int, multiple: int = 1) -> Size:
    """Return the size with this shorter side, unless the longer one were above ``longest``; both cut to a multiple.

    This is DETR's rule, and with a multiple of 16 that of YOLOS. The order of the operations is theirs, since it decides
    how a size is rounded.
    """
    height, width = size
    short, long = float(min(size)), float(max(size))
    edge, exact = shortest, float(shortest)
    if long / short * shortest > longest:
        exact = longest * short / long
        edge = round(exact)
    # YOLOS asks for the lower side of an upright image before it asks whether any side is right already.
    if (height <= width and height == edge) or (multiple == 1 and width <= height and width == edge):
        new = size
    elif width < height:
        new = int(exact * height / width), edge
    else:
        new = edge, int(exact * width / height)
    return new[0] // multiple * multiple, new[1] // multiple * multiple


def fit(size: Size, *, to: Size, keep_ratio: bool, multiple: int) -> Size:
    """Return ``to`` in multiples; with ``keep_ratio``, the size that one of its sides gives, the one nearer to the image's.

    This is DPT's rule, which rounds half to even.
    """
    scales = to[0] / size[0], to[1] / size[1]
    if keep_ratio:
        nearer = scales[1] if abs(1 - scales[1]) < abs(1 - scales[0]) else scales[0]
        scales = nearer, nearer
    return round(scales[0] * size[0] / multiple) * multiple, round(scales[1] * size[1] / multiple) * multiple


def divide(size: Size, *, multiple: int) -> Size:
    """Return the size with both sides cut to a multiple: GLPN's rule."""
    return size[0] // multiple * multiple, size[1] // multiple * multiple
