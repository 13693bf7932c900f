"""Whether seeds agree on an order of conditions: Page's trend test and Friedman's test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

EXACT_CELLS = 250  # seeds x conditions up to which the exact null distribution is quick to find


@dataclass(frozen=True)
class Trend:
    """Page's L and the one-sided p that values rise along the columns."""

    statistic: float
    p: float
    method: str  # exact | asymptotic


@dataclass(frozen=True)
class Agreement:
    """Friedman's chi-squared, its p and Kendall's W (0: no agreement, 1: every seed alike)."""

    statistic: float
    p: float
    w: float


def page_trend(values: Sequence[Sequence[float]] | NDArray[np.floating]) -> Trend:
    """Test whether values (seeds, conditions) rise along the conditions.

    Raises:
        ValueError: for fewer than 3 conditions or 2 seeds, or a value that is not finite.

    Source: Page 1963; scipy.stats.page_trend_test.
    """
    table = _table(values)
    exact = table.size <= EXACT_CELLS and not _tied(table)
    found = stats.page_trend_test(table, method="exact" if exact else "asymptotic")
    return Trend(float(found.statistic), float(found.pvalue), str(found.method))


def friedman(values: Sequence[Sequence[float]] | NDArray[np.floating]) -> Agreement:
    """Test whether any condition of values (seeds, conditions) ranks higher than another.

    Raises:
        ValueError: for fewer than 3 conditions or 2 seeds, or a value that is not finite.

    Source: Friedman 1937; scipy.stats.friedmanchisquare. W = chi-squared / (n (k - 1)).
    """
    table = _table(values)
    seeds, conditions = table.shape
    found = stats.friedmanchisquare(*table.T)
    chi = float(found.statistic)
    return Agreement(chi, float(found.pvalue), chi / (seeds * (conditions - 1)))


def slopes(
    values: Sequence[Sequence[float]] | NDArray[np.floating], at: Sequence[float]
) -> NDArray[np.float64]:
    """Return each seed's least-squares slope of values (seeds, conditions) on `at`, (seeds,)."""
    table = np.asarray(values, dtype=np.float64)
    x = np.asarray(at, dtype=np.float64) - np.mean(at)
    return np.asarray(table @ x / (x @ x), dtype=np.float64)


def _table(values: Sequence[Sequence[float]] | NDArray[np.floating]) -> NDArray[np.float64]:
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] < 2 or table.shape[1] < 3:
        raise ValueError(f"a table {table.shape} shows no trend; give 2 seeds and 3 conditions")
    if not np.isfinite(table).all():
        raise ValueError("a value is not finite; leave that seed out of every condition")
    return table


def _tied(table: NDArray[np.float64]) -> bool:
    return any(len(set(row)) < len(row) for row in table.tolist())
