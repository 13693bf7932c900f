"""The audit's effects and the provenance: from rows to numbers."""

import pytest

from repro.claims.judge import Asked, Evidence
from repro.claims.schema import Claim, Primary, Rule, Selection
from repro.page.effects import effects, lead
from repro.page.evidence import fullest
from repro.page.provenance import provenance
from repro.page.settings import Audit, Group, Ladder, Lead, Step


def row(arm, seed, mcc, seconds=3600.0, pack=((1, 1), (2, 1)), **more):
    about = {"revision": "r" * 40, "dirty": False, "versions": {"python": "3"}, "device": "cpu",
             "started": arm, "seconds": seconds, "pack": [list(p) for p in pack]}  # fmt: skip
    return {
        "id": arm, "task": "t", "arm": arm, "data_seed": seed, "model_seed": 1, "status": "done",
        "metrics": {"mcc": mcc, "sample": mcc / 2}, "config": {"data": {}}, "provenance": about,
    } | more  # fmt: skip


ROWS = [row("released", s, 0.5 + s / 100) for s in (1, 2, 3)] + [
    row("cosine", s, 0.6 + s / 50) for s in (1, 2)
]
ASKED = tuple(Asked(arm, arm, {}, s, 1) for arm in ("released", "cosine", "wide") for s in (1, 2))


def find(experiment, scale):
    rows = tuple(ROWS) if scale == "reduced" else ()
    return Evidence(experiment, scale, rows, ASKED, ("fewer",))


def test_each_arm_is_paired_with_the_baseline_at_the_scale_with_most_rows():
    group = Group("iVAE", "e", "released", "mcc", labels={"cosine": "cosine rate"},
                  metrics={"by a sample": "sample"})  # fmt: skip
    found = effects(Audit("t", "a", "MCC", (group,)), find, ("paper", "reduced"))
    assert [one.label for one in found] == ["cosine rate", "by a sample"], "an arm without rows"
    assert found[0].estimate.value == pytest.approx((0.11 + 0.12) / 2)
    assert found[0].estimate.n == 2
    assert found[1].estimate.value == pytest.approx(-0.26)
    assert found[0].scale == "reduced"


def test_the_fullest_scale_has_the_largest_share_of_what_it_asks_for():
    stored = {"paper": 3, "reduced": 2, "quick": 2}
    asked = {"paper": 6, "reduced": 2, "quick": 2}

    def find(experiment, scale):
        return Evidence(experiment, scale, tuple(ROWS[: stored[scale]]), ASKED[: asked[scale]])

    assert fullest(find, "e", tuple(stored)).scale == "reduced", "not the one with most rows"


def test_a_packs_hours_count_once_and_shared_rows_too():
    found = provenance({"paper": [*ROWS, *ROWS]})
    [work] = found.work
    assert (work.rows, work.diverged, work.hours) == (5, 0, 2.0)
    assert found.devices == (("cpu", 5),)
    assert found.revisions == (("r" * 12, 5),)


def test_hours_of_a_row_that_is_shown_twice_count_where_it_was_made():
    copied = [{**one, "provenance": {**one["provenance"], "taken_over_from": "reduced"}}
              for one in ROWS[:3]]  # fmt: skip
    hours = {one.scale: one.hours for one in provenance({"reduced": ROWS, "paper": copied}).work}
    assert hours == {"reduced": 2.0, "paper": 0.0}
    [alone] = provenance({"paper": copied}).work
    assert (alone.rows, alone.hours) == (3, 1.0)


def test_diverged_rows_and_changed_code_are_said():
    odd = row("released", 1, 0.0, status="diverged")
    odd["provenance"]["dirty"] = True
    found = provenance({"paper": [odd]})
    assert found.work[0].diverged == 1
    assert found.revisions[0][0].endswith("(changed)")


def test_a_lead_is_paired_step_by_step_at_the_claims_own_scales():
    rows = {name: Selection("e", "mcc", arm=name) for name in ("released", "cosine", "wide")}
    claim = Claim(
        "F1", "p", "s", "t", rows, Primary("best_of_arms", tuple(rows)), Rule("above", 0.0)
    )
    steps = {"the rate": Step("F1", "cosine", "released"), "not run": Step("F1", "wide", "cosine")}
    about = Lead("t", "a", "x", (Ladder("g", steps),))
    [one] = lead(about, [claim], find)
    assert (one.group, one.label, one.experiment, one.scale) == ("g", "the rate", "e", "reduced")
    assert one.estimate.value == pytest.approx(0.115)  # seeds 1 and 2: .11 and .12
    assert (one.estimate.n, one.reductions) == (2, ("fewer",))
