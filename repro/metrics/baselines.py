"""What needs no training: the scores that any learnt latents should be compared with."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from repro.metrics.identifiability import mean_correlation, within_segment_mcc

Floats = NDArray[np.float64]
BASELINES = ("x", "pca", "zca", "segment_means", "supervised_linear")  # the last two look at s


def estimate(name: str, s: ArrayLike, x: ArrayLike, segment: ArrayLike) -> Floats:
    """The latents (N, D) that a baseline gives for sources s and observations x, each (N, D).

    "x" are the observations themselves, "pca" their principal components, "zca" the whitening
    nearest to them, "segment_means" the mean of the true sources in each point's segment (N,) and
    "supervised_linear" the least-squares regression of the true sources on x.

    Raises:
        ValueError: for a name that is not in `BASELINES`.
    """
    true, seen = np.asarray(s, np.float64), np.asarray(x, np.float64)
    centred = seen - seen.mean(axis=0)
    match name:
        case "x":
            return seen
        case "pca":
            return centred @ _directions(centred)[1]
        case "zca":
            sizes, directions = _directions(centred)
            return centred @ (directions / np.sqrt(sizes)) @ directions.T
        case "segment_means":
            return _segment_means(true, np.asarray(segment))
        case "supervised_linear":
            return _regression(true, seen)
    raise ValueError(f"no baseline is called {name!r}; use one of {', '.join(BASELINES)}")


def baseline_scores(s: ArrayLike, x: ArrayLike, segment: ArrayLike) -> dict[str, float]:
    """The MCC of every baseline, mcc_<name>, and its MCC within segments, mcc_within_<name>.

    A segment's mean says nothing within it, so that "segment_means" has no second score.

    Raises:
        ValueError: as `repro.metrics.identifiability.matched_correlations`.
    """
    found: dict[str, float] = {}
    for name in BASELINES:
        z = estimate(name, s, x, segment)
        found[f"mcc_{name}"] = mean_correlation(s, z)
        if name != "segment_means":
            found[f"mcc_within_{name}"] = within_segment_mcc(s, z, segment)
    return found


def _directions(centred: Floats) -> tuple[Floats, Floats]:
    """Variances (D,) and unit directions (D, D) of the principal components, largest first."""
    sizes, directions = np.linalg.eigh(centred.T @ centred / len(centred))
    return sizes[::-1], directions[:, ::-1]


def _segment_means(true: Floats, segment: NDArray[np.integer]) -> Floats:
    labels, place = np.unique(segment, return_inverse=True)
    means = np.stack([true[place == index].mean(axis=0) for index in range(len(labels))])
    picked: Floats = means[place]
    return picked


def _regression(true: Floats, seen: Floats) -> Floats:
    design = np.column_stack((seen, np.ones(len(seen))))
    weights, *_ = np.linalg.lstsq(design, true, rcond=None)
    fitted: Floats = design @ weights
    return fitted
