"""Differences over data seeds: their mean, two tests, and the standardised effect with bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from repro.report.statistics import Interval, mean_interval, signed_rank_p


@dataclass(frozen=True)
class Effect:
    """Cohen's dz (mean over sd of the differences, ddof 1) with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Paired:
    """Differences over seeds: mean and interval, two-sided p of t and of Wilcoxon, and dz."""

    interval: Interval
    t_p: float
    wilcoxon_p: float
    effect: Effect
    positive: int  # how many differences are above 0


def paired(
    differences: Sequence[float] | NDArray[np.floating], level: float = 0.95, seed: int = 0
) -> Paired:
    """Describe and test differences, one a data seed, against 0.

    With fewer than two differences tests and effect are nan; where all are equal, t and effect.

    Raises:
        ValueError: for a difference that is not finite.

    Source: scipy.stats.ttest_1samp and wilcoxon; the interval is `mean_interval`'s.
    """
    sample = np.asarray(differences, dtype=np.float64).ravel()
    interval = mean_interval(sample, level, seed)
    nan = float("nan")
    positive = int((sample > 0).sum())
    if sample.size < 2 or np.ptp(sample) == 0:
        ranked = signed_rank_p(sample) if sample.size > 1 else nan
        return Paired(interval, nan, ranked, Effect(nan, nan, nan), positive)
    t = float(stats.ttest_1samp(sample, 0.0).statistic)
    t_p = float(stats.ttest_1samp(sample, 0.0).pvalue)
    effect = effect_interval(t, int(sample.size), level)
    return Paired(interval, t_p, signed_rank_p(sample), effect, positive)


def effect_interval(t: float, n: int, level: float = 0.95) -> Effect:
    """Invert the noncentral t distribution: dz and its interval from a one-sample t statistic.

    Source: Cumming & Finch 2001 (confidence intervals based on noncentral distributions).
    """
    root = n**0.5
    if not np.isfinite(t):  # differences whose spread is too small for floating point
        return Effect(t, t, t)
    bounds = (_noncentrality(t, n - 1, (1 + side * level) / 2) for side in (1, -1))
    low, high = (bound / root for bound in bounds)
    return Effect(t / root, low, high)


def _noncentrality(t: float, freedom: int, share: float) -> float:
    """The noncentrality under which a share `share` of all t statistics is below this one."""

    def excess(noncentrality: float) -> float:
        found = float(stats.nct.cdf(t, freedom, noncentrality))
        if np.isnan(found):  # SciPy gives up far in the tails, where it is 0 or 1
            found = 0.0 if noncentrality > t else 1.0
        return found - share

    reach = 5.0 + abs(t)  # doubled where the level is too high, or n too small, for it
    while excess(t - reach) < 0 or excess(t + reach) > 0:
        reach *= 2
    return float(optimize.brentq(excess, t - reach, t + reach))
