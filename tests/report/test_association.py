"""Rank correlation and equality of spreads, held against SciPy and NIST's gear data."""

import math

import numpy as np
import pytest
from scipy import stats

from repro.report.association import brown_forsythe, spearman

# NIST/SEMATECH e-Handbook of statistical methods, 1.3.5.10: gear diameters of ten batches
GEAR = [
    [1.006, 0.996, 0.998, 1.000, 0.992, 0.993, 1.002, 0.999, 0.994, 1.000],
    [0.998, 1.006, 1.000, 1.002, 0.997, 0.998, 0.996, 1.000, 1.006, 0.988],
    [0.991, 0.987, 0.997, 0.999, 0.995, 0.994, 1.000, 0.999, 0.996, 0.996],
    [1.005, 1.002, 0.994, 1.000, 0.995, 0.994, 0.998, 0.996, 1.002, 0.996],
    [0.998, 0.998, 0.982, 0.990, 1.002, 0.984, 0.996, 0.993, 0.980, 0.996],
    [1.009, 1.013, 1.009, 0.997, 0.988, 1.002, 0.995, 0.998, 0.981, 0.996],
    [0.990, 1.004, 0.996, 1.001, 0.998, 1.000, 1.018, 1.010, 0.996, 1.002],
    [0.998, 1.000, 1.006, 1.000, 1.002, 0.996, 0.998, 0.996, 1.002, 1.006],
    [1.002, 0.998, 0.996, 0.995, 0.996, 1.004, 1.004, 0.998, 0.999, 0.991],
    [0.991, 0.995, 0.984, 0.994, 0.997, 0.997, 0.991, 0.998, 1.004, 0.997],
]


def test_nists_value_for_the_gear_data():
    assert brown_forsythe(*GEAR)[0] == pytest.approx(1.705910, abs=1e-5)


def test_spearman_is_scipys_with_fishers_interval():
    draw = np.random.default_rng(4)
    x = draw.normal(size=60)
    y = 0.5 * x + draw.normal(size=60)
    found = spearman(x, y)
    expected = stats.spearmanr(x, y)
    assert (found.rho, found.p, found.n) == pytest.approx(
        (expected.statistic, expected.pvalue, 60)
    )
    half = 1.959964 * math.sqrt((1 + found.rho**2 / 2) / 57)
    assert np.arctanh(found.high) - np.arctanh(found.rho) == pytest.approx(half)
    assert np.arctanh(found.rho) - np.arctanh(found.low) == pytest.approx(half)


def test_perfect_order_has_no_width():
    found = spearman([1, 2, 3, 4], [1, 4, 9, 16])
    assert (found.rho, found.low, found.high) == pytest.approx((1, 1, 1))


@pytest.mark.parametrize(("x", "y"), [([1, 2, 3], [1, 2, 3]), ([1, 1, 1, 1], [1, 2, 3, 4])])
def test_values_without_a_correlation_are_refused(x, y):
    with pytest.raises(ValueError, match=r"correlation|at least 4"):
        spearman(x, y)
