"""Whether a mean is the same as a given number, within a margin: two one-sided tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from repro.report.statistics import Interval, mean_interval


@dataclass(frozen=True)
class Equivalence:
    """The mean minus the target with its interval, and the p of the two one-sided t tests."""

    interval: Interval
    p: float


def tost(
    values: Sequence[float] | NDArray[np.floating],
    target: float,
    margin: float,
    level: float = 0.95,
    seed: int = 0,
) -> Equivalence:
    """Test whether the mean of the values lies within `margin` of `target`.

    The p is the larger one of the two one-sided t tests; below .05 the mean is equivalent.

    Raises:
        ValueError: for a margin that is not positive, fewer than two values, or one that is not
            finite.

    Source: Schuirmann 1987; scipy.stats.ttest_1samp with alternatives "greater" and "less".
    """
    sample = np.asarray(values, dtype=np.float64).ravel()
    if margin <= 0:
        raise ValueError(f"margin is {margin}; give a positive one, such as 0.02")
    if sample.size < 2:
        raise ValueError(f"{sample.size} values cannot be tested; give at least two")
    interval = mean_interval(sample, level, seed).shifted(-target)
    if np.ptp(sample) == 0:
        return Equivalence(interval, 0.0 if abs(interval.mean) < margin else 1.0)
    above = stats.ttest_1samp(sample, target - margin, alternative="greater").pvalue
    below = stats.ttest_1samp(sample, target + margin, alternative="less").pvalue
    return Equivalence(interval, float(max(above, below)))


def beyond_p(
    values: Sequence[float] | NDArray[np.floating], target: float, margin: float
) -> float:
    """The two-sided t test's p against whichever end of target +- margin is nearer to the mean.

    It ranks a claim of equivalence that its whole interval contradicts. 0 where all values are
    equal, since none of them is then in doubt.

    Source: scipy.stats.ttest_1samp.
    """
    sample = np.asarray(values, dtype=np.float64).ravel()
    if np.ptp(sample) == 0:
        return 0.0
    end = target + np.copysign(margin, sample.mean() - target)
    return float(stats.ttest_1samp(sample, end).pvalue)
