"""Which numbers of which rows a selection takes."""

import numpy as np
import pytest

from repro.claims.sample import paired_units, related, select
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


@pytest.mark.parametrize(
    ("reduce", "value"),
    [("mean", 3.0), ("sd", 7**0.5), ("min", 1.0), ("max", 6.0), ("median", 2.0), ("sum", 9.0)],
)
def test_a_list_becomes_one_number(make_row, reduce, value):
    rows = [make_row("iflow", 1, 0.8, r=[1.0, 6.0, 2.0])]
    assert values(rows, "r", reduce=reduce) == [(pytest.approx(value),)]


def test_what_is_not_finite_or_diverged_is_lost_and_counted(rows, make_row):
    diverged = make_row("ivae", 3, 0.1) | {"status": "diverged"}
    sample = select("s", Selection("e", "r", reduce="min"), [*rows, diverged])
    assert len(sample.points) == 2
    assert sample.lost == (("ivae3", 3, 1), ("ivae3", 2, 1))


def test_rows_without_the_metric_are_left_out_and_named_where_none_has_it(rows):
    for wanted, near in (("at.end.mc", "at.end.mcc"), ("coost", "cost")):
        sample = select("s", Selection("e", wanted), rows)
        assert sample.points == ()
        assert sample.lacks == f"e with {wanted} (the nearest valid name is {near})"
    del rows[0]["metrics"]["cost"]
    left_out = select("s", Selection("e", "cost"), rows)
    assert [point.values for point in left_out.points] == [(4.0,), (4.0,)]
    assert left_out.lost == (), "nothing went wrong in the run, it did not measure this"


def test_another_selection_is_taken_off_data_set_by_data_set(make_row):
    mine = [make_row("iflow", seed, 2.0 * seed, model_seed=m, layers=k)
            for seed in (1, 2, 3) for m in (1, 2) for k in (3, 4)]  # fmt: skip
    theirs = [make_row("none", seed, seed + 10.0 * k + off, model_seed=m, layers=k)
              for seed in (1, 2) for k in (3, 4) for m, off in ((1, -0.5), (2, 0.5))]  # fmt: skip
    other = select("oracle", Selection("e", "mcc"), theirs)
    wanted = Selection("e", "mcc", less="oracle")
    gap = related(select("gap", wanted, mine), wanted, {"oracle": other})
    assert {point.values[0] for point in gap.at("data.layers", 3).points} == {-29.0, -28.0}
    assert (len(gap.points), len(gap.lost)) == (8, 4), "data seed 3 has no oracle"
    shared = Selection("e", "mcc", per="oracle")
    share = related(select("share", shared, mine), shared, {"oracle": other})
    assert share.at("data.layers", 4).points[0].values == (2.0 / 41,)


def test_pairs_are_of_the_runs_that_all_have(make_row):
    many = [make_row("a", 1, value, model_seed=m) for m, value in ((1, 0.2), (2, 0.8), (3, 0.8))]
    one = [make_row("b", 1, 0.1, model_seed=1)]
    samples = [select(n, Selection("e", "mcc"), rows) for n, rows in (("a", many), ("b", one))]
    table, _ = paired_units(samples, "data_seed")
    assert table.to_numpy().tolist() == [[0.2, 0.1]], "model seeds 2 and 3 have no partner"


def test_a_mean_over_several_configs_is_of_seeds_that_have_all_of_them(make_row):
    rows = {
        name: [
            make_row(name, 1, mcc, m, layers) for m in (1, 2) for layers, mcc in ((3, 1), (4, 9))
        ]
        for name in ("a", "b")
    }
    del rows["b"][-1]
    samples = [select(name, Selection("e", "mcc"), some) for name, some in rows.items()]
    table, _ = paired_units(samples, "model_seed")
    assert table.to_dict("index") == {1: {0: 5.0, 1: 5.0}}, "b has one depth alone of seed 2"
    assert len(paired_units(samples[1:], "run")[0]) == 3, "runs are not averaged over"


def test_where_no_run_has_a_partner_the_means_are_compared(make_row):
    first = [make_row("a", 1, value, model_seed=m) for m, value in ((1, 0.2), (2, 0.4))]
    other = [make_row("b", 1, 0.1, model_seed=9)]
    samples = [select(n, Selection("e", "mcc"), rows) for n, rows in (("a", first), ("b", other))]
    table, _ = paired_units(samples, "data_seed")
    assert table.to_numpy().tolist() == [[pytest.approx(0.3), 0.1]]


def test_runs_of_several_configs_are_all_kept_and_paired_by_their_seeds(make_row):
    rows = [make_row(name, 1, value) for name, value in (("planar", 0.1), ("nice", 0.2))]
    both = select("both", Selection("e", "mcc"), rows)
    assert sorted(both.series("run")) == [0.1, 0.2]
    assert len(paired_units([both], "run")[0]) == 2
    other = select("other", Selection("e", "mcc"), [make_row("gaussian", 1, 0.7)])
    table, _ = paired_units([both, other], "run")
    assert table.to_numpy().tolist() == [[pytest.approx(0.15), 0.7]]
