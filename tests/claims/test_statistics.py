"""The statistics of claims against SciPy's values and hand-made cases."""

import math

import numpy as np
import pytest
from scipy import stats

from repro.claims.registry import STATISTICS
from repro.errors import ConfigError

DRAW = np.random.default_rng(5)
A = (0.7 + 0.1 * DRAW.standard_normal(12)).tolist()
B = (0.6 + 0.1 * DRAW.standard_normal(12)).tolist()
C = (0.65 + 0.1 * DRAW.standard_normal(12)).tolist()


def found(name, samples, bound=0.0, **arguments):
    return STATISTICS[name].function(samples, bound, **arguments)


def test_mean_is_the_one_sample_t_test_at_the_bound(make_sample):
    one = found("mean", [make_sample(A)], 0.7)
    low, high = stats.ttest_1samp(A, 0.7).confidence_interval(0.95)
    assert one.p == pytest.approx(stats.ttest_1samp(A, 0.7).pvalue)
    assert (one.low, one.high) == (pytest.approx(low), pytest.approx(high))
    assert (one.n, one.unit) == (12, "data seeds")


def test_model_seeds_of_a_data_seed_count_once(make_sample):
    one = found("mean", [make_sample(A, model_seeds=(1, 2, 3))])
    assert one.n == 12
    assert one.value == pytest.approx(np.mean(A))


def test_several_values_of_a_run_count_once(make_sample):
    one = found("mean", [make_sample([[1.0, 3.0], [2.0, 6.0]])])
    assert (one.value, one.n) == (3.0, 2)


def test_where_all_runs_share_a_data_set_the_model_seeds_are_the_units(make_row):
    from repro.claims.sample import select
    from repro.claims.schema import Selection

    rows = [make_row("a", 1, value, model_seed=m) for m, value in enumerate(A, 1)]
    one = found("mean", [select("a", Selection("e", "mcc"), rows)])
    assert (one.n, one.unit) == (12, "model seeds")


@pytest.mark.parametrize(("test", "p"), [("t", stats.ttest_rel(A, B).pvalue),
                                         ("wilcoxon", stats.wilcoxon(A, B).pvalue)])  # fmt: skip
def test_paired_difference_pairs_by_seed(make_sample, test, p):
    shuffled = make_sample(B, "b")
    one = found("paired_difference", [make_sample(A), shuffled], test=test)
    assert one.value == pytest.approx(np.mean(np.subtract(A, B)))
    assert one.p == pytest.approx(p)


def test_units_that_one_side_lacks_are_left_out(make_sample):
    one = found("paired_difference", [make_sample(A), make_sample(B[:9], "b")])
    assert one.n == 9
    assert one.value == pytest.approx(np.mean(np.subtract(A[:9], B[:9])))


@pytest.mark.parametrize("bound", [0.0, 0.05])
def test_difference_is_welchs(make_sample, bound):
    one = found("difference", [make_sample(A), make_sample(B[:7], "b")], bound)
    low, high = stats.ttest_ind(A, B[:7], equal_var=False).confidence_interval(0.95)
    assert one.p == pytest.approx(
        stats.ttest_ind(np.subtract(A, bound), B[:7], equal_var=False).pvalue
    )
    assert (one.low, one.high) == (pytest.approx(low), pytest.approx(high))
    assert one.n == 7, "the fewer"


def test_interaction_is_the_difference_of_differences(make_sample):
    samples = [make_sample(v, n) for v, n in ((A, "a"), (B, "b"), (C, "c"), (B, "d"))]
    assert found("interaction", samples).value == pytest.approx(np.mean(np.subtract(A, C)))


def test_the_best_rival_decides_at_bonferronis_level(make_sample):
    one = found("best_of_arms", [make_sample(A), make_sample(B, "b"), make_sample(C, "c")])
    gaps = np.subtract(A, C) if np.mean(C) > np.mean(B) else np.subtract(A, B)
    low, high = stats.ttest_1samp(gaps, 0).confidence_interval(1 - 0.05 / 2)
    assert (one.low, one.high) == (pytest.approx(low), pytest.approx(high))
    p = [stats.ttest_rel(A, other).pvalue for other in (B, C)]
    assert one.p == pytest.approx(max(p))
    assert one.p_against == pytest.approx(min(1, 2 * stats.ttest_1samp(gaps, 0).pvalue))


