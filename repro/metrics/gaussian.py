"""The log-likelihood of rows under the Gaussian fitted to other rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SMALLEST_SHARE = 1e-6  # of a feature's sd that the features before it leave unexplained


def gaussian_log_likelihood(fitted: NDArray[np.floating], rows: NDArray[np.floating]) -> Floats:
    """Log-density (N,) in nats of rows (N, D) under the maximum-likelihood Gaussian of others.

    Raises:
        ValueError: if the fitted rows (M, D) have a singular covariance.

    Source: Papamakarios et al. 2017 (MAF, arXiv 1705.07057), the Gaussian baseline of table 1.
    """
    train, test = (np.asarray(part, dtype=np.float64) for part in (fitted, rows))
    root = _root(np.atleast_2d(np.cov(train.T, bias=True)))
    whitened = np.linalg.solve(root, (test - train.mean(axis=0)).T)
    log_volume = np.log(np.diag(root)).sum()
    squares = (whitened**2).sum(axis=0)
    return np.asarray(-0.5 * (squares + train.shape[1] * np.log(2 * np.pi)) - log_volume)


def _root(covariance: Floats) -> Floats:
    """The lower Cholesky factor (D, D) of a covariance, refused where rounding alone makes it."""
    try:
        root = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        root = np.zeros_like(covariance)
    if (np.diag(root) <= SMALLEST_SHARE * np.sqrt(np.diag(covariance))).any():
        raise ValueError("the rows lie in a subspace; leave out features that repeat")
    return np.asarray(root)
