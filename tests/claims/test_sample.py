"""Which numbers of which rows a selection takes."""

import numpy as np
import pytest

from repro.claims.sample import related, select
from repro.claims.schema import Selection


def values(rows, metric="mcc", **more):
    return [point.values for point in select("s", Selection("e", metric, **more), rows).points]


@pytest.fixture
def rows(make_row):
    return [
        make_row("iflow", 1, 0.8, at={"end": {"mcc": 0.7}}, r=[0.9, 0.1], arm="small", cost=2.0),
        make_row("ivae", 1, 0.4, at={"end": {"mcc": 0.3}}, r=[0.2, 0.4], arm="wide", cost=4.0),
        make_row("ivae", 2, 0.5, at={"end": {"mcc": 0.2}}, r=[0.6, None], arm="wide", cost=4.0),
    ]


def test_filters_by_config_arm_and_seeds(rows):
    assert values(rows, where={"model.name": "iflow"}) == [(0.8,)]
    assert values(rows, where={"model.name": ["iflow", "ivae"], "data.layers": 3}, arm="wide",
                  data_seeds=(2,)) == [(0.5,)]  # fmt: skip
    assert values(rows, where={"model.none": 1}) == []


def test_paths_arithmetic_and_lists(rows):
    assert values(rows, "at.end.mcc") == [(0.7,), (0.3,), (0.2,)]
    assert np.allclose(values(rows, minus="at.end.mcc"), [(0.1,), (0.1,), (0.3,)])
    assert np.allclose(values(rows, over="cost", log=True), np.log([(0.4,), (0.1,), (0.125,)]))
    assert values(rows[:2], "r", reduce="min") == [(0.1,), (0.2,)]
    assert values(rows, "r", item=0) == [(0.9,), (0.2,), (0.6,)]


def test_what_is_not_finite_or_diverged_is_lost_and_counted(rows, make_row):
    diverged = make_row("ivae", 3, 0.1) | {"status": "diverged"}
    sample = select("s", Selection("e", "r", reduce="min"), [*rows, diverged])
    assert len(sample.points) == 2
    assert sample.lost == 2


def test_rows_without_the_metric_are_left_out_and_named_where_none_has_it(rows):
    for wanted, near in (("at.end.mc", "at.end.mcc"), ("coost", "cost")):
        sample = select("s", Selection("e", wanted), rows)
        assert sample.points == ()
        assert sample.lacks == f"e with {wanted} (the nearest valid name is {near})"
    del rows[0]["metrics"]["cost"]
    assert values(rows, "cost") == [(4.0,), (4.0,)]


def test_another_selection_is_taken_off_data_set_by_data_set(make_row):
    mine = [make_row("iflow", seed, 2.0 * seed, model_seed=m, layers=k)
            for seed in (1, 2, 3) for m in (1, 2) for k in (3, 4)]  # fmt: skip
    theirs = [make_row("none", seed, seed + 10.0 * k, layers=k) for seed in (1, 2) for k in (3, 4)]
    other = select("oracle", Selection("e", "mcc"), theirs)
    wanted = Selection("e", "mcc", less="oracle")
    gap = related(select("gap", wanted, mine), wanted, {"oracle": other})
    assert {point.values[0] for point in gap.at("data.layers", 3).points} == {-29.0, -28.0}
    assert (len(gap.points), gap.lost) == (8, 4), "data seed 3 has no oracle"
    shared = Selection("e", "mcc", per="oracle")
    share = related(select("share", shared, mine), shared, {"oracle": other})
    assert share.at("data.layers", 4).points[0].values == (2.0 / 41,)
