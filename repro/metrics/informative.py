"""Which latents tell something: their spread within clusters, and what they say of the cluster."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

FEWEST_POINTS = 2
SMALLEST = 1e-12  # variance


def spreads(z: NDArray[np.floating], cluster: Labels) -> Floats:
    """Standard deviation (D,) of each latent (N, D) within clusters, root mean square over them.

    Raises:
        ValueError: if a cluster has fewer than two points.

    Source: Sorrenson et al. 2020 (GIN), figure 2, the spectrum by which they choose latents.
    """
    _, variances, _ = _gaussians(z, cluster)
    return np.asarray(np.sqrt(variances.mean(axis=0)))


def cluster_information(z: NDArray[np.floating], cluster: Labels) -> Floats:
    """Mutual information (D,) in nats of each latent (N, D) with the cluster (N,).

    Every latent is taken to be a Gaussian within a cluster, with the cluster's mean and variance.

    Raises:
        ValueError: if a cluster has fewer than two points.

    Source: the selection rule of OpenReview Mub9VkGZoZe (2020); the estimator is ours.
    """
    means, variances, shares = _gaussians(z, cluster)
    values = np.asarray(z, np.float64)[:, None]  # (N, 1, D)
    logs = -0.5 * ((values - means) ** 2 / variances + np.log(2 * np.pi * variances))
    own = logs[np.arange(len(values)), cluster]
    top = logs.max(axis=1, keepdims=True)
    mixture = np.log((shares[:, None] * np.exp(logs - top)).sum(axis=1)) + top[:, 0]
    information: Floats = (own - mixture).mean(axis=0)
    return information


def _gaussians(z: NDArray[np.floating], cluster: Labels) -> tuple[Floats, Floats, Floats]:
    """Means and variances (M, D) within clusters, and the clusters' shares (M,) of the points."""
    values = np.asarray(z, np.float64)
    counts = np.bincount(cluster)
    if counts.min() < FEWEST_POINTS:
        raise ValueError("a cluster has fewer than two points; use more points")
    groups = [values[cluster == label] for label in range(len(counts))]
    means = np.stack([group.mean(axis=0) for group in groups])
    variances = np.stack([group.var(axis=0) for group in groups])
    return means, np.maximum(variances, SMALLEST), counts / counts.sum()
