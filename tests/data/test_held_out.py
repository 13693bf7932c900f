"""Splits of the segments, and fresh points from the true distribution."""

import numpy as np
import pytest

from repro.data.held_out import first_of_each_segment, fresh, held_out_count, split
from repro.data.sources import generate
from repro.errors import DataError

DATA = {"dim": 2, "segments": 3, "points_per_segment": 20, "layers": 3, "prior": "gauss",
        "centered": False, "noise": 0.0, "spread": "standard_deviation",
        "repeat_matrix": False}  # fmt: skip


def test_every_point_is_on_one_side_and_every_segment_on_both():
    whole = generate(DATA, 4)
    train, held = split(whole, 0.25)
    assert held_out_count(20, 0.25) == 5
    assert np.bincount(train.segment).tolist() == [15, 15, 15]
    assert np.bincount(held.segment).tolist() == [5, 5, 5]
    rows = [np.concatenate([train.x[train.segment == k], held.x[held.segment == k]])
            for k in range(3)]  # fmt: skip
    np.testing.assert_array_equal(np.concatenate(rows), whole.x)
    np.testing.assert_array_equal(held.s[:5], whole.s[15:20])


def test_no_share_holds_nothing_out():
    whole = generate(DATA, 4)
    train, held = split(whole, 0.0)
    assert train is whole
    assert held is None


def test_a_share_that_leaves_a_side_empty_is_refused():
    with pytest.raises(DataError, match="use a share between"):
        split(generate(DATA, 4), 0.01)


def test_the_first_points_of_each_segment():
    whole = generate(DATA, 4)
    some = first_of_each_segment(whole, 2)
    np.testing.assert_array_equal(some.x, whole.x[[0, 1, 20, 21, 40, 41]])
    assert first_of_each_segment(whole, None) is whole


def test_fresh_points_have_the_segments_moments_and_the_same_mixing():
    whole = generate({**DATA, "layers": 2, "points_per_segment": 4000}, 4)
    again = fresh(whole, 4000, 1).reshape(3, 4000, 2)
    seen = whole.x.reshape(3, 4000, 2)
    spread = seen.std(axis=1)
    assert (np.abs(again.mean(axis=1) - seen.mean(axis=1)) < 0.08 * spread).all()
    np.testing.assert_allclose(again.std(axis=1), spread, rtol=0.08)
    assert not np.array_equal(fresh(whole, 5, 1), fresh(whole, 5, 2))
