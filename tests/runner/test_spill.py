"""Rows that the store cannot take are kept whole elsewhere and taken in by the next run."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from repro.errors import StoreError
from repro.jobs import Job, SeedPair
from repro.runner import spill
from repro.runner import store as store_module
from repro.runner.execute import run_job
from repro.runner.paths import StorePaths
from repro.runner.rows import parse
from repro.runner.store import Store, packed


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes every append fail as on a full disk, until it is called."""

    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(store_module, "_write_whole", refuse)
        yield patch.undo


def events_of(job: Job, store: Store) -> dict[str, Any]:
    events = []
    run_job(job, store, events.append, lambda: False)
    return {event["event"]: event for event in events}


def test_a_full_disk_keeps_the_rows_and_the_next_run_takes_them_in(
    full: Callable[[], None],
    store: Store,
    make_job: Callable[..., Job],
    log: Callable[[str], list[str]],
) -> None:
    job = make_job()
    told = events_of(job, store)["spilled"]
    assert told["seeds"] == [[1, 1], [2, 1]]
    assert "No space left" in told["cause"]
    assert store.read("fake") == []
    assert store.failures(job.id) == []
    assert spill.count(store.paths) == 2
    for arrays in store.paths.arrays.rglob("*.npz"):
        arrays.unlink()  # a fuller disk would not have taken them
    full()
    assert spill.take_in(store) == 2
    first, second = store.read("fake")
    np.testing.assert_array_equal(store.load_arrays(second)["s"], np.full((3, 2), 2))
    assert first["metrics"] == {"mcc": 0.5, "seed": 1}
    assert spill.waiting(store.paths) == []
    assert spill.take_in(store) == 0
    assert log("ended") == ["1/1", "2/1"], "nothing was run twice"


def test_a_row_that_was_made_meanwhile_keeps_its_own_arrays(
    full: Callable[[], None], store: Store, make_job: Callable[..., Job]
) -> None:
    assert "spilled" in events_of(make_job(), store)
    full()
    [waits] = spill.waiting(store.paths)
    row, _ = parse((waits / "rows.jsonl").read_bytes(), waits).rows
    mine = row | {"metrics": {"mcc": 0.9, "seed": 1}}
    store.append("fake", [mine], {row["arrays"]: packed({"s": np.zeros((3, 2))})})
    assert spill.take_in(store) == 1, "the other seed's"
    first = store.read("fake")[0]
    assert first["metrics"]["mcc"] == 0.9
    np.testing.assert_array_equal(store.load_arrays(first)["s"], np.zeros((3, 2)))


def test_what_is_still_full_keeps_the_spill(
    full: Callable[[], None], store: Store, make_job: Callable[..., Job]
) -> None:
    events_of(make_job(), store)
    with pytest.raises(StoreError, match="Free some space"):
        spill.take_in(store)
    assert spill.count(store.paths) == 2


def test_a_row_that_got_stored_meanwhile_is_not_stored_twice(
    full: Callable[[], None], store: Store, make_job: Callable[..., Job]
) -> None:
    events_of(make_job(), store)
    full()
    events_of(make_job(data_seeds=(1,)), store)
    assert spill.take_in(store) == 1
    assert [row["data_seed"] for row in store.read("fake")] == [1, 2]


def test_where_the_store_takes_nothing_the_other_folder_does(
    full: Callable[[], None], tmp_path: Path, make_job: Callable[..., Job]
) -> None:
    paths = StorePaths(tmp_path / "results", "smoke", spill=tmp_path / "elsewhere")
    store = Store(paths)
    paths.root.mkdir(parents=True)
    (paths.root / "spill").write_text("a file where a folder should be")
    events_of(make_job(), store)
    [place] = spill.waiting(paths)
    assert place.is_relative_to(tmp_path / "elsewhere")
    full()
    assert spill.take_in(Store(paths)) == 2


def test_rows_that_nothing_takes_are_a_failure_that_says_so(
    full: Callable[[], None], store: Store, make_job: Callable[..., Job]
) -> None:
    store.paths.root.mkdir(parents=True)
    (store.paths.root / "spill").write_text("")
    told = events_of(make_job(), store)["failed"]
    assert "kept nowhere" in told["cause"]
    assert "paths.spill=FOLDER" in told["cause"]


def test_a_failure_that_cannot_be_kept_in_its_place_is_kept_in_a_spill(store: Store) -> None:
    store.paths.root.mkdir(parents=True)
    (store.paths.root / "failures").write_text("a file where a folder should be")
    path = store.record_failure("a" * 12, [SeedPair(1, 1)], "Traceback ...", task="fake")
    assert path.parent == store.paths.spills[0]
    assert "Traceback ..." in path.read_text()
