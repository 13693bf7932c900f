"""Intervals of a mean over seeds and of a share of runs."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

STUDENT_T_UP_TO = 30
NORMAL_95 = float(stats.norm.ppf(0.975))  # standard errors on either side of a 95 % interval
BOOTSTRAP_RESAMPLES = 9999
AT_ONCE = 10_000_000  # numbers that a bootstrap holds in memory; its result does not depend on it


@dataclass(frozen=True)
class Interval:
    """A mean over seeds with its sample sd (ddof 1), the two bounds and how they were found.

    `method` is "student-t", "bca-bootstrap", "welch-t", "newcombe", "newcombe-paired" or, where
    n < 2 leaves no interval, "none"; what does not exist is nan.
    """

    mean: float
    sd: float
    low: float
    high: float
    n: int
    method: str

    def shifted(self, by: float) -> Interval:
        """Return the interval of the same values after `by` is added to each of them."""
        return replace(self, mean=self.mean + by, low=self.low + by, high=self.high + by)


@dataclass(frozen=True)
class Share:
    """A count out of n with its Wilson interval; where n is 0, share and bounds are nan."""

    count: int
    n: int
    share: float
    low: float
    high: float


def mean_interval(
    values: Sequence[float] | NDArray[np.floating], level: float = 0.95, seed: int = 0
) -> Interval:
    """Estimate a mean: Student-t bounds for n <= 30, a seeded BCa bootstrap above, where it can.

    Raises:
        ValueError: for a value that is not finite, or a level outside (0, 1).

    Source: scipy.stats.bootstrap (method "BCa", 9,999 resamples).
    """
    sample = np.asarray(values, dtype=np.float64).ravel()
    _check(sample, level)
    nan = float("nan")
    if sample.size < 2:
        mean = float(sample[0]) if sample.size else nan
        return Interval(mean, nan, nan, nan, int(sample.size), "none")
    mean, sd = float(sample.mean()), float(sample.std(ddof=1))
    if sample.size <= STUDENT_T_UP_TO:
        return _student_t(mean, sd, int(sample.size), level)
    low, high = (mean, mean) if np.ptp(sample) == 0 else _bca(sample, level, seed)
    if np.isnan(low):  # a spread at the level of rounding, which tells BCa nothing
        return _student_t(mean, sd, int(sample.size), level)
    return Interval(mean, sd, low, high, int(sample.size), "bca-bootstrap")


def difference_from(
    ours: Interval,
    mean: float,
    sd: float | None,
    n: int | None,
    ddof: int = 1,
    level: float = 0.95,
) -> Interval:
    """Estimate our mean minus a published one, whose own uncertainty counts where it is known.

    With a published sd over n >= 2 seeds (divided by n - ddof): Welch's unequal-variance t
    interval from both summaries. Without: the published mean is exact, and our interval moves.

    Source: Welch 1947; the test of scipy.stats.ttest_ind_from_stats(equal_var=False), inverted.
    """
    if sd is None or n is None or n < 2 or ours.n < 2:
        return ours.shifted(-mean)
    theirs = sd**2 * (n - ddof) / (n - 1) / n  # squared standard errors
    own = ours.sd**2 / ours.n
    if own + theirs == 0:
        return ours.shifted(-mean)
    freedom = (own + theirs) ** 2 / (own**2 / (ours.n - 1) + theirs**2 / (n - 1))
    half = float(stats.t.ppf((1 + level) / 2, freedom)) * (own + theirs) ** 0.5
    gap = ours.mean - mean
    return Interval(gap, ours.sd, gap - half, gap + half, ours.n, "welch-t")


def share_interval(count: int, n: int, level: float = 0.95) -> Share:
    """Estimate a share by Wilson's score interval, which holds for counts of 0 and n as well.

    Raises:
        ValueError: for a count that is not within 0 and n, or a level outside (0, 1).

    Source: Wilson 1927; method 3 (without continuity correction) of Newcombe 1998.
    """
    _check_level(level)
    if not 0 <= count <= n:
        raise ValueError(f"{count} is no count out of {n}; give one from 0 to {n}")
    if n == 0:
        nan = float("nan")
        return Share(0, 0, nan, nan, nan)
    z = normal_reach(level)
    share = count / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * (share * (1 - share) / n + z**2 / (4 * n**2)) ** 0.5 / (1 + z**2 / n)
    low = 0.0 if count == 0 else middle - half  # exactly, whatever the rounding
    high = 1.0 if count == n else middle + half
    return Share(count, n, share, low, high)


def share_difference(ours: Share, theirs: Share) -> Interval:
    """Estimate the difference of two independent shares from their own intervals (same level).

    Source: Newcombe 1998 (Interval estimation for the difference between independent proportions,
    method 10: the two Wilson intervals, squared and added).
    """
    gap = ours.share - theirs.share
    below = ((ours.share - ours.low) ** 2 + (theirs.high - theirs.share) ** 2) ** 0.5
    above = ((ours.high - ours.share) ** 2 + (theirs.share - theirs.low) ** 2) ** 0.5
    return Interval(gap, float("nan"), gap - below, gap + above, ours.n, "newcombe")


def normal_reach(level: float = 0.95) -> float:
    """Return how many standard errors to either side an interval of a normal mean reaches."""
    return float(stats.norm.ppf((1 + level) / 2))


def signed_rank_p(differences: Sequence[float] | NDArray[np.floating]) -> float:
    """Return the two-sided p of Wilcoxon's signed-rank test; nan where every difference is 0.

    Differences of 0 are left out; the null distribution is exact up to 50 untied differences.

    Raises:
        ValueError: for a difference that is not finite.
    """
    sample = np.asarray(differences, dtype=np.float64).ravel()
    _check_finite(sample)
    sample = sample[sample != 0]
    return float(stats.wilcoxon(sample).pvalue) if sample.size else float("nan")


def _check(sample: NDArray[np.float64], level: float) -> None:
    _check_level(level)
    _check_finite(sample)


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; give one between 0 and 1, such as 0.95")


def _check_finite(sample: NDArray[np.float64]) -> None:
    if not np.isfinite(sample).all():
        raise ValueError("a value is not finite; leave diverged seeds out and count them instead")


def _student_t(mean: float, sd: float, n: int, level: float) -> Interval:
    half = float(stats.t.ppf((1 + level) / 2, n - 1)) * sd / n**0.5
    return Interval(mean, sd, mean - half, mean + half, n, "student-t")


def _bca(sample: NDArray[np.float64], level: float, seed: int) -> tuple[float, float]:
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        found = stats.bootstrap(
            (sample,),
            np.mean,
            n_resamples=BOOTSTRAP_RESAMPLES,
            confidence_level=level,
            method="BCa",
            batch=max(1, AT_ONCE // sample.size),
            rng=np.random.default_rng(seed),
        ).confidence_interval
    return float(found.low), float(found.high)