def test_an_ordering_is_as_strong_as_its_smallest_step(make_sample):
    samples = [make_sample(v, n) for v, n in ((A, "a"), (C, "c"), (B, "b"))]
    one = found("ordering", samples)
    least = min(np.subtract(A, C), np.subtract(C, B), key=np.mean)
    assert one.value == pytest.approx(np.mean(least))
    low, high = stats.ttest_1samp(least, 0).confidence_interval(1 - 0.05 / 2)
    assert (one.low, one.high) == (pytest.approx(low), pytest.approx(high))
    assert one.p_against == pytest.approx(min(1, 2 * stats.ttest_1samp(least, 0).pvalue))


def test_repeated_measures_is_friedmans(make_sample):
    samples = [make_sample(v, n) for v, n in ((A, "a"), (B, "b"), (C, "c"))]
    one = found("repeated_measures", samples)
    assert one.p == pytest.approx(stats.friedmanchisquare(A, B, C).pvalue)
    highest, lowest = max(A, B, C, key=np.mean), min(A, B, C, key=np.mean)
    assert one.value == pytest.approx(np.mean(np.subtract(highest, lowest)))
    gaps = stats.ttest_1samp(np.subtract(highest, lowest), 0)
    low, high = gaps.confidence_interval(1 - 0.05 / 3)
    assert (one.low, one.high) == (pytest.approx(low), pytest.approx(high)), "for all three pairs"


def test_spreads_are_compared_by_brown_and_forsythe(make_sample):
    wide = [2 * v for v in B]
    one = found("spread_difference", [make_sample(wide), make_sample(C, "c")])
    assert one.p == pytest.approx(stats.levene(wide, C, center="median").pvalue)
    assert one.value == pytest.approx(np.std(wide, ddof=1) - np.std(C, ddof=1))
    assert one.low < one.value < one.high


def test_the_bounds_of_a_difference_of_spreads_keep_pairs_together(make_sample):
    one = found("spread_difference", [make_sample([2 * v for v in A]), make_sample(A, "b")])
    alone = stats.bootstrap(
        (A,), lambda a, axis: np.std(a, ddof=1, axis=axis), rng=np.random.default_rng(0)
    ).confidence_interval  # in every resample of pairs 2 A spreads by sd(A) more than A
    assert (one.low, one.high) == (pytest.approx(alone.low), pytest.approx(alone.high))


def test_a_share_is_wilsons_and_the_exact_binomial_test(make_sample):
    values = [0.01] * 3 + [0.5] * 7
    one = found("share", [make_sample(values)], 0.1, below=0.05)
    truth = stats.binomtest(3, 10, 0.1)
    bounds = truth.proportion_ci(method="wilson")
    assert (one.low, one.high) == (pytest.approx(bounds.low), pytest.approx(bounds.high))
    assert one.p == pytest.approx(truth.pvalue)


def test_a_share_counts_runs_with_any_or_every_value(make_sample):
    lists = [[0.01, 0.02], [0.5, 0.01], [0.5, 0.6]]
    assert found("share", [make_sample(lists)], below=0.05).value == pytest.approx(2 / 3)
    each = found("share", [make_sample(lists)], below=0.05, each="value")
    assert (each.value, each.n) == (0.5, 6)


def test_a_value_at_the_threshold_is_neither_below_nor_above(make_sample):
    at = [make_sample([0.04, 0.05, 0.06, 0.07])]
    assert found("share", at, below=0.05).value == 0.25
    assert found("share", at, above=0.05).value == 0.5


def test_paired_shares_are_mcnemars_and_unpaired_ones_fishers(make_sample):
    first, second = [0.0] * 8 + [1.0] * 2, [0.0] * 2 + [1.0] * 8
    samples = [make_sample(first), make_sample(second, "b")]
    one = found("share_difference", samples, below=0.5)
    assert one.p == pytest.approx(stats.binomtest(6, 6, 0.5).pvalue)
    two = found("share_difference", samples, below=0.5, paired=False)
    assert two.p == pytest.approx(stats.fisher_exact([[8, 2], [2, 8]]).pvalue)
    assert one.value == pytest.approx(0.6)
    assert two.value == pytest.approx(0.6)


def test_extremes_and_constants_check_every_row(make_sample):
    assert found("largest", [make_sample([1e-7, 3e-6])]).value == 3e-6
    assert found("smallest", [make_sample([[0.2, 0.1], [0.3, 0.4]])]).value == 0.1
    assert found("farthest", [make_sample([0.9, 1.05, 1.02])], bound=1).value == 0.9
    assert found("common_value", [make_sample([7, 7])]).value == 7
    assert math.isnan(found("common_value", [make_sample([7, 8])]).value)
    lost = found("largest", [make_sample([1e-7, math.nan])])
    assert math.isnan(lost.value), "a lost run fails"
    assert lost.method == "1 of the runs have no finite number"


