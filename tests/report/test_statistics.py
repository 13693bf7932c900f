"""Intervals of means and of shares, held against SciPy, textbooks and hand-computed values."""

import math

import numpy as np
import pytest
from scipy import stats

from repro.report import statistics
from repro.report.statistics import (
    difference_from,
    mean_interval,
    share_difference,
    share_interval,
    signed_rank_p,
)


def test_three_values_by_hand():
    interval = mean_interval([1.0, 2.0, 3.0])
    half = 4.302652729911275 / math.sqrt(3)  # t(.975, 2) * sd 1 / sqrt(3)
    assert interval.mean == pytest.approx(2.0)
    assert interval.sd == pytest.approx(1.0)
    assert (interval.low, interval.high) == pytest.approx((2 - half, 2 + half))
    assert (interval.n, interval.method) == (3, "student-t")


@pytest.mark.parametrize("n", [2, 10, 30])
@pytest.mark.parametrize("level", [0.5, 0.95])
def test_small_samples_are_scipys_student_t(n, level):
    values = np.random.default_rng(n).normal(size=n)
    interval = mean_interval(values, level=level)
    expected = stats.t.interval(level, n - 1, loc=values.mean(), scale=stats.sem(values))
    assert (interval.low, interval.high) == pytest.approx(expected)
    assert interval.method == "student-t"


def test_large_samples_are_scipys_bca_and_seeded():
    values = np.random.default_rng(1).exponential(size=31)
    interval = mean_interval(values, seed=3)
    expected = stats.bootstrap(
        (values,), np.mean, method="BCa", rng=np.random.default_rng(3)
    ).confidence_interval
    assert (interval.low, interval.high) == pytest.approx(tuple(expected))
    assert interval.method == "bca-bootstrap"
    assert interval == mean_interval(values, seed=3)
    assert interval != mean_interval(values, seed=4)


def test_a_bootstrap_in_parts_is_the_same_one(monkeypatch):
    values = np.random.default_rng(5).gamma(2.0, size=50)
    whole = mean_interval(values)
    monkeypatch.setattr(statistics, "AT_ONCE", 5000)
    assert mean_interval(values) == whole


def test_bca_leans_to_the_long_tail():
    interval = mean_interval(np.random.default_rng(2).exponential(size=60))
    assert interval.high - interval.mean > interval.mean - interval.low > 0


@pytest.mark.parametrize("values", [[0.5], []])
def test_too_few_values_have_no_interval(values):
    interval = mean_interval(values)
    assert interval.method == "none"
    assert interval.n == len(values)
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)
    assert math.isnan(interval.sd)
    assert interval.mean == pytest.approx(0.5) if values else math.isnan(interval.mean)


@pytest.mark.parametrize("n", [5, 40])
def test_equal_values_have_a_point_interval(n):
    interval = mean_interval([0.25] * n)
    assert (interval.low, interval.mean, interval.high) == (0.25, 0.25, 0.25)


def test_shifting_moves_all_but_the_spread():
    interval = mean_interval([1.0, 2.0, 4.0])
    moved = mean_interval([0.0, 1.0, 3.0])
    shifted = interval.shifted(-1.0)
    assert (shifted.mean, shifted.low, shifted.high, shifted.sd) == pytest.approx(
        (moved.mean, moved.low, moved.high, moved.sd)
    )


def test_a_published_sd_widens_the_difference_as_welchs_test_inverted():
    ours = mean_interval([0.7, 0.8, 0.95, 0.6])
    gap = difference_from(ours, 0.75, 0.1, 10, ddof=0)
    assert gap.mean == pytest.approx(ours.mean - 0.75)
    sd = 0.1 * math.sqrt(10 / 9)
    for bound in (gap.low, gap.high):
        test = stats.ttest_ind_from_stats(
            ours.mean - bound, ours.sd, 4, 0.75, sd, 10, equal_var=False
        )
        assert test.pvalue == pytest.approx(0.05)


@pytest.mark.parametrize(("sd", "n"), [(None, 10), (0.1, None), (0.1, 1)])
def test_a_published_mean_without_spread_is_taken_as_exact(sd, n):
    ours = mean_interval([0.7, 0.8, 0.95, 0.6])
    assert difference_from(ours, 0.75, sd, n) == ours.shifted(-0.75)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_non_finite_values_are_refused(bad):
    with pytest.raises(ValueError, match="not finite"):
        mean_interval([0.1, bad])


@pytest.mark.parametrize("level", [0.0, 1.0, 95])
def test_impossible_levels_are_refused(level):
    with pytest.raises(ValueError, match="level"):
        mean_interval([0.1, 0.2], level=level)


# -- shares -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611),
     (1, 29, 0.0061, 0.1718), (29, 29, 0.8830, 1.0)],
)  # fmt: skip
def test_wilsons_interval_is_the_published_one(count, n, low, high):
    found = share_interval(count, n)  # Newcombe 1998, Statistics in Medicine 17, 857, table I
    assert (found.count, found.n, found.share) == (count, n, pytest.approx(count / n))
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("level", [0.8, 0.99])
def test_wilsons_interval_is_scipys(level):
    found = share_interval(7, 60, level)
    expected = stats.binomtest(7, 60).proportion_ci(level, method="wilson")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_no_run_has_no_share():
    found = share_interval(0, 0)
    assert found.n == 0
    assert all(math.isnan(value) for value in (found.share, found.low, found.high))


@pytest.mark.parametrize(("count", "n", "level"), [(-1, 5, 0.95), (6, 5, 0.95), (1, 5, 1.0)])
def test_an_impossible_share_is_refused(count, n, level):
    with pytest.raises(ValueError, match=r"no count out of|level"):
        share_interval(count, n, level)


@pytest.mark.parametrize(
    ("ours", "theirs", "low", "high"),
    [((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090),
     ((10, 10), (0, 20), 0.6791, 1.0), ((0, 10), (0, 20), -0.1611, 0.2775)],
)  # fmt: skip
def test_the_difference_of_shares_is_newcombes(ours, theirs, low, high):
    # Newcombe 1998, Statistics in Medicine 17, 873, table II, method 10
    found = share_difference(share_interval(*ours), share_interval(*theirs))
    assert found.mean == pytest.approx(ours[0] / ours[1] - theirs[0] / theirs[1])
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
    assert (found.n, found.method) == (ours[1], "newcombe")


# -- signed ranks -------------------------------------------------------------------------------


def test_the_signed_rank_p_by_hand():
    assert signed_rank_p([0.1, 0.2, 0.3, 0.4, 0.5]) == pytest.approx(2 / 2**5)
    assert signed_rank_p([0.0, 0.1, 0.2, 0.3, 0.4, 0.5]) == pytest.approx(2 / 2**5)
    # ranks 1 to 5 with the first one negative: W = 1 is reached by 2 of 32 sign patterns
    assert signed_rank_p([-0.1, 0.2, 0.3, 0.4, 0.5]) == pytest.approx(2 * 2 / 2**5)


def test_no_difference_has_no_p():
    assert math.isnan(signed_rank_p([]))
    assert math.isnan(signed_rank_p([0.0, 0.0]))
    with pytest.raises(ValueError, match="not finite"):
        signed_rank_p([0.1, float("nan")])


def test_a_spread_at_the_level_of_rounding_has_an_interval():
    found = mean_interval([*[0.1] * 39, math.nextafter(0.1, 1)])
    assert found.low == pytest.approx(found.mean) == pytest.approx(found.high)
    assert found.method == "student-t", "BCa has no bounds here"
