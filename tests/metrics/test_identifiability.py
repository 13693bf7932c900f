"""The matched correlations and what they are blind to."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest

from repro.data.sources import generate
from repro.metrics.identifiability import (
    matched_correlations,
    mean_correlation,
    within_segment_mcc,
)

DATA = {
    "name": "sources", "dim": 2, "segments": 5, "points_per_segment": 1000, "layers": 3,
    "prior": "gauss", "centered": False, "noise": 0.0, "spread": "standard_deviation",
    "repeat_matrix": False,
}  # fmt: skip


def _orthogonal(random: np.random.RandomState, points: int, dim: int) -> np.ndarray:
    """Columns of mean zero and unit norm at right angles, whose correlations are dot products."""
    columns = random.standard_normal((points, dim))
    return np.linalg.qr(np.hstack([np.ones((points, 1)), columns]))[0][:, 1:]


@pytest.mark.parametrize("dim", [1, 2, 5])
def test_order_sign_scale_and_shift_do_not_matter(dim: int) -> None:
    random = np.random.RandomState(dim)
    s = random.standard_normal((200, dim))
    order, signs = random.permutation(dim), random.choice([-1, 1], dim)
    z = (s * signs * random.uniform(0.01, 100, dim) + random.uniform(-50, 50, dim))[:, order]
    match = matched_correlations(s, z)
    assert match.mean == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_array_equal(order[match.assignment], np.arange(dim))
    np.testing.assert_array_equal(match.signs, signs)


def test_correlations_are_those_built_in_and_in_source_order() -> None:
    basis = _orthogonal(np.random.RandomState(0), 300, 6)
    s, wanted = basis[:, :3], np.array([0.9, -0.5, 0.2])
    z = (s * wanted + basis[:, 3:] * np.sqrt(1 - wanted**2))[:, [2, 0, 1]]
    match = matched_correlations(s, z)
    np.testing.assert_allclose(match.correlations, np.abs(wanted), atol=1e-12)
    np.testing.assert_array_equal(match.assignment, [1, 2, 0])
    np.testing.assert_array_equal(match.signs, [1, -1, 1])
    assert mean_correlation(s, z) == pytest.approx(1.6 / 3)


@pytest.mark.parametrize("seed", range(8))
def test_no_permutation_does_better(seed: int) -> None:
    random = np.random.RandomState(seed)
    s = random.standard_normal((40, 4))
    z = s @ random.standard_normal((4, 4)) + random.standard_normal((40, 4))
    table = np.abs(np.corrcoef(s.T, z.T)[:4, 4:])
    best = max(np.mean([table[i, j] for i, j in enumerate(p)]) for p in permutations(range(4)))
    assert mean_correlation(s, z) == pytest.approx(best, abs=1e-12)


def test_greedy_pairing_would_lose() -> None:
    basis = _orthogonal(np.random.RandomState(1), 100, 4)
    z = np.stack([0.8 * basis[:, 0] + 0.6 * basis[:, 1], 0.7 * basis[:, 0] + 0.714 * basis[:, 2]])
    match = matched_correlations(basis[:, :2], z.T)
    np.testing.assert_array_equal(match.assignment, [1, 0])
    assert match.mean == pytest.approx(0.65, abs=1e-3)


@pytest.mark.parametrize("value", [0.0, 0.1, 1 / 3, -1e30])
def test_a_constant_column_counts_as_zero_without_a_warning(value: float) -> None:
    s = np.random.RandomState(3).standard_normal((999, 2)).astype(np.float32)
    z = s.copy()
    z[:, 1] = value
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        match = matched_correlations(s, z)
        assert within_segment_mcc(s, z, np.repeat([0, 1, 2], 333)) == pytest.approx(0.5)
    assert match.correlations[1] == 0.0
    assert match.correlations[0] == pytest.approx(1.0)
    assert match.signs[1] == 1


@pytest.mark.parametrize("points", [100, 999, 4321])
def test_two_constant_columns_do_not_correlate_through_their_rounding(points: int) -> None:
    s = np.random.RandomState(3).standard_normal((points, 3))
    z = s.copy()
    s[:, 1:], z[:, 1:] = [0.1, 1 / 3], [-0.7, 1e-9 / 3]
    np.testing.assert_array_equal(matched_correlations(s, z).correlations[1:], 0.0)


def test_single_precision_and_huge_values_are_handled_in_double() -> None:
    s = np.random.RandomState(4).standard_normal((500, 2))
    z = s.astype(np.float32) * np.float32(1e30)
    assert mean_correlation(s * 1e250, z) == pytest.approx(1.0, abs=1e-9)
    assert mean_correlation(s * 1e-250, z) == pytest.approx(1.0, abs=1e-9)


def test_a_large_offset_does_not_drown_the_correlation() -> None:
    s = np.random.RandomState(5).standard_normal((500, 3))
    assert mean_correlation(s, s + 1e6) == pytest.approx(1.0, abs=1e-9)


def test_segment_means_alone_earn_nothing_within_segments() -> None:
    random = np.random.RandomState(6)
    segment = np.repeat(np.arange(20), 400)
    means = random.uniform(-5, 5, (20, 3))[segment]
    s, z = means + random.standard_normal((8000, 3)), means + random.standard_normal((8000, 3))
    assert mean_correlation(s, z) > 0.85
    assert within_segment_mcc(s, z, segment) < 0.08


def test_within_segment_pools_the_centred_points_in_any_order() -> None:
    random = np.random.RandomState(7)
    segment = np.repeat([0, 1, 2], [10, 50, 40])
    s, z = random.standard_normal((100, 3)), random.standard_normal((100, 3))
    tables = [
        v - np.stack([v[segment == k].mean(axis=0) for k in range(3)])[segment] for v in (s, z)
    ]
    table = np.abs(np.corrcoef(tables[0].T, tables[1].T)[:3, 3:])
    best = max(np.mean([table[i, j] for i, j in enumerate(p)]) for p in permutations(range(3)))
    assert within_segment_mcc(s, z, segment) == pytest.approx(best, abs=1e-12)
    shuffled = random.permutation(100)
    again = within_segment_mcc(s[shuffled], z[shuffled], 7 - segment[shuffled])
    assert again == pytest.approx(best, abs=1e-12)


def test_a_sign_that_changes_between_segments_is_marked_down() -> None:
    s = np.random.RandomState(8).standard_normal((400, 2))
    segment = np.repeat([0, 1], 200)
    z = s * np.where(segment, -1, 1)[:, None]
    assert within_segment_mcc(s, z, segment) < 0.2


@pytest.mark.parametrize(("layers", "mcc"), [(3, 0.7542), (4, 0.7215), (5, 0.7747)])
def test_observations_score_what_was_measured_on_the_released_data(
    layers: int, mcc: float
) -> None:
    sets = [generate(DATA | {"layers": layers}, seed) for seed in range(1, 11)]
    assert np.mean([mean_correlation(d.s, d.x) for d in sets]) == pytest.approx(mcc, abs=6e-5)


@pytest.mark.parametrize(("seed", "mcc"), [(49, 0.522), (48, 0.444)])
def test_centred_observations_score_what_was_measured(seed: int, mcc: float) -> None:
    d = generate(DATA | {"dim": 5, "segments": 40}, seed)
    assert within_segment_mcc(d.s, d.x, d.segment) == pytest.approx(mcc, abs=6e-4)


@pytest.mark.parametrize("function", [matched_correlations, mean_correlation])
def test_what_has_no_correlation_is_refused(function: Callable[..., object]) -> None:
    good = np.random.RandomState(9).standard_normal((10, 2))
    for s, z, words in (
        (good, good[:, :1], "reshape"),
        (good[:, 0], good[:, 0], "reshape"),
        (good[:2], good[:2], "at least 3"),
        (good, np.where(good > 0, np.nan, good), "diverged"),
        (good, np.where(good > 0, np.inf, good), "diverged"),
    ):
        with pytest.raises(ValueError, match=words):
            function(s, z)


def test_segments_too_small_or_unlabelled_are_refused() -> None:
    good = np.random.RandomState(9).standard_normal((10, 2))
    with pytest.raises(ValueError, match="points per segment"):
        within_segment_mcc(good, good, [0] * 8 + [1] * 2)
    with pytest.raises(ValueError, match="one label"):
        within_segment_mcc(good, good, [0] * 9)