@pytest.mark.parametrize(("lost", "counts"), [("out", "0 of 2 and 0 of 4"),
                                              ("hit", "2 of 4 and 0 of 4"),
                                              ("miss", "0 of 4 and 0 of 4")])  # fmt: skip
def test_a_lost_run_is_left_out_of_a_share_or_counts(make_sample, lost, counts):
    samples = [make_sample([0.1, math.nan, 0.2, math.nan]), make_sample([0.1] * 4, "b")]
    one = found("share_difference", samples, above=0.5, paired=False, lost=lost)
    assert dict(one.details)["counts"] == counts
    assert one.n == (2 if lost == "out" else 4), "the smaller arm's"
    alone = found("share", samples[:1], above=0.5, lost=lost)
    assert dict(alone.details)["count"] == counts.partition(" and")[0]


def test_a_lost_run_counts_where_its_seed_is_paired(make_sample):
    samples = [make_sample([0.1, math.nan, 0.2]), make_sample([0.1] * 3, "b")]
    one = found("share_difference", samples, above=0.5, lost="hit")
    assert (one.n, one.value) == (3, pytest.approx(1 / 3))


def test_a_paired_unit_counts_where_any_of_its_runs_does(make_row):
    from repro.claims.sample import select
    from repro.claims.schema import Selection

    runs = [(1, 1, 0.9), (1, 2, 0.1), (2, 1, 0.1), (2, 2, 0.1)]
    first, second = (
        select(name, Selection("e", "mcc"), [make_row(name, d, v, m) for d, m, v in rows])
        for name, rows in (("a", runs), ("b", [(d, m, 0.1) for d, m, _ in runs]))
    )
    one = found("share_difference", [first, second], above=0.5)
    assert (one.value, one.n) == (0.5, 2)
    assert found("share_difference", [first, second], above=0.5, unit="run").value == 0.25


def test_paired_shares_are_of_the_runs_that_both_have(make_row):
    from repro.claims.sample import select
    from repro.claims.schema import Selection

    rows = [make_row("a", d, 0.9 if m == 2 else 0.1, m) for d in (1, 2, 3) for m in (1, 2)]
    both = select("a", Selection("e", "mcc"), rows)
    first = select("b", Selection("e", "mcc", model_seeds=(1,)), rows)
    one = found("share_difference", [both, first], above=0.5)
    assert (one.value, one.n) == (0.0, 3), "model seed 2 has no partner"


@pytest.mark.parametrize("more", [{"lost": "maybe"}, {"lost": "hit", "each": "value"}])
def test_a_lost_run_counts_in_no_other_way(make_sample, more):
    with pytest.raises(ConfigError, match="cannot be counted; write"):
        found("share", [make_sample(A)], above=0.5, **more)


def test_rank_counts_from_the_highest(make_sample):
    assert found("rank", [make_sample([0.1, 0.9, 0.5])], data_seed=3).value == 2


def by_depth(make_row, slope, seeds=8, model="a"):
    from repro.claims.sample import select
    from repro.claims.schema import Selection

    draw = np.random.default_rng(len(model))
    rows = [make_row(model, seed, slope * layers + 0.01 * draw.standard_normal(), layers=layers)
            for layers in (2, 3, 4, 6) for seed in range(seeds)]  # fmt: skip
    return select(model, Selection("e", "mcc"), rows)


def test_a_trend_is_the_mean_slope_and_pages_test(make_row):
    sample = by_depth(make_row, 0.1)
    one = found("trend", [sample], along="data.layers", test="page")
    table = np.array([sample.at("data.layers", k).series("data_seed") for k in (2, 3, 4, 6)]).T
    assert one.value == pytest.approx(np.mean([stats.linregress((2, 3, 4, 6), r).slope
                                               for r in table]))  # fmt: skip
    assert one.p == pytest.approx(2 * stats.page_trend_test(table, method="exact").pvalue)
    falling = found("trend", [sample], along="data.layers", levels=[6, 4, 3, 2], test="page")
    assert falling.p == pytest.approx(one.p)
    t = found("trend", [sample], along="data.layers")
    assert t.low < 0.1 < t.high
    assert t.n == 8


