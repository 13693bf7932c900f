"""A forest plot: effects with their intervals, one line each, in groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Annotation
from matplotlib.textpath import TextPath

from repro.figures.style import (
    FAINT,
    INK,
    MUTED,
    foot_height,
    styled,
    wrapped_notes,
    write_foot,
)
from repro.figures.tables import show_number

WIDTH, LINE, HEAD, FOOT = 4.7, 0.26, 0.36, 0.48  # inches; long labels make it wider
WIDE = 8.0  # times the median width: an interval beyond it is cut off
CUT = "An arrow: the interval goes on beyond the axis, to the end that its numbers state."
LEFT, RIGHT = 0.36, 0.645  # fractions of WIDTH: where the axes begin and end
LABEL, CLEAR = 0.03, 0.005  # where labels begin, and what they leave free before the axes
SIZE = 7.4  # points
HINTED = 1.04  # how much wider than its outlines a text may be drawn


@dataclass(frozen=True)
class Mark:
    """One line: its group, its label, the effect, its bounds and n."""

    group: str
    label: str
    value: float
    low: float
    high: float
    n: int


@styled
def figure_forest(marks: Sequence[Mark], axis: str, notes: Sequence[str] = ()) -> Figure:
    """Draw the effects from top to bottom, a heading before each group, numbers on the right.

    An interval that is much wider than the others ends in an arrow, so that these stay readable;
    a note at the foot, where `notes` stand too, says so.
    """
    groups = list(dict.fromkeys(mark.group for mark in marks))
    rows = len(marks) + len(groups)
    first, last = _limits(marks)
    cut = any(mark.low < first or mark.high > last for mark in marks)
    more = _overhang([mark.label for mark in marks])
    width = WIDTH + more
    lines = wrapped_notes([*([CUT] if cut else []), *notes], width)
    foot = FOOT + foot_height(lines)
    height = HEAD + rows * LINE + foot
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    write_foot(figure, lines)
    bottom, top = foot / height, 1 - HEAD / height
    left, right = ((x * WIDTH + more) / width for x in (LEFT, RIGHT))
    axes = figure.add_axes((left, bottom, right - left, top - bottom))
    axes.set_ylim(rows - 0.5, -0.5)
    axes.set_xlim(first, last)
    axes.axvline(0, color=FAINT, linewidth=0.9, zorder=1)
    _head(axes)
    place = 0
    for group in groups:
        _heading(axes, place, group)
        place += 1
        for mark in (one for one in marks if one.group == group):
            _draw(axes, mark, place)
            place += 1
    axes.set_yticks([])
    axes.set_xlabel(axis)
    axes.grid(axis="x")
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    return figure


def _overhang(labels: Sequence[str]) -> float:
    """Inches by which the longest label is too long for its place left of the axes."""
    font = FontProperties(size=SIZE)
    longest = max(TextPath((0, 0), label, prop=font).get_extents().width for label in labels)
    return max(0.0, HINTED * float(longest) / 72 - (LEFT - CLEAR - LABEL) * WIDTH)


def _limits(marks: Sequence[Mark]) -> tuple[float, float]:
    """The ends of an axis for zero, every effect, and every interval that is not far too wide."""
    usual = WIDE * float(np.median([mark.high - mark.low for mark in marks]))
    shown = [mark for mark in marks if mark.high - mark.low <= usual]
    ends = [0.0, *(mark.value for mark in marks)]
    ends += [end for mark in shown for end in (mark.low, mark.high)]
    spare = 0.06 * (max(ends) - min(ends))
    return min(ends) - spare, max(ends) + spare


def _head(axes: Axes) -> None:
    for x, text, side in ((RIGHT + 0.02, "mean [95 %]", "left"), (0.985, "n", "right")):
        _text(axes, x, -0.95, text, "normal", MUTED, side)


def _draw(axes: Axes, mark: Mark, place: float) -> None:
    sure = mark.low > 0 or mark.high < 0
    colour = INK if sure else MUTED
    first, last = axes.get_xlim()
    ends = [max(mark.low, first), min(mark.high, last)]
    axes.plot(ends, [place, place], color=colour, linewidth=1.3, zorder=2,
              solid_capstyle="round")  # fmt: skip
    for end, full, arrow in zip(ends, (mark.low, mark.high), "<>", strict=True):
        if end != full:
            axes.plot([end], [place], arrow, color=colour, markersize=4.2, clip_on=False)
    face = colour if sure else "white"
    axes.plot([mark.value], [place], marker="o", markersize=4.2, color=colour,
              markerfacecolor=face, zorder=3)  # fmt: skip
    _text(axes, LABEL, place, mark.label, "normal", INK)
    low, mean, high = (show_number(v, 3, signed=True) for v in (mark.low, mark.value, mark.high))
    _text(axes, RIGHT + 0.02, place, f"{mean} [{low}, {high}]", "normal", colour, size=6.6)
    _text(axes, 0.985, place, str(mark.n), "normal", MUTED, "right", size=6.6)


def _heading(axes: Axes, place: float, group: str) -> None:
    """Write a group's name on a white box, which keeps the zero line and the grid off it."""
    text = _text(axes, 0.01, place, group, "bold", INK)
    text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 2.0})


def _text(
    axes: Axes,
    x: float,
    place: float,
    text: str,
    weight: str,
    colour: str,
    side: str = "left",
    size: float = SIZE,
) -> Annotation:
    """Write at a fraction of WIDTH, on a line of the axes; right of them it moves as they do."""
    width = axes.figure.bbox.width / axes.figure.dpi
    x = (x * WIDTH + (width - WIDTH if x > LEFT else 0.0)) / width
    return axes.annotate(text, (x, place), xycoords=("figure fraction", "data"), va="center",
                         ha=side, size=size, weight=weight, color=colour,
                         annotation_clip=False)  # fmt: skip
