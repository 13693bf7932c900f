"""Two one-sided tests agree with the 90 % interval, as Schuirmann showed."""

import numpy as np
import pytest
from scipy import stats

from repro.report.equivalence import beyond_p, tost


@pytest.mark.parametrize("seed", range(20))
def test_equivalent_just_when_the_90_percent_interval_is_inside(seed):
    values = np.random.default_rng(seed).normal(0.725, 0.06, size=40)
    low, high = stats.t.interval(0.9, 39, loc=values.mean(), scale=stats.sem(values))
    inside = low > 0.7241 - 0.02 and high < 0.7241 + 0.02
    assert (tost(values, 0.7241, 0.02).p < 0.05) == inside


def test_the_p_by_hand():
    values = [1.0, 2.0, 3.0]  # mean 2, standard error 1 / sqrt(3)
    found = tost(values, 1.5, 2.0)
    assert found.interval.mean == pytest.approx(0.5)
    assert found.p == pytest.approx(stats.t.sf(1.5 * 3**0.5, 2))


@pytest.mark.parametrize(("values", "margin"), [([1.0], 0.1), ([1.0, 2.0], 0.0)])
def test_what_cannot_be_tested_is_refused(values, margin):
    with pytest.raises(ValueError, match="give"):
        tost(values, 1.0, margin)


@pytest.mark.parametrize(("mean", "end"), [(0.3, 0.1), (-0.3, -0.1)])
def test_beyond_is_tested_at_the_nearer_end(mean, end):
    values = [mean - 0.1, mean, mean + 0.1]
    assert beyond_p(values, 0.0, 0.1) == pytest.approx(stats.ttest_1samp(values, end).pvalue)
    assert beyond_p([mean, mean], 0.0, 0.1) == 0.0