def test_pages_test_takes_three_levels(make_row):
    one = found(
        "trend", [by_depth(make_row, 0.1)], along="data.layers", levels=[2, 6], test="page"
    )
    assert math.isnan(one.value)
    assert "three levels" in one.method
    assert found("trend", [by_depth(make_row, 0.1)], along="data.layers", levels=[2, 6]).n == 8


def test_a_trend_is_tested_at_its_bound(make_row):
    sample = by_depth(make_row, 0.1)
    slopes = np.array(found("trend", [sample], along="data.layers").values)
    one = found("trend", [sample], 0.101, along="data.layers")
    truth = stats.ttest_1samp(slopes, 0.101)
    low, high = truth.confidence_interval(0.95)
    assert one.p == pytest.approx(truth.pvalue)
    assert (one.value, one.low, one.high) == pytest.approx((slopes.mean(), low, high))


def test_a_trend_runs_along_the_places_that_are_given(make_row):
    sample = by_depth(make_row, 0.1)
    plain = found("trend", [sample], along="data.layers")
    one = found("trend", [sample], along="data.layers", at=[0.2, 0.3, 0.4, 0.6])
    assert one.value == pytest.approx(10 * plain.value)
    turned = found("trend", [sample], along="data.layers", levels=[6, 4, 3, 2], at=[6, 4, 3, 2])
    assert turned.value == pytest.approx(plain.value)


def test_a_trend_over_levels_that_are_not_all_there_is_none(make_row):
    one = found("trend", [by_depth(make_row, 0.1)], along="data.layers", levels=[2, 3, 4, 5])
    assert math.isnan(one.value)
    assert one.method == "fewer than two levels of data.layers or two units"


def test_a_trend_of_a_difference_and_on_logarithmic_axes(make_row):
    samples = [by_depth(make_row, 0.3), by_depth(make_row, 0.1, model="bb")]
    assert found("trend", samples, along="data.layers").value == pytest.approx(0.2, abs=0.01)
    rows = [make_row("m", s, (1 + s) * k**2.0, layers=k) for s in (1, 2) for k in (2, 4, 8)]
    from repro.claims.sample import select
    from repro.claims.schema import Selection

    power = found("trend", [select("m", Selection("e", "mcc"), rows)], along="data.layers",
                  log_x=True, log_y=True)  # fmt: skip
    assert power.value == pytest.approx(2.0)


def test_a_correlation_is_spearmans_and_partial_where_a_third_is_given(make_sample):
    samples = [make_sample(v, n) for v, n in ((A, "a"), (B, "b"), (C, "c"))]
    one = found("correlation", samples[:2])
    assert one.value == pytest.approx(stats.spearmanr(A, B).statistic)
    r = stats.spearmanr(np.array([A, B, C]).T).statistic
    partial = (r[0, 1] - r[0, 2] * r[1, 2]) / ((1 - r[0, 2] ** 2) * (1 - r[1, 2] ** 2)) ** 0.5
    two = found("correlation", samples)
    assert two.value == pytest.approx(partial)
    t = abs(partial) * ((12 - 3) / (1 - partial**2)) ** 0.5
    assert two.p == pytest.approx(2 * stats.t.sf(t, 12 - 3))
    half = 1.959964 * ((1 + partial**2 / 2) / (12 - 4)) ** 0.5
    bounds = np.arctanh([two.low, two.high])
    assert bounds - np.arctanh(partial) == pytest.approx([-half, half])


@pytest.mark.parametrize("third", [A, [-v for v in B], [1.0] * len(A)])
def test_a_partial_correlation_given_what_decides_it_does_not_exist(make_sample, third):
    samples = [make_sample(v, n) for v, n in ((A, "a"), (B, "b"), (third, "c"))]
    one = found("correlation", samples)
    assert math.isnan(one.value)
    assert "follow from the others" in one.method or "does not vary" in one.method


def test_a_correlation_within_data_seeds_ignores_what_data_sets_differ_in(make_row):
    from repro.claims.sample import select
    from repro.claims.schema import Selection

    rows = [make_row("m", d, 10.0 * d + m, model_seed=m, loss=-20.0 * d + m)
            for d in range(5) for m in (1, 2, 3)]  # fmt: skip
    rows.append(make_row("m", 9, 91.0, loss=-179.0))  # alone, it says nothing within its data set
    samples = [select(n, Selection("e", n), rows) for n in ("mcc", "loss")]
    assert found("correlation", samples).value == pytest.approx(-1)
    within = found("correlation", samples, within="data_seed")
    assert within.value > 0.9
    assert within.n == 15


