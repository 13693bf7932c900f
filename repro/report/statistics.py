"""Intervals of a mean over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

STUDENT_T_UP_TO = 30
BOOTSTRAP_RESAMPLES = 9999


@dataclass(frozen=True)
class Interval:
    """A mean over seeds with its sample sd (ddof 1), the two bounds and how they were found.

    `method` is "student-t", "bca-bootstrap", "welch-t" or, where n < 2 leaves no interval,
    "none"; what does not exist is nan.
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


def mean_interval(
    values: Sequence[float] | NDArray[np.floating], level: float = 0.95, seed: int = 0
) -> Interval:
    """Estimate a mean: Student-t bounds for n <= 30, a seeded BCa bootstrap above.

    Raises: ValueError for a value that is not finite, or a level outside (0, 1).
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


def _check(sample: NDArray[np.float64], level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; give one between 0 and 1, such as 0.95")
    if not np.isfinite(sample).all():
        raise ValueError("a value is not finite; leave diverged seeds out and count them instead")


def _student_t(mean: float, sd: float, n: int, level: float) -> Interval:
    half = float(stats.t.ppf((1 + level) / 2, n - 1)) * sd / n**0.5
    return Interval(mean, sd, mean - half, mean + half, n, "student-t")


def _bca(sample: NDArray[np.float64], level: float, seed: int) -> tuple[float, float]:
    found = stats.bootstrap(
        (sample,),
        np.mean,
        n_resamples=BOOTSTRAP_RESAMPLES,
        confidence_level=level,
        method="BCa",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(found.low), float(found.high)
