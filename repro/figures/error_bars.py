"""Error bars: how far intervals reach, and data seeds' values with their mean beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from repro.report.statistics import Interval, mean_interval


def reach(intervals: Iterable[Interval]) -> NDArray[np.float64]:
    """Return how far below and above its mean each interval reaches, (2, n); 0 without one."""
    pairs = [(one.mean - one.low, one.high - one.mean) for one in intervals]
    return np.maximum(np.nan_to_num(pairs).reshape(-1, 2).T, 0.0)


def said_n(counts: Iterable[int]) -> str:
    """How many units the points of a picture rest on: `n = 5`, `n = 2 to 5`; 0 are not drawn."""
    known = sorted({int(count) for count in counts} - {0}) or [0]
    return f"n = {known[0]}" + (f" to {known[-1]}" if len(known) > 1 else "")


def draw_values(ax: Axes, place: float, values: Sequence[float], colour: str, size: float) -> None:
    """Draw values as faint marks about a place, and their mean with its interval beside them."""
    away = np.linspace(-0.16, 0.16, len(values)) if len(values) > 1 else np.zeros(1)
    ax.scatter(place + away, values, s=size, color=colour, alpha=0.4, linewidths=0)
    ours = mean_interval(values)
    ax.errorbar([place + 0.3], [ours.mean], reach([ours]), color=colour, marker="o", markersize=4,
                capsize=2)  # fmt: skip
