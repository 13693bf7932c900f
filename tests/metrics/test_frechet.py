"""The Frechet distance against its closed forms."""

import numpy as np
import pytest
from scipy import linalg

from repro.metrics.frechet import frechet_distance


def cloud(n=400, dim=3, seed=0):
    return np.random.RandomState(seed).randn(n, dim)


def test_it_is_zero_of_a_cloud_with_itself_and_symmetric():
    a, b = cloud(), 1 + 2 * cloud(seed=1)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a))


def test_a_shift_costs_its_square_and_a_scale_its_square_of_standard_deviations():
    a = cloud()
    assert frechet_distance(a, a + np.array([3, 0, 4])) == pytest.approx(25)
    expected = 0.25 * np.trace(np.cov(a, rowvar=False))
    assert frechet_distance(a - a.mean(0), 1.5 * (a - a.mean(0))) == pytest.approx(expected)


def test_it_equals_the_formula_with_a_general_matrix_root():
    mix = np.random.RandomState(3).randn(3, 3)
    a, b = cloud(), cloud(seed=2) @ mix
    covariances = [np.cov(rows, rowvar=False) for rows in (a, b)]
    root = linalg.sqrtm(covariances[0] @ covariances[1])
    means = a.mean(0) - b.mean(0)
    expected = means @ means + np.trace(covariances[0] + covariances[1] - 2 * root.real)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)


def test_fewer_rows_than_features_and_float32_features_are_no_trouble():
    a = cloud(5, 20).astype(np.float32)
    assert np.isfinite(frechet_distance(a, a + 1))
    assert frechet_distance(a, a + 1) == pytest.approx(20, rel=1e-4)


@pytest.mark.parametrize("bad", [np.ones(3), np.ones((1, 3)), np.full((4, 3), np.nan)])
def test_what_has_no_distance_is_refused(bad):
    with pytest.raises(ValueError, match="finite rows"):
        frechet_distance(cloud(), bad)
