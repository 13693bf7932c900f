"""The Frechet distance between two clouds of features, in float64."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

Features = NDArray[np.floating]  # (N, F)


def frechet_distance(one: Features, two: Features) -> float:
    """Squared Frechet distance between Gaussians fitted to features (N, F) and (M, F).

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)). With N or M below F the covariances are singular
    and the value depends on N and M: state them beside it.

    Raises:
        ValueError: for fewer than two rows or features that are not finite.

    Source: Heusel et al. 2017 (arXiv 1706.08500), equation 6; Dowson & Landau 1982.
    """
    first, second = (_checked(features) for features in (one, two))
    difference = first.mean(axis=0) - second.mean(axis=0)
    covariances = [np.atleast_2d(np.cov(rows, rowvar=False)) for rows in (first, second)]
    cross = _trace_of_root(*covariances)
    traces = sum(float(np.trace(covariance)) for covariance in covariances)
    return max(0.0, float(difference @ difference) + traces - 2 * cross)


def _checked(features: Features) -> NDArray[np.float64]:
    rows = np.asarray(features, dtype=np.float64)
    if rows.ndim != 2 or len(rows) < 2 or not np.isfinite(rows).all():
        raise ValueError(
            f"features must be at least two finite rows (N, F), got shape {rows.shape}; "
            "score more samples, or look for a diverged model"
        )
    return rows


def _trace_of_root(one: NDArray[np.float64], two: NDArray[np.float64]) -> float:
    """Trace of (C1 C2)^(1/2), by the symmetric C1^(1/2) C2 C1^(1/2): no complex numbers."""
    values, vectors = linalg.eigh(one)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    inner = linalg.eigvalsh(root @ two @ root)
    return float(np.sqrt(np.clip(inner, 0, None)).sum())
