"""Plots as SVG, written by hand: lines and bars that read on white pages and on black ones, for they bring their paper."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

WIDTH, TOP, LEFT, RIGHT, BOTTOM = 720, 84, 76, 34, 54
PLOT = 300
"""Height of the area of lines."""
BAR, GAP, NAMES = 22, 10, 340
"""Height of a bar, the space below it, and the width of the names before it."""
COLOURS = ("#00796b", "#c2410c", "#5e35b1", "#1565c0", "#ad1457", "#6d4c41", "#546e7a")
"""onnxhub's first; each at least 4.5 : 1 against the paper."""
MARKS = ("circle", "square", "diamond", "triangle")
STYLE = """\
    text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; font-size: 12px; fill: #37474f; }
    .title { font-size: 15px; font-weight: 600; fill: #1b2428; }
    .end { text-anchor: end; }
    .middle { text-anchor: middle; }
    .paper { fill: #fbfcfc; stroke: #b0bec5; }
    .grid { stroke: #dfe5e8; stroke-width: 1; }
    .axis { stroke: #90a4ae; stroke-width: 1.2; }
    .line { fill: none; stroke-width: 2.2; stroke-linejoin: round; }"""


@dataclass(frozen=True)
class Axis:
    """What is along it, with its unit."""

    label: str
    log: bool = False


@dataclass(frozen=True)
class Lines:
    """Curves over one horizontal axis."""

    name: str
    """Of the file, without its ending."""
    title: str
    x: Axis
    y: Axis
    series: Mapping[str, Sequence[tuple[float, float]]]
    """Points by what they are of; onnxhub first."""

    def svg(self) -> str:
        """Return the drawing."""
        return _page(self.title, TOP + PLOT + BOTTOM, list(self._drawn()))

    def _drawn(self) -> Iterator[str]:
        points = [point for some in self.series.values() for point in some]
        across = _Scale.of([x for x, _ in points], LEFT, WIDTH - RIGHT, log=self.x.log)
        up = _Scale.of([y for _, y in points], TOP + PLOT, TOP, log=self.y.log)
        for tick in up.ticks:
            yield f'<path d="M{LEFT} {up(tick):.1f}H{WIDTH - RIGHT}" class="grid"/>'
            yield _text(LEFT - 8, up(tick) + 4, _number(tick), "end")
        for tick in across.ticks:
            yield f'<path d="M{across(tick):.1f} {TOP}V{TOP + PLOT}" class="grid"/>'
            yield _text(across(tick), TOP + PLOT + 18, _number(tick), "middle")
        yield f'<path d="M{LEFT} {TOP}V{TOP + PLOT}H{WIDTH - RIGHT}" class="axis" fill="none"/>'
        yield _text((LEFT + WIDTH - RIGHT) / 2, TOP + PLOT + 40, _said(self.x), "middle")
        turned = f"rotate(-90 18 {TOP + PLOT / 2})"
        yield f'<text x="18" y="{TOP + PLOT / 2}" class="middle" transform="{turned}">{escape(_said(self.y))}</text>'
        for place, some in enumerate(self.series.values()):
            at = [(across(x), up(y)) for x, y in some]
            colour = COLOURS[place % len(COLOURS)]
            yield f'<path d="M{"L".join(f"{x:.1f} {y:.1f}" for x, y in at)}" class="line" stroke="{colour}"/>'
            if len(at) <= 20:  # of a curve of many points, marks would hide it
                yield from (_mark(place, x, y) for x, y in at)
        yield from self._legend()

    def _legend(self) -> Iterator[str]:
        at = float(LEFT)
        for place, name in enumerate(self.series):
            yield _mark(place, at + 5, 58)
            yield _text(at + 16, 62, name)
            at += 34 + _width(name)


