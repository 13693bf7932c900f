"""Two-sample tests: their statistics by hand, their level under the null, their power."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from repro.metrics.two_sample import classifier_test, energy_test


def normal(points, seed, shift=0.0, dim=2):
    return np.random.default_rng(seed).standard_normal((points, dim)) + shift


def test_the_energy_coefficient_by_its_definition():
    x, y = normal(40, 1), normal(50, 2, shift=1.0)
    spread = np.concatenate([x, y]).std(axis=0)
    x_, y_ = x / spread, y / spread
    between, within = cdist(x_, y_).mean(), cdist(x_, x_).mean() + cdist(y_, y_).mean()
    assert energy_test(x, y).value == pytest.approx((2 * between - within) / (2 * between))


@pytest.mark.parametrize("test", [energy_test, classifier_test])
def test_it_keeps_its_level_where_both_are_alike(test):
    p = [test(normal(60, seed), normal(60, 1000 + seed), seed).p for seed in range(40)]
    assert np.mean(np.array(p) < 0.05) <= 0.15


@pytest.mark.parametrize("test", [energy_test, classifier_test])
def test_it_tells_a_shift_apart(test):
    found = test(normal(150, 1), normal(150, 2, shift=1.5))
    assert found.p < 0.01
    assert found.value > test(normal(150, 1), normal(150, 2)).value


def test_guessing_scores_a_half_and_two_worlds_score_one():
    assert classifier_test(normal(300, 1), normal(300, 2)).value == pytest.approx(0.5, abs=0.1)
    assert classifier_test(normal(100, 1), normal(100, 2, shift=50.0)).value == 1.0


def test_two_worlds_have_the_smallest_p_that_there_is():
    apart = normal(20, 1), normal(20, 2, shift=50.0)
    assert energy_test(*apart).p == 1 / 200, "the samples themselves are one of the permutations"
    assert classifier_test(*apart).p == pytest.approx(0.5**20), "one-sided, of 20 scored points"


@pytest.mark.parametrize("test", [energy_test, classifier_test])
def test_what_cannot_be_compared_is_refused(test):
    with pytest.raises(ValueError, match="eight"):
        test(normal(7, 1), normal(20, 2))
    with pytest.raises(ValueError, match="finite"):
        test(normal(20, 1) * np.nan, normal(20, 2))
    with pytest.raises(ValueError, match="reshape"):
        test(normal(20, 1), normal(20, 2, dim=3))


def test_it_repeats_itself():
    assert energy_test(normal(30, 1), normal(30, 2), 5) == energy_test(
        normal(30, 1), normal(30, 2), 5
    )
