"""Paired shares: McNemar's exact p and Newcombe's interval."""

import numpy as np
import pytest

from repro.report.proportions import mcnemar, paired_shares
from repro.report.statistics import share_difference, share_interval


@pytest.mark.parametrize(
    ("only_first", "only_second", "p"),
    [(0, 0, 1.0), (6, 0, 2 / 64), (1, 9, 22 / 1024), (5, 5, 1.0), (0, 43, 2 / 2**43)],
)
def test_mcnemar_by_counting_coin_tosses(only_first, only_second, p):
    assert mcnemar(only_first, only_second) == pytest.approx(p)


def outcomes(both, only_a, only_b, neither):
    a = [True] * both + [True] * only_a + [False] * only_b + [False] * neither
    b = [True] * both + [False] * only_a + [True] * only_b + [False] * neither
    return a, b


def test_without_correlation_the_interval_is_that_of_independent_shares():
    found = paired_shares(*outcomes(6, 12, 3, 6))  # 6 * 6 = 12 * 3
    plain = share_difference(share_interval(18, 27), share_interval(9, 27))
    assert (found.interval.low, found.interval.high) == pytest.approx((plain.low, plain.high))
    assert (found.only_first, found.only_second) == (12, 3)
    assert found.interval.mean == pytest.approx(9 / 27)


def test_an_agreement_within_the_continuity_correction_is_none():
    found = paired_shares(*outcomes(6, 12, 3, 8))  # 6 * 8 - 12 * 3 = 12 is below 29 / 2
    plain = share_difference(share_interval(18, 29), share_interval(9, 29))
    assert (found.interval.low, found.interval.high) == pytest.approx((plain.low, plain.high))


def test_agreement_narrows_the_interval():
    loose = paired_shares(*outcomes(6, 12, 3, 6)).interval
    tight = paired_shares(*outcomes(12, 9, 0, 6)).interval
    assert tight.mean == pytest.approx(loose.mean)
    assert tight.high - tight.low < loose.high - loose.low


def test_the_interval_covers_about_as_often_as_it_says():
    draw = np.random.default_rng(5)
    hits = 0
    for _ in range(400):
        shared = draw.random(40) < 0.2
        a, b = shared | (draw.random(40) < 0.5), shared | (draw.random(40) < 0.1)
        found = paired_shares(a, b).interval
        hits += found.low <= 0.8 * 0.4 <= found.high  # P(a) - P(b) = .8 (.5 - .1)
    assert 0.92 <= hits / 400 <= 0.985


def test_extreme_tables_stay_within_bounds():
    found = paired_shares(*outcomes(0, 57, 0, 0)).interval
    assert found.mean == 1
    assert 0.8 < found.low < found.high == 1


def test_unequal_lengths_are_refused():
    with pytest.raises(ValueError, match="as many"):
        paired_shares([True], [True, False])
