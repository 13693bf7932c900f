"""How much of the sources' shape the latents keep, beyond the one-to-one correlations."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.spatial import KDTree

from repro.metrics.identifiability import checked

Floats = NDArray[np.float64]
NEIGHBOURS = 20


def geometry(s: ArrayLike, z: ArrayLike) -> dict[str, float]:
    """Three scores of sources and latents (N, D): affine_r2, procrustes, rank_preservation.

    Raises:
        ValueError: as `repro.metrics.identifiability.matched_correlations`.
    """
    return {
        "affine_r2": affine_r2(s, z),
        "procrustes": procrustes_residual(s, z),
        "rank_preservation": local_rank_preservation(s, z),
    }


def affine_r2(s: ArrayLike, z: ArrayLike) -> float:
    """The share of the sources' variance that the best affine map of the latents explains.

    Both are (N, D); the mean of R^2 over the sources, in [0, 1], 1 for latents that are an
    invertible affine map of the sources.
    """
    true, found = checked(s, z)
    design = np.column_stack((found, np.ones(len(found))))
    weights, *_ = np.linalg.lstsq(design, true, rcond=None)
    left = ((true - design @ weights) ** 2).sum(axis=0)
    total = ((true - true.mean(axis=0)) ** 2).sum(axis=0)
    return float(np.mean(1 - left / np.where(total > 0, total, 1.0)))


def procrustes_residual(s: ArrayLike, z: ArrayLike) -> float:
    """What is left after the best rotation, reflection, shift and one scale: 0 is the same shape.

    Each source and latent (N, D) has its own scale taken out first, since no model is identified
    further. In [0, 1], a share of the sources' variance.

    Source: Gower 1975; the disparity of scipy.spatial.procrustes on standardised columns.
    """
    true, found = (_standardised(values) for values in checked(s, z))
    singular = np.linalg.svd(true.T @ found, compute_uv=False)
    sizes = np.linalg.norm(true) * np.linalg.norm(found)
    return float(1 - (singular.sum() / sizes) ** 2) if sizes > 0 else 1.0


def local_rank_preservation(s: ArrayLike, z: ArrayLike, neighbours: int = NEIGHBOURS) -> float:
    """How well a point's nearest points keep their order of distance: mean Spearman correlation.

    For each point, its `neighbours` nearest points among the sources (N, D) are ranked by their
    distance in s and in z, both with standardised columns. 1 keeps every order, 0 is chance.

    Source: ours.
    """
    true, found = (_standardised(values) for values in checked(s, z))
    count = min(neighbours, len(true) - 1)
    near = np.asarray(KDTree(true).query(true, k=count + 1)[1])[:, 1:]
    here, there = (np.linalg.norm(v[near] - v[:, None, :], axis=2) for v in (true, found))
    ranks = stats.rankdata(here, axis=1), stats.rankdata(there, axis=1)
    one, other = (values - values.mean(axis=1, keepdims=True) for values in ranks)
    sizes = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return float(np.mean((one * other).sum(axis=1) / np.where(sizes > 0, sizes, 1.0)))


def _standardised(values: Floats) -> Floats:
    centred = values - values.mean(axis=0)
    spread = centred.std(axis=0)
    unit: Floats = centred / np.where(spread > 0, spread, 1.0)
    return unit
