"""One job in this process: seeds are claimed, rows stored once, checkpoints found and dropped."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from repro.jobs import Job, SeedPair
from repro.runner.checkpoints import announce, checkpoint_path, drop_finished, find_checkpoint
from repro.runner.execute import device_of, run_job
from repro.runner.locking import claim
from repro.runner.store import Store

ONE, TWO, THREE = SeedPair(1, 1), SeedPair(2, 1), SeedPair(3, 1)


@pytest.fixture
def execute(store: Store) -> Callable[..., dict[str, Any]]:
    """Returns a call that runs a job here and gives back its events by kind."""

    def call(job: Job, stop: Callable[[], bool] = lambda: False) -> dict[str, Any]:
        events = []
        run_job(job, store, events.append, stop)
        return {event["event"]: event for event in events}

    return call


def files(folder: Path) -> list[str]:
    """Returns the names in a folder that may not exist."""
    return sorted(path.name for path in folder.glob("*"))


def test_rows_have_what_readers_need(
    store: Store, make_job: Callable[..., Job], execute: Callable[..., dict[str, Any]]
) -> None:
    job = make_job(
        diverges=2, options={"experiment": "depth", "reductions": ["fewer"], "secret": "/home"}
    )
    events = execute(job)
    assert events["stored"]["rows"] == [[1, 1, "done"], [2, 1, "diverged"]]
    first, second = store.read("fake")
    assert (first["id"], first["task"], first["config"]) == (job.id, "fake", job.config)
    assert (first["status"], second["status"]) == ("done", "diverged")
    assert first["metrics"] == {"mcc": 0.5, "seed": 1}
    np.testing.assert_array_equal(store.load_arrays(second)["s"], np.full((3, 2), 2))
    origin = first["provenance"]
    assert origin["pack"] == [[1, 1], [2, 1]]
    assert (origin["experiment"], origin["reductions"]) == ("depth", ["fewer"])
    assert (origin["resumed_at"], origin["device"]) == (None, "cpu")
    assert origin["seconds"] >= 0
    assert origin["started"].endswith("+00:00")
    assert "/home" not in json.dumps(origin)


def test_seeds_with_rows_are_not_run_again(
    make_job: Callable[..., Job],
    execute: Callable[..., dict[str, Any]],
    log: Callable[[str], list[str]],
    store: Store,
) -> None:
    execute(make_job(data_seeds=(2,)))
    events = execute(make_job(data_seeds=(1, 2, 3)))
    assert events["had"]["seeds"] == [[2, 1]]
    assert log("ended") == ["1/1", "2/1", "3/1"]
    assert len(store.read("fake")) == 3
    assert "started" not in execute(make_job(data_seeds=(1, 2, 3)))


def test_a_seed_that_another_holds_is_left_to_it_and_claims_end_with_the_job(
    make_job: Callable[..., Job],
    execute: Callable[..., dict[str, Any]],
    log: Callable[[str], list[str]],
    store: Store,
) -> None:
    job = make_job()
    with claim(store.paths.claim(job.id, ONE)):
        events = execute(job)
    assert events["held"]["seeds"] == [[1, 1]]
    assert "process" in events["held"]["holder"]
    assert log("ended") == ["2/1"]
    execute(job)
    assert log("ended") == ["1/1", "2/1"]


def test_a_failure_keeps_its_traceback_and_is_forgotten_once_mended(
    make_job: Callable[..., Job], execute: Callable[..., dict[str, Any]], store: Store
) -> None:
    job = make_job(how="fail_once")
    events = execute(job)
    assert events["failed"]["cause"].startswith("ValueError: the data do not fit")
    assert store.read("fake") == []
    assert store.failed(job.id) == {ONE, TWO}
    text = store.paths.failure(job.id).read_text()
    assert "Traceback (most recent call last)" in text
    assert "fake_tasks.py" in text
    assert events["failed"]["file"] == str(store.paths.failure(job.id))
    assert len(execute(job)["stored"]["rows"]) == 2
    assert not store.paths.failure(job.id).exists()


@pytest.mark.parametrize(("room", "begun"), [(2, [5, 2, 3, 1, 2]), (1, None), (5, [5])])
def test_a_pack_that_memory_cannot_hold_is_halved_until_it_fits(
    make_job: Callable[..., Job], store: Store, room: int, begun: list[int] | None
) -> None:
    events: list[dict[str, Any]] = []
    job = make_job(data_seeds=(1, 2, 3, 4, 5), room=room)
    run_job(job, store, events.append, lambda: False)
    rows = store.read("fake")
    assert sorted(row["data_seed"] for row in rows) == [1, 2, 3, 4, 5]
    packs = [len(event["seeds"]) for event in events if event["event"] == "started"]
    assert begun is None or packs == begun
    assert max(len(row["provenance"]["pack"]) for row in rows) <= room
    notes = [event["text"] for event in events if event["event"] == "note"]
    assert len(notes) == len(packs) - len([e for e in events if e["event"] == "stored"])
    assert all("memory ran out with" in note for note in notes)
    assert not store.failed(job.id)


def test_the_halves_go_on_from_the_whole_pack_s_checkpoint(
    make_job: Callable[..., Job], store: Store
) -> None:
    run_job(make_job(room=1), store, lambda event: None, lambda: False)
    assert [row["provenance"]["resumed_at"] for row in store.read("fake")] == [2, 2]


def test_a_stop_between_the_halves_leaves_the_second_for_the_next_run(
    make_job: Callable[..., Job], store: Store
) -> None:
    events: list[dict[str, Any]] = []
    run_job(make_job(room=1, how="deaf"), store, events.append, lambda: len(events) > 8)
    kinds = [event["event"] for event in events]
    assert kinds[-1] in ("stopped", "stored")
    assert len(store.read("fake")) == kinds.count("stored")
    run_job(make_job(room=1, how="deaf"), store, events.append, lambda: False)
    assert len(store.read("fake")) == 2


@pytest.mark.parametrize(
    ("how", "cause"),
    [
        ("memory", "MemoryError"),
        ("exit", "SystemExit: 3"),
        ("disorder", "in the same order"),
    ],
)
def test_whatever_a_task_raises_is_a_failure(
    make_job: Callable[..., Job],
    execute: Callable[..., dict[str, Any]],
    store: Store,
    how: str,
    cause: str,
) -> None:
    assert cause in execute(make_job(how=how))["failed"]["cause"]
    assert store.failed("a" * 12) == {ONE, TWO}


def test_an_unknown_task_is_a_failure_that_names_the_nearest(
    make_job: Callable[..., Job], execute: Callable[..., dict[str, Any]]
) -> None:
    assert "the nearest valid name is fake" in execute(make_job(task="fakee"))["failed"]["cause"]


def test_nan_becomes_null_in_the_row_and_is_told(
    make_job: Callable[..., Job], execute: Callable[..., dict[str, Any]], store: Store
) -> None:
    events = execute(make_job(how="nan"))
    assert [row["metrics"]["mcc"] for row in store.read("fake")] == [None, None]
    assert "not finite: mcc (2 of 2 seeds)" in events["note"]["text"]


def test_a_stopped_job_goes_on_from_its_checkpoint(
    make_job: Callable[..., Job],
    execute: Callable[..., dict[str, Any]],
    store: Store,
    log: Callable[[str], list[str]],
) -> None:
    job = make_job(steps=5)
    asked = iter([False, False, True])
    events = execute(job, lambda: next(asked, True))
    assert events["stopped"] == {
        "event": "stopped",
        "seeds": [[1, 1], [2, 1]],
        "checkpoint": True,
    }
    assert store.read("fake") == []
    assert store.failed(job.id) == set()
    events = execute(make_job(data_seeds=(2,), steps=5))
    assert events["started"]["resumed"] is True
    assert store.read("fake")[0]["provenance"]["resumed_at"] == 2
    assert len(files(store.paths.checkpoints)) == 2, "seed 1 still needs the checkpoint"
    execute(job)
    assert store.read("fake")[1]["provenance"]["resumed_at"] == 2
    assert files(store.paths.checkpoints) == []
    assert log("ended") == ["1/1", "2/1"]


def test_a_stop_before_the_task_begins_runs_nothing(
    make_job: Callable[..., Job],
    execute: Callable[..., dict[str, Any]],
    log: Callable[[str], list[str]],
) -> None:
    assert execute(make_job(), lambda: True)["stopped"]["checkpoint"] is False
    assert log("begun") == []


def test_options_can_do_without_checkpoints_and_arrays(
    make_job: Callable[..., Job], execute: Callable[..., dict[str, Any]], store: Store
) -> None:
    options = {"checkpoint_minutes": None, "keep_arrays": False}
    execute(make_job(options=options))
    assert [row["arrays"] for row in store.read("fake")] == [None, None]
    assert not store.paths.arrays.exists()
    assert not store.paths.checkpoints.exists()


def test_a_task_is_told_where_downloaded_data_are(
    make_job: Callable[..., Job], execute: Callable[..., dict[str, Any]], store: Store
) -> None:
    execute(make_job(how="see", options={"data": "/some/where"}))
    assert {row["metrics"]["data"] for row in store.read("fake")} == {"/some/where"}


def test_arrays_are_kept_for_the_named_data_seeds(
    make_job: Callable[..., Job], execute: Callable[..., dict[str, Any]], store: Store
) -> None:
    execute(make_job(data_seeds=(1, 2, 3), options={"keep_arrays": [2]}))
    kept = {row["data_seed"]: row["arrays"] for row in store.read("fake")}
    assert kept == {1: None, 2: f"arrays/{'a' * 12}-2-1.npz", 3: None}
    assert len(files(store.paths.arrays)) == 1


def test_progress_is_throttled_but_the_last_step_is_told(
    make_job: Callable[..., Job], store: Store
) -> None:
    events = []
    started = time.monotonic()
    run_job(make_job(steps=200), store, events.append, lambda: False)
    halves = (time.monotonic() - started) / 0.5  # it speaks twice a second, however slow the steps
    told = [event for event in events if event["event"] == "progress"]
    assert len(told) <= min(3 + halves, 200)
    assert told[-1] == {"event": "progress", "step": 200, "steps": 200}


def test_auto_takes_the_gpu_that_the_launcher_shows(
    make_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert device_of(make_job(options={"device": "auto"})) == "cpu"
    assert device_of(make_job(options={"device": "cuda"})) == "cuda"


# -- checkpoints -------------------------------------------------------------------------------


def test_the_newest_checkpoint_that_holds_all_seeds_is_found(store: Store) -> None:
    paths, id = store.paths, "b" * 12
    assert find_checkpoint(paths, id, [ONE]) is None
    wide = announce(paths, id, [ONE, TWO, THREE])
    assert find_checkpoint(paths, id, [ONE]) is None, "only announced"
    wide.write_text("")
    narrow = announce(paths, id, [TWO, ONE])
    narrow.write_text("")
    assert find_checkpoint(paths, id, [ONE]) == narrow
    assert find_checkpoint(paths, id, [ONE, THREE]) == wide
    assert find_checkpoint(paths, "c" * 12, [ONE]) is None
    assert checkpoint_path(paths, id, [ONE, TWO]) == narrow
    narrow.with_suffix(".json").write_text("{torn")
    assert find_checkpoint(paths, id, [ONE]) == wide
    drop_finished(paths, id, [ONE, TWO])
    assert wide.exists()
    drop_finished(paths, id, [ONE, TWO, THREE])
    assert not wide.exists()


def test_a_damaged_checkpoint_is_set_aside_and_an_older_one_taken(
    store: Store, make_job: Callable[..., Job], execute: Callable[..., dict[str, Any]]
) -> None:
    job = make_job(steps=5)
    announce(store.paths, job.id, [ONE, TWO, THREE]).write_text(json.dumps({"step": 1}))
    bad = announce(store.paths, job.id, [ONE, TWO])
    bad.write_text("{torn")
    events = execute(job)
    assert "set aside" in events["note"]["text"]
    assert events["started"]["resumed"] is True
    assert {row["provenance"]["resumed_at"] for row in store.read("fake")} == {1}
    assert "failed" not in events


def test_a_job_whose_only_checkpoint_is_damaged_starts_again(
    store: Store, make_job: Callable[..., Job], execute: Callable[..., dict[str, Any]]
) -> None:
    job = make_job()
    announce(store.paths, job.id, [ONE, TWO]).write_text("{torn")
    execute(job)
    assert {row["provenance"]["resumed_at"] for row in store.read("fake")} == {None}
    assert files(store.paths.checkpoints) == []
