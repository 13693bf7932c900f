"""Finished runs whose numbers are not finite are told of in one line."""

import math
from typing import Any

import numpy as np
import pytest

from repro.jobs import Outcome, SeedPair
from repro.runner.lost import lost_note


def note(*metrics: dict[str, Any], status: str = "done") -> str:
    outcomes = [Outcome(SeedPair(i, 1), status, one) for i, one in enumerate(metrics)]
    return lost_note("abc", outcomes)


def test_the_metrics_are_named_with_their_seeds() -> None:
    lost = {"at": {"end": {"mcc": math.nan}}, "energy": np.float32("inf"), "steps": 3}
    told = note(lost, {"at": {"end": {"mcc": 0.5}}, "energy": math.nan, "steps": 3})
    assert told == (
        "warning: abc is done with numbers that are not finite: at.end.mcc (1 of 2 seeds), energy"
        " (2 of 2 seeds); they are stored as null and count as lost"
    )


@pytest.mark.parametrize("lost", [[1.0, math.nan], np.array([math.inf]), [{"x": math.nan}]])
def test_a_number_in_a_list_counts(lost: object) -> None:
    assert "mccs (1 of 1 seeds)" in note({"mccs": lost})


def test_many_are_counted() -> None:
    assert "c (1 of 1 seeds) and 2 more;" in note(dict.fromkeys("abcde", math.nan))


def test_finite_numbers_and_diverged_runs_are_not_told_of() -> None:
    assert (
        note({"mcc": 0.5, "name": "x", "none": None, "all": [1, 2], "yes": np.bool_(True)}) == ""
    )
    assert note({"mcc": math.nan}, status="diverged") == ""