@dataclass(frozen=True)
class Bars:
    """One number for each program, the best known by its label."""

    name: str
    """Of the file, without its ending."""
    title: str
    unit: str
    """Of the numbers."""
    values: Mapping[str, float]
    """By program; onnxhub's names begin so."""

    def svg(self) -> str:
        """Return the drawing."""
        return _page(self.title, 56 + len(self.values) * (BAR + GAP) + 14, list(self._drawn()))

    def _drawn(self) -> Iterator[str]:
        room = WIDTH - NAMES - RIGHT - 90
        most = max(self.values.values())
        for place, (name, value) in enumerate(self.values.items()):
            top = 56 + place * (BAR + GAP)
            colour = COLOURS[0] if name.startswith("onnxhub") else "#90a4ae"
            width = max(value / most * room, 1)
            yield _text(NAMES - 10, top + BAR / 2 + 4, name, "end")
            yield f'<rect x="{NAMES}" y="{top}" width="{width:.1f}" height="{BAR}" rx="3" fill="{colour}"/>'
            yield _text(NAMES + width + 8, top + BAR / 2 + 4, f"{_significant(value)} {self.unit}")


@dataclass(frozen=True)
class _Scale:
    """Values to positions."""

    ticks: Sequence[float]
    low: float
    high: float
    start: float
    end: float
    log: bool

    @classmethod
    def of(cls, values: Sequence[float], start: float, end: float, *, log: bool) -> _Scale:
        """One that shows all values, between the positions."""
        ticks = _log_ticks(values) if log else _linear_ticks(values)
        low, high = (min(*values, ticks[0]), max(*values, ticks[-1])) if log else (ticks[0], ticks[-1])
        return cls([tick for tick in ticks if low <= tick <= high], low, high, start, end, log)

    def __call__(self, value: float) -> float:
        """Return the position of a value."""
        low, high, at = (math.log(number) if self.log else number for number in (self.low, self.high, value))
        return self.start + (at - low) / (high - low or 1) * (self.end - self.start)


def _log_ticks(values: Sequence[float]) -> list[float]:
    """Powers of ten, with 2 and 5 between where there is room; powers of two where the values are such."""
    low, high = min(values), max(values)
    if all(value >= 1 and math.log2(value).is_integer() for value in values):
        return [2.0**power for power in range(round(math.log2(low)), round(math.log2(high)) + 1)]
    steps = (1, 2, 5) if math.log10(high / low) < 3 else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [step * 10.0**power for power in powers for step in steps]
    first = max((tick for tick in ticks if tick <= low * 1.0001), default=ticks[0])
    last = min((tick for tick in ticks if tick >= high * 0.9999), default=ticks[-1])
    return [tick for tick in ticks if first <= tick <= last]


def _linear_ticks(values: Sequence[float]) -> list[float]:
    """From 0 to above the largest, at most six."""
    high = max(values) or 1
    power = 10.0 ** math.floor(math.log10(high))
    step = next(factor * power / 10 for factor in (1, 2, 5, 10, 20, 50, 100) if factor * power / 10 * 5 >= high)
    return [step * number for number in range(math.ceil(high / step - 1e-9) + 1)]


def _page(title: str, height: int, parts: list[str]) -> str:
    body = "\n".join(f"  {part}" for part in parts)
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-label="{escape(title)}">
  <title>{escape(title)}</title>
  <style>
{STYLE}
  </style>
  <rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8" class="paper"/>
  <text x="{WIDTH / 2}" y="30" class="title middle">{escape(title)}</text>
{body}
</svg>
"""


def _mark(place: int, x: float, y: float) -> str:
    colour, kind = COLOURS[place % len(COLOURS)], MARKS[place % len(MARKS)]
    if kind == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>'
    shape = {
        "square": f"M{x - 3.5:.1f} {y - 3.5:.1f}h7v7h-7z",
        "diamond": f"M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5z",
        "triangle": f"M{x:.1f} {y - 4.5:.1f}l4.5 8h-9z",
    }[kind]
    return f'<path d="{shape}" fill="{colour}"/>'


def _text(x: float, y: float, said: str, kind: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}"{f" class={kind!r}" if kind else ""}>{escape(said)}</text>'


def _width(said: str) -> float:
    """How wide a text of 12 pixels is, about."""
    return 6.6 * len(said)


def _said(axis: Axis) -> str:
    return f"{axis.label} (logarithmic)" if axis.log else axis.label


def _number(value: float) -> str:
    return f"{value:,.10g}"


def _significant(value: float) -> str:
    """Three digits that count, and never an exponent."""
    digits = max(2 - math.floor(math.log10(abs(value))), 0) if value else 0
    return f"{value:,.{digits}f}"