def test_too_few_units_have_no_correlation(make_row, make_sample):
    from repro.claims.sample import select
    from repro.claims.schema import Selection

    four = [make_sample(v[:4], n) for v, n in ((A, "a"), (B, "b"), (C, "c"))]
    assert not math.isnan(found("correlation", four[:2]).value)
    assert math.isnan(found("correlation", four).value), "a third costs a degree of freedom"
    rows = [make_row("m", d, A[2 * d + m], model_seed=m, loss=B[2 * d + m])
            for d in (0, 1) for m in (0, 1)]  # fmt: skip
    pair = [select(n, Selection("e", n), rows) for n in ("mcc", "loss")]
    assert math.isnan(found("correlation", pair, within="data_seed").value)


def test_means_that_are_taken_off_cost_degrees_of_freedom(make_row):
    from repro.claims.sample import select
    from repro.claims.schema import Selection

    draw = np.random.default_rng(0)
    rows = [make_row("m", d, draw.normal(), model_seed=m, loss=draw.normal(), time=draw.normal())
            for d in range(6) for m in range(1, 6)]  # fmt: skip
    samples = [select(n, Selection("e", n), rows) for n in ("mcc", "loss", "time")]
    one = found("correlation", samples[:2], within="data_seed")
    left = 30 - 6 + 1
    t = abs(one.value) * ((left - 2) / (1 - one.value**2)) ** 0.5
    assert one.p == pytest.approx(2 * stats.t.sf(t, left - 2))
    half = 1.959964 * ((1 + one.value**2 / 2) / (left - 3)) ** 0.5
    assert np.arctanh(one.high) - np.arctanh(one.value) == pytest.approx(half)
    partial = found("correlation", samples, within="data_seed")
    t = abs(partial.value) * ((left - 3) / (1 - partial.value**2)) ** 0.5
    assert partial.p == pytest.approx(2 * stats.t.sf(t, left - 3))


def test_a_published_number_stands_for_itself():
    one = found("published", [], value=0.765, low=0.75, high=0.78)
    assert (one.value, one.low, one.high) == (0.765, 0.75, 0.78)
    assert not one.exact
    alone = found("published", [], value=0.765)
    assert (alone.low, alone.high, alone.exact) == (0.765, 0.765, True)


def test_a_wrong_word_names_the_right_ones(make_sample):
    with pytest.raises(ConfigError, match="t, wilcoxon"):
        found("paired_difference", [make_sample(A), make_sample(B)], test="z")


def test_a_rival_without_a_p_leaves_the_whole_open_wherever_it_stands(make_sample):
    first, low, once = make_sample(A), make_sample([0.1] * 12, "low"), make_sample([0.0], "once")
    for rivals in ([low, once], [once, low]):
        assert math.isnan(found("best_of_arms", [first, *rivals]).p), "one pair tests nothing"


def test_a_step_without_a_p_leaves_an_ordering_open(make_sample):
    samples = [make_sample(A), make_sample([0.1] * 12, "low"), make_sample([0.1] * 12, "same")]
    assert math.isnan(found("ordering", samples, test="wilcoxon").p), "no step to rank"


@pytest.mark.parametrize(
    ("name", "count", "arguments"),
    [
        ("trend", 3, {"along": "arm", "levels": ["a", "b", "c"], "test": "page"}),
        ("repeated_measures", 3, {}),
        ("spread_difference", 2, {}),
        ("correlation", 2, {}),
        ("share_difference", 2, {"above": 0.6}),
    ],
)
def test_a_bound_that_the_test_cannot_take_is_refused(make_sample, name, count, arguments):
    samples = [make_sample(values, key) for values, key in zip((A, B, C), "abc", strict=True)]
    with pytest.raises(ConfigError, match=r"with 0, not 0\.05; use `above: 0`"):
        found(name, samples[:count], 0.05, **arguments)


def test_equal_slopes_are_as_certain_as_equal_differences(make_row):
    from repro.claims.sample import select
    from repro.claims.schema import Selection

    rows = [make_row("a", seed, 0.5 * depth, layers=depth)
            for seed in range(1, 7) for depth in (1, 2, 3)]  # fmt: skip
    selected = [select("a", Selection("e", "mcc"), rows)]
    assert found("trend", selected, along="data.layers").p == 0.0
    assert found("trend", selected, 0.5, along="data.layers").p == 1.0
