"""Shape scores against maps whose answer is known."""

import numpy as np
import pytest
from scipy.spatial import procrustes

from repro.metrics.geometry import (
    affine_r2,
    geometry,
    local_rank_preservation,
    procrustes_residual,
)

RANDOM = np.random.default_rng(1)
S = RANDOM.standard_normal((400, 2)) * [1.0, 3.0] + [2.0, -1.0]
ROTATION = np.array([[np.cos(0.7), -np.sin(0.7)], [np.sin(0.7), np.cos(0.7)]])


def test_an_affine_map_is_explained_in_full_and_noise_not_at_all():
    assert affine_r2(S, S @ RANDOM.standard_normal((2, 2)) + 5) == pytest.approx(1)
    assert affine_r2(S, RANDOM.standard_normal(S.shape)) < 0.03


def test_the_explained_share_is_that_of_least_squares():
    z = S**3
    design = np.column_stack((z, np.ones(len(z))))
    left = S - design @ np.linalg.lstsq(design, S, rcond=None)[0]
    expected = np.mean(1 - left.var(axis=0) / S.var(axis=0))
    assert affine_r2(S, z) == pytest.approx(expected)


def test_scales_signs_and_rotations_leave_no_residual():
    assert procrustes_residual(S, S * [-2.0, 0.1] + 3) == pytest.approx(0, abs=1e-12)
    round_s = S / S.std(axis=0)
    left = procrustes_residual(round_s, round_s @ ROTATION)
    assert left < 0.02  # the columns' spreads change a little with the rotation


def test_the_residual_is_scipys():
    z = np.column_stack((S[:, 0] ** 2, S[:, 1] + S[:, 0]))
    one, other = ((v - v.mean(axis=0)) / v.std(axis=0) for v in (S, z))
    assert procrustes_residual(S, z) == pytest.approx(procrustes(one, other)[2])


def test_neighbours_keep_their_order_under_scaling_and_lose_it_to_noise():
    assert local_rank_preservation(S, S * [3.0, -0.2]) == pytest.approx(1)
    assert abs(local_rank_preservation(S, RANDOM.standard_normal(S.shape))) < 0.05
    bent = np.column_stack((S[:, 0], S[:, 1] + 0.3 * S[:, 0] ** 2))
    assert 0.5 < local_rank_preservation(S, bent) < 1


def test_fewer_points_than_neighbours_are_all_of_them():
    few = S[:10]
    assert local_rank_preservation(few, 2 * few, neighbours=50) == pytest.approx(1)


def test_all_three_have_a_name_and_a_constant_latent_is_no_error():
    found = geometry(S, np.zeros_like(S))
    assert set(found) == {"affine_r2", "procrustes", "rank_preservation"}
    assert found["affine_r2"] == pytest.approx(0)
    assert found["procrustes"] == 1


def test_values_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="not finite"):
        geometry(S, S * np.inf)
