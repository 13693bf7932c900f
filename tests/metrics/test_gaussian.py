"""The Gaussian baseline against scipy, and rows that no Gaussian fits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from repro.metrics.gaussian import gaussian_log_likelihood


def test_it_is_scipys_density_at_the_fitted_moments() -> None:
    random = np.random.RandomState(0)
    fitted, rows = random.randn(50, 4) @ random.randn(4, 4), random.randn(7, 4)
    expected = multivariate_normal(fitted.mean(axis=0), np.cov(fitted.T, bias=True)).logpdf(rows)
    np.testing.assert_allclose(gaussian_log_likelihood(fitted, rows), expected)
    one = gaussian_log_likelihood(fitted[:, :1], rows[:, :1])
    np.testing.assert_allclose(
        one, multivariate_normal(fitted[:, 0].mean(), fitted[:, 0].var()).logpdf(rows[:, 0])
    )


def test_repeating_features_are_refused() -> None:
    rows = np.random.RandomState(0).randn(20, 1)
    with pytest.raises(ValueError, match="leave out features"):
        gaussian_log_likelihood(np.hstack((rows, 2 * rows)), np.zeros((2, 2)))
