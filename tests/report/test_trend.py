"""Page's and Friedman's tests, held against published examples and a full enumeration."""

import itertools

import numpy as np
import pytest

from repro.report.trend import friedman, page_trend, slopes

# SciPy's example (tutor, assistant, lecturer rated by ten students)
RATINGS = [
    [3, 4, 3], [2, 2, 4], [3, 3, 5], [1, 3, 2], [2, 3, 2],
    [2, 4, 5], [1, 2, 4], [3, 4, 4], [2, 4, 5], [1, 3, 4],
]  # fmt: skip
# Hollander & Wolfe 1973, page 140: three ways of rounding first base
BASES = [
    [5.40, 5.50, 5.55], [5.85, 5.70, 5.75], [5.20, 5.60, 5.50], [5.55, 5.50, 5.40],
    [5.90, 5.85, 5.70], [5.45, 5.55, 5.60], [5.40, 5.40, 5.35], [5.45, 5.50, 5.35],
    [5.25, 5.15, 5.00], [5.85, 5.80, 5.70], [5.25, 5.20, 5.10], [5.65, 5.55, 5.45],
    [5.60, 5.35, 5.45], [5.05, 5.00, 4.95], [5.50, 5.50, 5.40], [5.45, 5.55, 5.50],
    [5.55, 5.55, 5.35], [5.45, 5.50, 5.55], [5.50, 5.45, 5.25], [5.65, 5.60, 5.40],
    [5.70, 5.65, 5.55], [6.30, 6.30, 6.25],
]  # fmt: skip


def test_page_on_scipys_example():
    found = page_trend(RATINGS)
    assert found.statistic == 133.5
    assert found.p == pytest.approx(0.00182, abs=6e-4)  # its exact p; ties take the approximation
    assert found.method == "asymptotic"


def test_the_exact_p_is_the_share_of_all_permutations():
    table = [[1.0, 2.0, 3.0], [1.0, 3.0, 2.0], [2.0, 1.0, 3.0]]
    weights = np.array([1, 2, 3])
    every = itertools.product(itertools.permutations([1, 2, 3]), repeat=3)
    scores = np.array([np.array(rows) @ weights for rows in every]).sum(axis=1)
    found = page_trend(table)
    assert found.method == "exact"
    assert found.p == pytest.approx(float((scores >= found.statistic).mean()))


def test_the_approximation_is_near_the_exact_p():
    draw = np.random.default_rng(1)
    table = draw.normal(size=(20, 3)) + np.array([0.0, 0.2, 0.4])
    many = np.concatenate([table] * 5)  # 300 cells: beyond the exact limit
    assert page_trend(table).method == "exact"
    assert page_trend(many).method == "asymptotic"
    assert page_trend(many).p < page_trend(table).p


def test_friedman_on_rounding_first_base():
    found = friedman(BASES)
    assert found.statistic == pytest.approx(11.1429, abs=1e-4)
    assert found.p == pytest.approx(0.003805, abs=1e-6)
    assert found.w == pytest.approx(11.1429 / 44, abs=1e-4)


def test_slopes_are_least_squares():
    values = np.random.default_rng(2).normal(size=(5, 4))
    expected = [np.polyfit([2, 3, 4, 6], row, 1)[0] for row in values]
    assert slopes(values, [2, 3, 4, 6]) == pytest.approx(expected)


@pytest.mark.parametrize("table", [[[1.0, 2.0, 3.0]], [[1.0, 2.0], [2.0, 1.0]]])
def test_too_small_a_table_is_refused(table):
    with pytest.raises(ValueError, match="3 conditions"):
        page_trend(table)
