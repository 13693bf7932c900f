"""Paired tests and effect sizes, held against Student's sleep data, SciPy and textbook values."""

import math

import numpy as np
import pytest
from scipy import stats

from repro.report.paired import effect_interval, paired

# Student 1908, The probable error of a mean: extra hours of sleep under two drugs
FIRST = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
SECOND = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])


def test_students_sleep_data():
    found = paired(SECOND - FIRST)
    assert found.interval.mean == pytest.approx(1.58)
    assert (found.interval.low, found.interval.high) == pytest.approx((0.7001, 2.4599), abs=1e-4)
    assert found.t_p == pytest.approx(0.002833, abs=1e-6)  # as in every textbook and in R
    assert found.wilcoxon_p == pytest.approx(0.009091, abs=6e-3)  # R's with continuity correction
    assert found.effect.value == pytest.approx(1.58 / 1.2299, abs=1e-3)
    assert found.positive == 9


def test_scipys_own_paired_test():
    found = paired(SECOND - FIRST)
    assert found.t_p == pytest.approx(stats.ttest_rel(SECOND, FIRST).pvalue)


@pytest.mark.parametrize(("t", "n"), [(0.0, 10), (2.5, 12), (-4.0, 30), (20.0, 60)])
def test_effect_bounds_are_where_the_noncentral_t_puts_its_tails(t, n):
    found = effect_interval(t, n)
    assert found.low < found.value < found.high
    root = math.sqrt(n)
    assert stats.nct.cdf(t, n - 1, found.low * root) == pytest.approx(0.975, abs=1e-6)
    assert stats.nct.cdf(t, n - 1, found.high * root) == pytest.approx(0.025, abs=1e-6)


def test_effect_bounds_exclude_zero_just_when_the_t_test_rejects():
    for t in (2.2, 2.3):
        rejected = 2 * stats.t.sf(t, 9) < 0.05
        assert (effect_interval(t, 10).low > 0) == rejected
    assert 2 * stats.t.sf(2.3, 9) < 0.05 < 2 * stats.t.sf(2.2, 9)


@pytest.mark.parametrize("values", [[], [0.4], [0.5, 0.5, 0.5]])
def test_nothing_to_test_is_nan_and_no_error(values):
    found = paired(values)
    assert math.isnan(found.t_p)
    assert math.isnan(found.effect.value)


def test_equal_differences_are_ranked():
    assert math.isnan(paired([0.0, 0.0]).wilcoxon_p)
    assert math.isnan(paired([0.4]).wilcoxon_p)
    assert paired([0.5] * 12).wilcoxon_p == pytest.approx(2 * 0.5**12, rel=0.5)


def test_a_value_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="diverged"):
        paired([0.1, float("nan"), 0.2])


@pytest.mark.parametrize("n", [2, 3, 20])
@pytest.mark.parametrize("t", [-400.0, 60.0, 5000.0])
def test_an_effect_far_from_zero_has_bounds_on_either_side(t, n):
    effect = effect_interval(t, n)
    assert effect.low < effect.value < effect.high


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99, 0.999])
@pytest.mark.parametrize("n", [2, 3, 10])
@pytest.mark.parametrize("t", [-60.0, 0.3, 79.32])
def test_an_effect_has_an_interval_at_every_level(t, n, level):
    found = effect_interval(t, n, level)
    for bound, share in ((found.low, (1 + level) / 2), (found.high, (1 - level) / 2)):
        assert stats.nct.cdf(t, n - 1, bound * n**0.5) == pytest.approx(share, abs=1e-6)


def test_an_infinite_statistic_has_an_infinite_effect():
    found = effect_interval(-math.inf, 5)
    assert (found.low, found.high) == (-math.inf, -math.inf)
