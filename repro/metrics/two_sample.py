"""Whether two sets of points could come from one distribution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.spatial.distance import cdist

Floats = NDArray[np.float64]
PERMUTATIONS = 199


@dataclass(frozen=True)
class TwoSample:
    """A statistic of two samples and the p of the hypothesis that they are alike."""

    value: float
    p: float


def energy_test(one: ArrayLike, other: ArrayLike, seed: int = 0) -> TwoSample:
    """The energy coefficient of samples (N, D) and (M, D), in [0, 1], and its permutation p.

    It is the energy distance over twice the mean distance between the samples: 0 where the two
    distributions are the same. Columns are first divided by their pooled standard deviation.

    Raises:
        ValueError: as `classifier_test`.

    Source: Szekely & Rizzo 2013 (Energy statistics), with 199 seeded permutations.
    """
    pooled, sizes = _pooled(one, other)
    distances = cdist(pooled, pooled)
    weights = np.concatenate([np.full(sizes[0], 1 / sizes[0]), np.full(sizes[1], -1 / sizes[1])])
    random = np.random.default_rng(seed)
    shuffled = [random.permutation(weights) for _ in range(PERMUTATIONS)]
    every = np.column_stack([weights, *shuffled])
    energies = -(every * (distances @ every)).sum(axis=0)
    between = float(distances[: sizes[0], sizes[0] :].mean())
    p = (1 + int((energies[1:] >= energies[0]).sum())) / (1 + PERMUTATIONS)
    return TwoSample(float(energies[0]) / (2 * between) if between > 0 else 0.0, p)


def classifier_test(one: ArrayLike, other: ArrayLike, seed: int = 0) -> TwoSample:
    """The accuracy of telling sample (N, D) from sample (M, D), in [0, 1], and its p against 1/2.

    A nearest-neighbour vote (as many neighbours as the root of the training points) learns from
    one random half of the pooled points and is scored on the other; N and M should be equal, so
    that guessing scores 1/2.

    Raises:
        ValueError: if the widths differ, a sample has fewer than eight points or a value is not
            finite.

    Source: Lopez-Paz & Oquab 2017 (Revisiting classifier two-sample tests).
    """
    from sklearn.neighbors import KNeighborsClassifier  # slow to import

    pooled, sizes = _pooled(one, other)
    labels = np.repeat([0, 1], sizes)
    order = np.random.default_rng(seed).permutation(len(pooled))
    learn, score = order[: len(order) // 2], order[len(order) // 2 :]
    voters = KNeighborsClassifier(max(1, round(len(learn) ** 0.5)))
    voters.fit(pooled[learn], labels[learn])
    right = int((voters.predict(pooled[score]) == labels[score]).sum())
    p = float(stats.binomtest(right, len(score), 0.5, alternative="greater").pvalue)
    return TwoSample(right / len(score), p)


def _pooled(one: ArrayLike, other: ArrayLike) -> tuple[Floats, tuple[int, int]]:
    first, second = np.asarray(one, np.float64), np.asarray(other, np.float64)
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise ValueError(f"{first.shape} and {second.shape} must be (N, D) and (M, D); reshape")
    if min(len(first), len(second)) < 8:
        raise ValueError("a sample has fewer than eight points; draw more")
    pooled = np.concatenate([first, second])
    if not np.isfinite(pooled).all():
        raise ValueError("a point is not finite; count the sample as failed")
    spread = pooled.std(axis=0)
    return pooled / np.where(spread > 0, spread, 1.0), (len(first), len(second))
