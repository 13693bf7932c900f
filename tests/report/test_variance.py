"""Components of variance: exact tables, and known components recovered."""

import math

import numpy as np
import pytest

from repro.report.variance import crossed_components


def test_effects_of_rows_and_columns_are_told_apart():
    rows, columns = np.array([0.0, 1.0, 5.0]), np.array([[0.0, 2.0, 4.0, 6.0]])
    found = crossed_components(rows[:, None] + columns)
    assert found.rest == pytest.approx(0, abs=1e-12)
    assert found.rows == pytest.approx(rows.var(ddof=1))
    assert found.columns == pytest.approx(columns.var(ddof=1))


def test_known_components_are_recovered():
    random = np.random.default_rng(0)
    shape = (400, 300)
    values = (2.0 * random.standard_normal((400, 1)) + 1.0 * random.standard_normal((1, 300))
              + 0.5 * random.standard_normal(shape))  # fmt: skip
    found = crossed_components(values)
    assert found.rows == pytest.approx(4, rel=0.2)
    assert found.columns == pytest.approx(1, rel=0.2)
    assert found.rest == pytest.approx(0.25, rel=0.02)


def test_what_neither_explains_is_taken_off_the_rows_and_columns():
    table = np.array([[1.0, -1.0], [5.0, 7.0]])  # rows 0 and 6, and 1 of neither: (36 - 4) / 2
    for values, expected in ((table, (16, 0, 4)), (table.T, (0, 16, 4))):
        found = crossed_components(values)
        assert (found.rows, found.columns, found.rest) == pytest.approx(expected)


def test_a_negative_estimate_is_none():
    found = crossed_components([[1.0, -1.0], [-1.0, 1.0]])
    assert (found.rows, found.columns, found.rest) == (0.0, 0.0, 4.0)


def test_one_row_has_no_components_and_nan_is_refused():
    assert math.isnan(crossed_components([[1.0, 2.0]]).rows)
    with pytest.raises(ValueError, match="diverged"):
        crossed_components([[1.0, math.nan], [1.0, 2.0]])
