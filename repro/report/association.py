"""Rank correlation with an interval, and whether groups spread alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from repro.report.statistics import normal_reach


@dataclass(frozen=True)
class Correlation:
    """Spearman's rho with its interval, n and two-sided p."""

    rho: float
    low: float
    high: float
    n: int
    p: float


def spearman(
    x: Sequence[float] | NDArray[np.floating],
    y: Sequence[float] | NDArray[np.floating],
    level: float = 0.95,
    taken: int = 0,
) -> Correlation:
    """Correlate the ranks of paired values.

    `taken` degrees of freedom are already used up, as by means that were taken off the values.

    Raises:
        ValueError: for fewer than 4 pairs, a value that is not finite, or values all equal.

    Source: scipy.stats.spearmanr.
    """
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if a.shape != b.shape or a.size < 4:
        raise ValueError(f"{a.size} and {b.size} values; give at least 4 pairs")
    if not (np.isfinite(a).all() and np.isfinite(b).all()) or not (np.ptp(a) and np.ptp(b)):
        raise ValueError("values are not finite or all equal; they have no rank correlation")
    rho = float(stats.spearmanr(a, b).statistic)
    return rank_correlation(rho, int(a.size), level, taken)


def rank_correlation(rho: float, n: int, level: float = 0.95, taken: int = 0) -> Correlation:
    """Give Spearman's rho of n pairs its interval and p.

    `taken` degrees of freedom are already used up, as by means that were taken off the values or
    by a variable that a partial correlation holds fixed.

    Raises:
        ValueError: for fewer than 4 pairs more than are taken.

    Source: the interval is Fisher's z with the variance (1 + rho^2 / 2) / (n - 3) of Bonett &
        Wright 2000.
    """
    left = n - taken
    if left < 4:
        raise ValueError(f"{n} pairs less {taken}; give at least 4 more than are taken")
    if abs(rho) >= 1:
        return Correlation(rho, rho, rho, n, 0.0)
    p = float(2 * stats.t.sf(abs(rho) * ((left - 2) / (1 - rho**2)) ** 0.5, left - 2))
    half = normal_reach(level) * ((1 + rho**2 / 2) / (left - 3)) ** 0.5
    middle = float(np.arctanh(rho))
    bounds = np.tanh([middle - half, middle + half])
    return Correlation(rho, float(bounds[0]), float(bounds[1]), n, p)


def brown_forsythe(*groups: Sequence[float] | NDArray[np.floating]) -> tuple[float, float]:
    """Return the statistic and p of the test that all groups spread alike about their medians.

    Source: Brown & Forsythe 1974; scipy.stats.levene(center="median").
    """
    found = stats.levene(*(np.asarray(group, dtype=float) for group in groups), center="median")
    return float(found.statistic), float(found.pvalue)
