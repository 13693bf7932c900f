"""What a task hands back: one outcome a seed that can be stored, or a remedy by name."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from repro.errors import JobFailed
from repro.jobs import Job, Outcome, SeedPair
from repro.runner.contract import checked
from repro.runner.execute import run_job
from repro.runner.store import Store

SEEDS = (SeedPair(1, 1), SeedPair(2, 1))
GOOD = [Outcome(pair, "done", {"mcc": 0.5}, {"s": np.ones(3)}) for pair in SEEDS]
A_LIST = "Correct it so that it returns a list with one repro.jobs.Outcome a seed."


def first(**other: Any) -> list[Outcome]:
    """The good outcomes, with something else in the first."""
    return [replace(GOOD[0], **other), GOOD[1]]


def test_what_can_be_stored_is_taken_as_it_is() -> None:
    assert checked("fake", SEEDS, GOOD) == GOOD
    assert checked("fake", SEEDS, tuple(GOOD)) == GOOD
    for fit in (None, {}, {"s": [1, 2]}, {"s": np.float32(1)}, {"s": np.array([True])}):
        assert checked("fake", SEEDS, first(arrays=fit))[0].arrays is fit


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (None, f"The task 'fake' returned None. {A_LIST}"),
        ({"seeds": 1}, f"The task 'fake' returned a dict. {A_LIST}"),
        ((one for one in GOOD), f"The task 'fake' returned a generator. {A_LIST}"),
        ([{"seeds": 1}], f"The task 'fake' returned a list with a dict in it. {A_LIST}"),
        ([None, None], f"The task 'fake' returned a list with None in it. {A_LIST}"),
        (first(seeds=(1, 1)), "an outcome whose seeds are a tuple, (1, 1). Correct it so that an"),
        (GOOD[:1], "returned [(1, 1)] and was given [(1, 1), (2, 1)]. Correct it so that it"),
        (GOOD[::-1], "in the same order."),
        (first(status="fine"), "the status 'fine'. Correct the task so that it returns one of"),
        (first(status=["done"]), "the status ['done']. Correct the task"),
        (first(metrics=None), "returned None as the metrics of data seed 1, model seed 1. Corr"),
        (first(metrics=[0.5]), "returned a list as the metrics of data seed 1, model seed 1."),
        (first(arrays=np.ones(3)), "returned a ndarray as the arrays of data seed 1, model seed"),
        (first(arrays={"s": None}), "the array 's' of data seed 1, model seed 1, which is None"),
        (
            first(arrays={"s": "text"}),
            "the array 's' of data seed 1, model seed 1, which is a s",
        ),
        (first(arrays={"s": np.array(["a"])}), "which is a ndarray with values of the type <U1"),
        (
            first(arrays={"s": np.array([{}])}),
            "with values of the type object. Correct it so",
        ),
        (first(arrays={"s": [[1], [1, 2]]}), "the array 's' of data seed 1, model seed 1, which"),
        (first(arrays={"file": np.ones(3)}), "the array 'file' of data seed 1, model seed 1, whi"),
        (first(arrays={1: np.ones(3)}), "the array 1 of data seed 1, model seed 1, which has a n"),
    ],
)
def test_what_cannot_be_stored_is_named_with_its_remedy(returned: object, said: str) -> None:
    with pytest.raises(JobFailed) as error:
        checked("fake", SEEDS, returned)
    text = str(error.value)
    assert said in text
    assert text.startswith("The task 'fake' returned ")
    assert "Correct " in text
    assert text.endswith(".")
    assert "\n" not in text


def test_a_job_fails_with_what_its_task_should_have_returned(
    make_job: Callable[..., Job], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("repro.runner.execute.resolve", lambda name: lambda *_: None)
    events: list[dict[str, Any]] = []
    run_job(make_job(), store, events.append, lambda: False)
    [failed] = [event for event in events if event["event"] == "failed"]
    assert failed["cause"].endswith(f"The task 'fake' returned None. {A_LIST}")
    assert store.read("fake") == []
