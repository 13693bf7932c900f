"""Paired yes-or-no outcomes: exact McNemar, and the difference of two paired shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from repro.report.statistics import Interval, share_interval


@dataclass(frozen=True)
class PairedShares:
    """Two paired shares: their difference, its interval, and McNemar's exact p.

    `only_first` and `only_second` count the pairs in which just that one is true.
    """

    interval: Interval
    p: float
    only_first: int
    only_second: int


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the two-sided exact p of McNemar's test; 1 where no pair disagrees.

    Source: McNemar 1947; the binomial test on the pairs that disagree.
    """
    if only_first + only_second == 0:
        return 1.0
    return float(stats.binomtest(only_first, only_first + only_second, 0.5).pvalue)


def paired_shares(
    first: Sequence[bool] | NDArray[np.bool_],
    second: Sequence[bool] | NDArray[np.bool_],
    level: float = 0.95,
) -> PairedShares:
    """Compare two yes-or-no outcomes of the same data seeds, first minus second.

    Raises:
        ValueError: where the outcomes are not of the same length, or there are none.

    Source: Newcombe 1998 (Improved confidence intervals for the difference between binomial
        proportions based on paired data), method 10: Wilson bounds with a correlation term.
    """
    a, b = np.asarray(first, dtype=bool).ravel(), np.asarray(second, dtype=bool).ravel()
    if a.size != b.size or a.size == 0:
        raise ValueError(f"{a.size} and {b.size} outcomes; give as many of both, and at least one")
    n = int(a.size)
    both, only_a = int((a & b).sum()), int((a & ~b).sum())
    only_b, neither = int((~a & b).sum()), int((~a & ~b).sum())
    low, high = _newcombe(both, only_a, only_b, neither, level)
    gap = (only_a - only_b) / n
    interval = Interval(gap, float("nan"), low, high, n, "newcombe-paired")
    return PairedShares(interval, mcnemar(only_a, only_b), only_a, only_b)


def _newcombe(
    both: int, only_a: int, only_b: int, neither: int, level: float
) -> tuple[float, float]:
    n = both + only_a + only_b + neither
    one, two = share_interval(both + only_a, n, level), share_interval(both + only_b, n, level)
    phi = _correlation(both, only_a, only_b, neither)
    gap = one.share - two.share

    def reach(down: float, up: float) -> float:
        return float(max(0.0, down**2 - 2 * phi * down * up + up**2) ** 0.5)

    below = reach(one.share - one.low, two.high - two.share)
    above = reach(one.high - one.share, two.share - two.low)
    return max(-1.0, gap - below), min(1.0, gap + above)


def _correlation(both: int, only_a: int, only_b: int, neither: int) -> float:
    """Newcombe's phi, continuity-corrected where it is positive; 0 where a margin is empty."""
    n = both + only_a + only_b + neither
    margins = (both + only_a) * (only_b + neither) * (both + only_b) * (only_a + neither)
    if margins == 0:
        return 0.0
    product = both * neither - only_a * only_b
    corrected = max(product - n / 2, 0.0) if product > 0 else float(product)
    return float(corrected / margins**0.5)
