"""From estimates to verdicts: the rules, the n that would decide, Holm's correction."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from repro.claims.estimate import Estimate
from repro.claims.judge import judge
from repro.claims.registry import STATISTICS
from repro.claims.schema import Claim, Primary, Rule, Selection
from repro.claims.verdict import FAILS, HOLDS, NOT_RUN, UNDECIDED, decide, rule_p
from repro.errors import ConfigError
from repro.report.power import t_test_power

UP = Estimate(0.3, 0.1, 0.5, 20, "data seeds", 0.01)


@pytest.mark.parametrize(
    ("rule", "verdict"),
    [
        (Rule("above", 0.0), HOLDS),
        (Rule("above", 0.6), FAILS),
        (Rule("above", 0.2), UNDECIDED),
        (Rule("above", 0.45, negligible=0.1), FAILS),
        (Rule("below", 0.0), FAILS),
        (Rule("below", 1.0), HOLDS),
        (Rule("below", 0.05, negligible=0.01), FAILS),
        (Rule("below", 0.15, negligible=0.1), FAILS),
        (Rule("below", 0.15, negligible=0.04), UNDECIDED),
        (Rule("differs_from", 0.0), HOLDS),
        (Rule("differs_from", 0.2), UNDECIDED),
        (Rule("differs_from", 0.2, negligible=0.4), FAILS),
        (Rule("differs_from", 0.2, negligible=0.2), UNDECIDED),
        (Rule("differs_from", 0.4, negligible=0.2), UNDECIDED),
        (Rule("within", 0.3, 0.25), HOLDS),
        (Rule("within", 0.3, 0.1), UNDECIDED),
        (Rule("within", 0.2, 0.25), UNDECIDED),
        (Rule("within", 0.4, 0.25), UNDECIDED),
        (Rule("within", 0.9, 0.1), FAILS),
        (Rule("within", -0.5, 0.1), FAILS),
        (Rule("within", 0.05, 0.1), UNDECIDED),
        (Rule("equals", 0.3), HOLDS),
        (Rule("equals", 0.31), FAILS),
    ],
)
def test_the_rules(rule, verdict):
    p = rule_p(UP, rule)
    assert decide(UP, rule, p).verdict == verdict


@pytest.mark.parametrize("p", [0.06, math.nan])
@pytest.mark.parametrize("rule", [Rule("above", 0.0), Rule("below", 0.0), Rule("differs_from", 0)])
def test_an_interval_without_its_p_does_not_decide(rule, p):
    assert decide(UP, rule, p).verdict == UNDECIDED


@pytest.mark.parametrize(
    ("rule", "p"),
    [(Rule("above", 0.0), 0.01), (Rule("above", 0.2), 0.01), (Rule("above", 0.6), 0.04),
     (Rule("below", 0.6), 0.01), (Rule("below", 0.0), 0.04), (Rule("differs_from", 0.6), 0.01)],
)  # fmt: skip
def test_the_p_against_counts_where_the_interval_contradicts_the_claim(rule, p):
    assert rule_p(replace(UP, p_against=0.04), rule) == p


def test_against_a_claim_too_an_interval_needs_its_p_unless_little_enough_is_left():
    assert decide(UP, Rule("above", 0.6), 0.06).verdict == UNDECIDED
    assert decide(UP, Rule("above", 0.6, negligible=0.1), 0.06).verdict == FAILS


def test_to_be_beyond_a_margin_takes_p_after_holm_as_every_other_verdict(make_sample):
    values = [0.2, 0.3, 0.28, 0.25, 0.31]
    found = STATISTICS["mean"].function([make_sample(values)], 0.0)
    rule = Rule("within", 0.0, 0.2)
    p = rule_p(found, rule)
    assert p == pytest.approx(ttest_1samp(values, 0.2).pvalue)
    assert 0.025 < p < 0.05
    assert decide(found, rule, p).verdict == FAILS
    corrected = decide(found, rule, 2 * p)
    assert corrected.verdict == UNDECIDED
    assert corrected.n > len(values)


@pytest.mark.parametrize(("p", "why"), [(0.01, "other side"), (0.06, "no effect of 0.1 is left")])
def test_the_reason_of_a_failure_is_the_one_that_decides(p, why):
    assert why in decide(UP, Rule("above", 0.55, negligible=0.1), p).reason


def test_an_exact_number_needs_no_p():
    exact = Estimate(1e-6, 1e-6, 1e-6, 3, exact=True)
    assert decide(exact, Rule("below", 1e-5), math.nan).verdict == HOLDS
    assert decide(exact, Rule("below", 1e-7), math.nan).verdict == FAILS
    assert decide(exact, Rule("within", 0.0, 1e-6), math.nan).verdict == HOLDS
    assert decide(exact, Rule("within", 0.0, 1e-7), math.nan).verdict == FAILS
    assert decide(exact, Rule("differs_from", 0.0), math.nan).verdict == HOLDS
    assert decide(exact, Rule("differs_from", 1e-6), math.nan).verdict == FAILS


def test_what_cannot_be_computed_is_undecided():
    assert decide(Estimate(math.nan, method="no pair"), Rule("above", 0), math.nan).reason == (
        "no pair"
    )


def test_an_undecided_difference_says_the_n_with_80_percent_power(make_sample):
    values = [0.3, -0.2, 0.25, -0.1, 0.05, 0.1]
    found = STATISTICS["mean"].function([make_sample(values)], 0.0)
    decision = decide(found, Rule("above", 0.0), found.p)
    dz = found.value / (sum((v - found.value) ** 2 for v in values) / 5) ** 0.5
    assert decision.verdict == UNDECIDED
    assert t_test_power(dz, decision.n) >= 0.8 > t_test_power(dz, decision.n - 1)


def test_the_n_that_would_decide_is_for_the_level_that_decides(make_sample):
    values = [0.3, -0.2, 0.25, -0.1, 0.05, 0.1]
    found = STATISTICS["mean"].function([make_sample(values)], 0.0)
    rule = Rule("above", 0.0)
    alone, in_three = (decide(found, rule, found.p * k).n for k in (1, 3))
    dz = found.value / (sum((v - found.value) ** 2 for v in values) / 5) ** 0.5
    assert t_test_power(dz, in_three, 0.05 / 3) >= 0.8 > t_test_power(dz, in_three - 1, 0.05 / 3)
    assert in_three > alone


def test_the_n_that_would_decide_is_for_the_level_of_the_interval():
    values = (0.3, -0.2, 0.25, -0.1, 0.05, 0.1)
    found = Estimate(0.4 / 6, -0.2, 0.33, 6, p=0.4, values=values, level=0.975)
    n = decide(found, Rule("above", 0.0), found.p).n
    dz = np.mean(values) / np.std(values, ddof=1)
    assert t_test_power(dz, n, 0.025) >= 0.8 > t_test_power(dz, n - 1, 0.025)


@pytest.mark.parametrize(
    ("found", "rule", "n"),
    [
        # 20 (1.9600 + 0.8416)^2 (.2 / 1.9600)^2 / .1^2 = 163.5
        (Estimate(0.1, -0.1, 0.3, 20, p=0.3), Rule("above", 0.0), 164),
        # (1.9600 * .5 + 0.8416 * .4583)^2 / .2^2 = 46.6
        (Estimate(0.3, 0.1, 0.6, 9, p=0.2, share=True), Rule("below", 0.5), 47),
    ],
)
def test_the_n_of_what_is_no_mean_over_units_by_hand(found, rule, n):
    assert decide(found, rule, found.p).n == n


@pytest.mark.parametrize(
    ("mean", "n"),
    [(0.005, 99), (0.05, 34)],  # as in test_power: inside the margin, and dz .5 beyond it
)
def test_the_n_that_would_tell_whether_a_mean_is_within_a_margin(mean, n):
    values = (mean - 0.06 / 2**0.5, mean + 0.06 / 2**0.5)  # of sd .06
    found = Estimate(mean, mean - 0.5, mean + 0.5, 2, values=values)
    rule = Rule("within", 0.0, 0.02)
    assert decide(found, rule, rule_p(found, rule)).n == n


@pytest.mark.parametrize("name", ["best_of_arms", "ordering"])
def test_what_is_clearly_worse_than_one_rival_fails_though_it_equals_another(make_sample, name):
    near = [0.01, -0.01, 0.02, -0.02, 0.01, -0.01, 0.0, 0.005]
    one = make_sample(near, "one")
    level, ahead = make_sample(near[::-1], "level"), make_sample([v + 0.3 for v in near], "ahead")
    order = [one, level, ahead] if name == "best_of_arms" else [level, one, ahead]
    found = STATISTICS[name].function(order, 0.0)
    rule = Rule("above", 0.0)
    assert found.p > 0.5, "it cannot hold"
    assert decide(found, rule, rule_p(found, rule)).verdict == FAILS


def test_an_exact_check_that_a_row_fails_does_not_hold(make_sample):
    found = STATISTICS["largest"].function([make_sample([1e-9, math.nan])], 1e-5)
    assert decide(found, Rule("below", 1e-5), math.nan).verdict == FAILS


def claim(name, rows, rule, family=None, test=None, **more):
    selections = {key: Selection("e", "mcc", where={"model.name": key}) for key in rows}
    test = test or Primary("paired_difference", tuple(rows))
    return Claim(name, "p", "s", "s", selections, test, rule, family=family, **more)


@pytest.fixture
def rows(make_row):
    gaps = [0.1, 0.02, 0.15, -0.03, 0.12, 0.06, 0.09, -0.01]
    rows = [make_row("a", seed, 0.5 + gap) for seed, gap in enumerate(gaps, 1)]
    return rows + [make_row("b", seed, 0.5) for seed in range(1, 9)]


def test_changing_a_rows_metric_changes_the_verdict(rows, make_evidence):
    one = claim("F1", "ab", Rule("above", 0.0))
    before = judge([one], lambda name, scale: make_evidence(rows))[0]
    assert before.verdict == HOLDS
    rows[0]["metrics"]["mcc"] = -3.0
    after = judge([one], lambda name, scale: make_evidence(rows))[0]
    assert after.verdict == UNDECIDED
    assert after.decision.n > 8


def test_holm_within_a_family_and_not_across(rows, make_evidence):
    single, other = (claim(name, "ab", Rule("above", 0.0)) for name in "xy")
    alone = judge([single], lambda *_: make_evidence(rows))[0]
    family = [claim(str(i), "ab", Rule("above", 0.0), "f") for i in range(3)]
    together = judge([*family, single, other], lambda *_: make_evidence(rows))
    assert [one.p for one in together[:3]] == [pytest.approx(3 * alone.p)] * 3
    assert [one.p for one in together[3:]] == [alone.p] * 2, "claims without a family are none"
    assert [one.verdict for one in together] == [UNDECIDED] * 3 + [HOLDS] * 2


def test_a_scale_that_has_only_begun_takes_no_verdict_from_a_fuller_one(rows, make_evidence):
    one = replace(claim("F", "ab", Rule("above", 0.0)), scales=("paper", "reduced"))
    stored = {"paper": rows[:1] + rows[8:9], "reduced": rows}
    found = judge([one], lambda _, scale: replace(make_evidence(stored[scale]), scale=scale))[0]
    assert (found.verdict, found.scale, found.estimate.n) == (HOLDS, "reduced", 8)
    stored["paper"] = rows
    found = judge([one], lambda _, scale: replace(make_evidence(stored[scale]), scale=scale))[0]
    assert found.scale == "paper", "of equals the first"


def test_a_claim_without_rows_says_the_command(rows, make_evidence):
    only_a = [row for row in rows if row["id"] == "a3"]
    partly = replace(make_evidence(rows), rows=tuple(only_a))
    found = judge([claim("F", "ab", Rule("above", 0))], lambda *_: partly)[0]
    assert found.verdict == NOT_RUN
    assert found.command == "repro run experiment=e scale=paper"
    assert found.decision.reason == "no rows yet of e"


def test_a_claim_without_an_arms_rows_names_the_arm(rows, make_evidence):
    selections = {k: Selection("e", "mcc", arm=k) for k in "ab"}
    test = Primary("paired_difference", ("a", "b"))
    one = Claim("F", "p", "s", "s", selections, test, Rule("above", 0.0))
    asked = make_evidence([row | {"arm": row["id"][0]} for row in rows])
    partly = replace(asked, rows=asked.rows[:8])
    found = judge([one], lambda *_: partly)[0]
    assert found.decision.reason == "no rows yet of e (arm b)"


def test_the_best_of_arms_does_with_those_that_have_run(rows, make_row, make_evidence):
    test = Primary("best_of_arms", tuple("abc"))
    one = claim("F", "abc", Rule("above", 0), test=test)
    found = judge([one], lambda *_: make_evidence(rows))[0]
    assert (found.verdict, found.absent) == (UNDECIDED, ("c",)), "an arm that has not run may win"
    assert "1 have not yet" in found.decision.reason
    full = [*rows, *(make_row("c", seed, 0.4) for seed in range(1, 9))]
    for row in rows[:8]:
        row["metrics"]["mcc"] += 0.1
    assert judge([one], lambda *_: make_evidence(full))[0].verdict == HOLDS
    ahead = [*rows, *(make_row("b", seed, 0.9, layers=4) for seed in range(1, 9))]
    behind = replace(one, rows=one.rows | {"b": replace(one.rows["b"], where={"data.layers": 4})})
    assert judge([behind], lambda *_: make_evidence(ahead))[0].verdict == FAILS
    only_a = [row for row in rows if row["id"] == "a3"]
    assert judge([one], lambda *_: make_evidence(only_a))[0].verdict == NOT_RUN


def test_a_gap_without_its_oracle_is_not_run(rows, make_evidence):
    gap = Selection("e", "mcc", where={"model.name": "a"}, less="c")
    oracle = Selection("e", "mcc", where={"model.name": "c"})
    one = replace(claim("F", "ab", Rule("above", 0)), rows={"a": gap, "c": oracle},
                  test=Primary("mean", ("a",)))  # fmt: skip
    assert judge([one], lambda *_: make_evidence(rows))[0].verdict == NOT_RUN


def test_the_first_scale_with_rows_decides_and_its_reductions_are_kept(rows, make_evidence):
    def find(name, scale):
        if scale == "paper":
            return make_evidence([])
        return make_evidence(rows, scale, ["Fewer seeds."])

    found = judge([claim("F", "ab", Rule("above", 0))], find)[0]
    assert (found.scale, found.reductions, found.verdict) == ("reduced", ("Fewer seeds.",), HOLDS)


def test_a_scale_with_rows_of_every_selection_decides_before_one_with_some(rows, make_evidence):
    def find(name, scale):
        return make_evidence(rows[:8] if scale == "paper" else rows, scale)

    found = judge([claim("F", "ab", Rule("above", 0))], find)[0]
    assert (found.scale, found.verdict) == ("reduced", HOLDS)


def test_a_scale_with_rows_of_every_depth_decides_before_one_with_some(make_row, make_evidence):
    rows = [make_row(model, seed, mcc + mcc**2 * seed / 100, layers=layers)
            for model, mcc in (("a", 0.8), ("b", 0.4)) for layers in (3, 4)
            for seed in range(1, 5)]  # fmt: skip

    def find(name, scale):
        whole = make_evidence(rows, scale)
        shallow = tuple(one for one in whole.rows if one["config"]["data"]["layers"] == 3)
        return replace(whole, rows=shallow) if scale == "paper" else whole

    found = judge([claim("F", "ab", Rule("above", 0))], find)[0]
    assert (found.scale, found.verdict) == ("reduced", HOLDS)


def test_missing_runs_are_counted_and_have_a_command(rows, make_evidence):
    stored = make_evidence(rows)
    partly = replace(stored, rows=tuple(rows[:-2]))
    found = judge([claim("F", "ab", Rule("above", 0))], lambda *_: partly)[0]
    assert (found.stored, found.asked, found.estimate.n) == (14, 16, 6)
    assert found.command.startswith("repro run")


def test_a_diverged_run_is_stored_and_needs_no_command(rows, make_evidence):
    rows[0]["status"] = "diverged"
    found = judge([claim("F", "ab", Rule("above", 0))], lambda *_: make_evidence(rows))[0]
    assert (found.stored, found.asked, found.lost, found.estimate.n) == (16, 16, 1, 7)
    assert found.command == ""


def lost(rows):
    return [row | {"metrics": {"mcc": None}} for row in rows]


def test_a_claim_all_of_whose_rows_are_lost_is_undecided_and_has_no_command(rows, make_evidence):
    stored = [*lost(rows[:8]), *rows[8:]]
    found = judge([claim("F", "ab", Rule("above", 0))], lambda *_: make_evidence(stored))[0]
    assert (found.verdict, found.lost, found.command) == (UNDECIDED, 8, "")
    assert found.decision.reason == "none of the 8 runs of e has a finite number"
    assert found.decision.n == 0, "no number of runs would decide"


def test_lost_rows_of_one_selection_do_not_stand_for_the_missing_ones_of_another(
    rows, make_evidence
):
    stored = lost(rows[:8])
    asked = replace(make_evidence(rows), rows=tuple(stored))
    found = judge([claim("F", "ab", Rule("above", 0))], lambda *_: asked)[0]
    assert (found.verdict, found.decision.reason) == (NOT_RUN, "no rows yet of e")
    assert found.command == "repro run experiment=e scale=paper"


def test_lost_rows_are_found_at_a_later_scale(rows, make_evidence):
    def find(name, scale):
        return make_evidence([] if scale == "paper" else lost(rows), scale)

    found = judge([claim("F", "ab", Rule("above", 0))], find)[0]
    assert (found.verdict, found.scale) == (UNDECIDED, "reduced")


def test_a_gap_to_other_data_sets_alone_is_undecided(rows, make_row, make_evidence):
    gap = Selection("e", "mcc", where={"model.name": "a"}, less="b")
    one = replace(claim("F", "ab", Rule("above", 0)), test=Primary("mean", ("a",)))
    one = replace(one, rows=one.rows | {"a": gap})
    other = [*rows[:8], make_row("b", 99, 0.5)]
    found = judge([one], lambda *_: make_evidence(other))[0]
    assert found.verdict == UNDECIDED
    assert found.decision.reason == "no two of the runs are on the same data set"


def test_a_selection_of_no_run_that_is_asked_for_says_so_and_has_no_command(rows, make_evidence):
    one = claim("F", "ab", Rule("above", 0))
    for odd in ({"where": {"model.name": "c"}}, {"data_seeds": (99,)}):
        strange = replace(one, rows=one.rows | {"b": Selection("e", "mcc", **odd)})
        found = judge([strange], lambda *_: make_evidence(rows))[0]
        assert (found.verdict, found.command) == (NOT_RUN, "")
        assert found.decision.reason == "none of the runs of e is what `b` selects"


def test_an_argument_that_a_statistic_refuses_names_the_claim(rows, make_evidence):
    test = Primary("paired_difference", ("a", "b"), {"test": "z"})
    one = claim("F7", "ab", Rule("above", 0.0), test=test)
    with pytest.raises(ConfigError, match=r"claim F7 of conf/claims, test: z does not exist"):
        judge([one], lambda *_: make_evidence(rows))
