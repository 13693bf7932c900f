"""Sample sizes, held against published tables and against the tests' own power."""

import pytest
from scipy import stats

from repro.report.power import equivalence_n, pairs_for_power, share_n, t_test_power


@pytest.mark.parametrize(("dz", "n"), [(0.2, 199), (0.3, 90), (0.4, 52), (0.5, 34), (0.8, 15)])
def test_pairs_are_those_of_g_power(dz, n):
    assert pairs_for_power(dz) == n  # G*Power 3.1, matched pairs, two-sided, alpha .05
    assert pairs_for_power(-dz) == n
    assert t_test_power(dz, n) >= 0.8 > t_test_power(dz, n - 1)


def test_power_without_an_effect_is_alpha():
    assert t_test_power(0.0, 20) == pytest.approx(0.05)


@pytest.mark.parametrize("dz", [0.0, float("nan"), 1e-5])
def test_no_effect_needs_no_number(dz):
    assert pairs_for_power(dz) is None


def test_power_outside_its_range_is_refused():
    with pytest.raises(ValueError, match=r"0\.8"):
        pairs_for_power(0.5, power=1.0)


def test_equivalence_by_hand():
    # (1.6449 + 0.8416)^2 * .06^2 / .015^2 = 98.9
    assert equivalence_n(0.005, 0.06, 0.02) == 99
    # (1.6449 + 1.2816)^2 * .06^2 / .02^2 = 77.1
    assert equivalence_n(0.0, 0.06, 0.02) == 78
    assert equivalence_n(0.03, 0.06, 0.02) is None


def test_shares_by_hand():
    z, power = stats.norm.ppf(0.975), stats.norm.ppf(0.8)
    by_hand = ((z * 0.25**0.5 + power * 0.21**0.5) / 0.2) ** 2  # .3 against .5
    assert share_n(0.3, 0.5) == pytest.approx(by_hand, abs=1)
    assert share_n(0.5, 0.5) is None
