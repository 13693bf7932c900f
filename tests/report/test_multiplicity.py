"""Holm's adjustment, held against R's p.adjust and a value by hand."""

import math

import pytest

from repro.report.multiplicity import holm


def test_the_values_of_p_adjust():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_one_test_stays_and_nothing_exceeds_one():
    assert holm([0.2]) == [0.2]
    assert holm([0.6, 0.7]) == [1.0, 1.0]


def test_a_test_that_was_not_made_counts_for_none():
    adjusted = holm([0.02, float("nan"), 0.03])
    assert adjusted[0] == pytest.approx(0.04)
    assert math.isnan(adjusted[1])


def test_no_p_value_is_refused():
    with pytest.raises(ValueError, match="from 0 to 1"):
        holm([1.2])
