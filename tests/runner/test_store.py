"""Nothing lost, nothing twice: rows, arrays and failures under torn lines and many writers."""

import json
import math
import multiprocessing
import os
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from repro.errors import StoreError
from repro.jobs import SeedPair
from repro.runner.index import RowIndex
from repro.runner.paths import StorePaths
from repro.runner.rows import Row, key_of
from repro.runner.store import Store, StoreWarning, packed

ID = "0123456789ab"


def row(data_seed: object, model_seed: int = 1, id: str = ID, **changes: Any) -> Row:
    """Returns a valid row."""
    return {
        "schema": 1,
        "id": id,
        "task": "fake",
        "data_seed": data_seed,
        "model_seed": model_seed,
        "status": "done",
        "metrics": {"mcc": 0.25, "text": "näïve\u2028line"},
        "arrays": None,
        "config": {"data": {"dim": 2}},
        "provenance": {"seconds": 1.0},
        **changes,
    }


def path_of(store: Store) -> Path:
    """Returns the file of the rows."""
    return store.paths.rows("fake")


def test_rows_come_back_as_they_went_in_and_in_order(store: Store) -> None:
    rows = [row(seed) for seed in (3, 1, 2)]
    assert store.append("fake", rows[:2]) == []
    assert store.append("fake", rows[2:]) == []
    assert store.read("fake") == rows
    assert store.tasks() == ["fake"]
    assert path_of(store).read_bytes().count(b"\n") == 3


def test_an_empty_store_has_nothing(store: Store) -> None:
    assert store.read("fake") == []
    assert store.done("fake", ID) == {}
    assert store.tasks() == []
    assert store.failed(ID) == set()


def test_a_key_that_is_there_or_comes_twice_is_skipped_and_named(store: Store) -> None:
    store.append("fake", [row(1)])
    again = store.append("fake", [row(1, status="diverged"), row(2), row(2), row(1, 2)])
    assert again == [(ID, SeedPair(1, 1)), (ID, SeedPair(2, 1))]
    assert [key_of(found).seeds for found in store.read("fake")] == [(1, 1), (2, 1), (1, 2)]
    assert store.done("fake", ID)[SeedPair(1, 1)] == "done"


def test_two_stores_do_not_rely_on_what_they_remember(store: Store) -> None:
    other = Store(store.paths)
    assert store.done("fake", ID) == other.done("fake", ID) == {}
    store.append("fake", [row(1)])
    assert other.append("fake", [row(1)]) == [(ID, SeedPair(1, 1))]
    assert other.done("fake", ID) == {SeedPair(1, 1): "done"}


@pytest.mark.parametrize("cut", [1, 5, 60, -1])
def test_a_torn_last_line_is_stepped_over_and_never_spoils_the_next_append(
    store: Store, cut: int
) -> None:
    store.append("fake", [row(1), row(2)])
    whole = path_of(store).read_bytes()
    last = whole.splitlines(keepends=True)[1]
    torn = last[:-2] if cut == -1 else last[:cut]
    path_of(store).write_bytes(whole[: -len(last)] + torn)
    with pytest.warns(StoreWarning, match="torn line"):
        assert [found["data_seed"] for found in store.read("fake")] == [1]
    with pytest.warns(StoreWarning, match="torn line"):
        assert set(store.done("fake", ID)) == {(1, 1)}
    assert store.append("fake", [row(2), row(3)]) == []
    assert [found["data_seed"] for found in store.read("fake")] == [1, 2, 3]


def test_a_whole_last_line_without_its_newline_counts(store: Store) -> None:
    store.append("fake", [row(1), row(2)])
    path_of(store).write_bytes(path_of(store).read_bytes()[:-1])
    assert [found["data_seed"] for found in store.read("fake")] == [1, 2]
    assert store.append("fake", [row(2), row(3)]) == [(ID, SeedPair(2, 1))]
    assert [found["data_seed"] for found in store.read("fake")] == [1, 2, 3]


def test_a_line_that_is_being_written_is_waited_for(store: Store) -> None:
    store.append("fake", [row(1)])
    line = json.dumps(row(2)).encode() + b"\n"
    with path_of(store).open("ab") as file:
        file.write(line[:40])
        file.flush()
        pid = os.fork()
        if pid == 0:
            time.sleep(0.01)
            os.write(file.fileno(), line[40:])
            os._exit(0)
        try:
            assert len(store.read("fake")) == 2
        finally:
            os.waitpid(pid, 0)


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (b"{torn", "not JSON"),
        (b"[1]", "not a JSON object"),
        (b"", "not JSON"),
        (json.dumps(row(2, status="fine")).encode(), "status"),
        (json.dumps(row("2")).encode(), "data_seed"),
        (json.dumps({k: v for k, v in row(2).items() if k != "metrics"}).encode(), "metrics"),
    ],
)
def test_a_bad_finished_line_is_an_error_that_names_it(store: Store, bad: bytes, why: str) -> None:
    store.append("fake", [row(1), row(3)])
    first, last = path_of(store).read_bytes().splitlines(keepends=True)
    content = first + bad + b"\n" + last
    path_of(store).write_bytes(content)
    for call in (
        lambda: store.read("fake"),
        lambda: store.done("fake", ID),
        lambda: store.append("fake", [row(4)]),
    ):
        with pytest.raises(StoreError, match=rf"fake\.jsonl:2: .*{why}") as caught:
            call()
        assert "run the same command again" in str(caught.value)
    assert path_of(store).read_bytes() == content


def test_a_row_of_a_newer_version_is_not_to_be_deleted(store: Store) -> None:
    store.append("fake", [row(1)])
    with path_of(store).open("a") as file:
        file.write(json.dumps(row(2, schema=2)) + "\n")
    with pytest.raises(StoreError, match=r"schema is 2, .*update repro") as caught:
        store.done("fake", ID)
    assert "delete" not in str(caught.value)


def test_a_wrong_last_line_without_its_newline_is_never_cut_off(store: Store) -> None:
    store.append("fake", [row(1)])
    content = path_of(store).read_bytes() + json.dumps(row(2, status="fine")).encode()
    path_of(store).write_bytes(content)
    with pytest.raises(StoreError, match=r"fake\.jsonl:2: .*status"):
        store.append("fake", [row(3)])
    assert path_of(store).read_bytes() == content


def test_the_marks_of_a_merge_are_named_and_no_row_is_asked_to_go(store: Store) -> None:
    store.append("fake", [row(1), row(2)])
    path = path_of(store)
    [one, two, _] = path.read_text().split("\n")  # a row may hold other ends of lines
    merged = ["<<<<<<< HEAD", one, "=======", two, ">>>>>>> other"]
    path.write_text("\n".join(merged) + "\n")
    with pytest.raises(StoreError, match=r":1: .*git merge left .* the 3 lines .* may stay"):
        store.read("fake")
    path.write_text("\n".join([one, two]) + "\n")
    assert len(store.read("fake")) == 2


def test_rows_twice_in_a_merged_file_count_once(store: Store) -> None:
    store.append("fake", [row(1)])
    extra = json.dumps(row(1, status="diverged")).encode() + b"\n"
    path_of(store).write_bytes(path_of(store).read_bytes() + extra)
    with pytest.warns(StoreWarning, match="1 rows for seeds"):
        assert [found["status"] for found in store.read("fake")] == ["done"]
    assert store.done("fake", ID) == {SeedPair(1, 1): "done"}


def test_numbers_become_json_and_what_is_not_finite_becomes_null(store: Store) -> None:
    metrics = {
        "nan": math.nan,
        "inf": np.float32("inf"),
        "half": np.float32(0.5),
        "count": np.int64(3),
        "flag": np.bool_(True),
        "list": np.array([1.0, math.nan]),
        "nested": {"at": (1, -math.inf)},
    }
    store.append("fake", [row(1, metrics=metrics)])
    assert store.read("fake")[0]["metrics"] == {
        "nan": None,
        "inf": None,
        "half": 0.5,
        "count": 3,
        "flag": True,
        "list": [1.0, None],
        "nested": {"at": [1, None]},
    }
    assert b"NaN" not in path_of(store).read_bytes()


@pytest.mark.parametrize(
    "changes",
    [
        {"metrics": {"mcc": object()}},
        {"metrics": {1: 2.0}},
        {"config": {"rate": math.nan}},
        {"status": "failed"},
        {"task": "other"},
        {"schema": 2},
        {"provenance": None},
    ],
)
def test_a_row_that_readers_would_refuse_is_never_written(
    store: Store, changes: dict[str, Any]
) -> None:
    store.append("fake", [row(1)])
    before = path_of(store).read_bytes()
    with pytest.raises(StoreError, match=r"Correct what the task|Have the task"):
        store.append("fake", [row(2), row(3, **changes)])
    assert path_of(store).read_bytes() == before


def test_a_write_that_fails_half_way_is_taken_back(store: Store) -> None:
    store.append("fake", [row(1)])
    before = path_of(store).read_bytes()
    pid = os.fork()
    if pid == 0:  # a child, because the limit on file sizes cannot be lifted again
        import resource
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, len(before) + 100))
        try:
            store.append("fake", [row(2)])
        except StoreError as error:
            os._exit(0 if "Free some space" in str(error) else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert path_of(store).read_bytes() == before


def _append_many(results: Path, writer: int, count: int, barrier: Barrier) -> None:
    store = Store(StorePaths(results, "smoke"))
    barrier.wait()
    for seed in range(count):
        own, shared = row(seed, writer), row(seed, 99)
        store.append("fake", [own, shared])


def test_four_processes_append_whole_lines_and_each_key_once(store: Store) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(4)
    workers = [
        context.Process(target=_append_many, args=(store.paths.results, writer, 50, barrier))
        for writer in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
        worker.close()
    keys = [key_of(found).seeds for found in store.read("fake")]
    expected = {(seed, writer) for seed in range(50) for writer in (0, 1, 2, 3, 99)}
    assert len(keys) == 250
    assert set(keys) == expected


def test_status_of_a_thousand_rows_is_read_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.append("fake", [row(seed, id=f"{seed % 40:012d}") for seed in range(1000)])
    store.done("fake", ID)
    with monkeypatch.context() as unreadable:
        unreadable.setattr(RowIndex, "read", lambda self: pytest.fail("read again"))
        for number in range(40):
            assert len(store.done("fake", f"{number:012d}")) == 25
    store.append("fake", [row(5000)])
    assert store.done("fake", ID) == {SeedPair(5000, 1): "done"}


def test_what_done_returns_is_the_callers_own(store: Store) -> None:
    store.append("fake", [row(1)])
    store.done("fake", ID).clear()
    assert store.done("fake", ID) == {SeedPair(1, 1): "done"}


# -- arrays ------------------------------------------------------------------------------------


def test_arrays_come_back_and_their_path_is_relative(store: Store) -> None:
    arrays = {"s": np.arange(6.0, dtype=np.float32).reshape(3, 2), "segment": np.int16([1, 2])}
    path = store.arrays_name(ID, SeedPair(4, 7))
    assert path == f"arrays/{ID}-4-7.npz"
    store.append("fake", [row(4, 7, arrays=path)], {path: packed(arrays)})
    loaded = store.load_arrays(row(4, 7, arrays=path))
    assert set(loaded) == {"s", "segment"}
    for name, value in arrays.items():
        assert loaded[name].dtype == value.dtype
        np.testing.assert_array_equal(loaded[name], value)


def test_a_row_that_is_there_keeps_its_own_arrays(store: Store) -> None:
    path = store.arrays_name(ID, SeedPair(1, 1))
    assert store.append("fake", [row(1, arrays=path)], {path: packed({"s": np.ones(3)})}) == []
    again = store.append("fake", [row(1, arrays=path)], {path: packed({"s": np.zeros(3)})})
    assert [key.seeds for key in again] == [SeedPair(1, 1)]
    np.testing.assert_array_equal(store.load_arrays(row(1, arrays=path))["s"], np.ones(3))
    assert [found.name for found in store.paths.arrays.iterdir()] == [f"{ID}-1-1.npz"]


def test_arrays_of_objects_are_not_packed() -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        packed({"s": np.zeros(3), "odd": np.array([object()])})


@pytest.mark.parametrize("arrays", [None, "arrays/none.npz", "../../secret.npz"])
def test_arrays_that_are_not_in_the_store_are_an_error_with_a_remedy(
    store: Store, arrays: str | None
) -> None:
    np.savez(store.paths.results.parent / "secret.npz", s=np.ones(1))
    with pytest.raises(StoreError, match="Copy them from where the row was made"):
        store.load_arrays(row(1, arrays=arrays))


def test_damaged_arrays_are_an_error(store: Store) -> None:
    path = store.arrays_name(ID, SeedPair(1, 1))
    store.append("fake", [row(1, arrays=path)], {path: packed({"s": np.ones(100)})})
    file = store.paths.root / path
    file.write_bytes(file.read_bytes()[:60])
    with pytest.raises(StoreError, match="cannot be loaded"):
        store.load_arrays(row(1, arrays=path))


# -- failures ----------------------------------------------------------------------------------

TRACE = "Traceback:\n  file x\n\ntask: not a header\n==== failure 1999\nValueError: näh\n"


def test_failures_are_readable_and_read_back(store: Store) -> None:
    seeds = [SeedPair(1, 1), SeedPair(12, 2)]
    file = store.record_failure(ID, seeds, TRACE, task="fake", details={"cause": "a\nb: c"})
    store.record_failure(ID, seeds[:1], "again", task="fake")
    first, second = store.failures(ID)
    assert first.traceback.rstrip("\n") == TRACE.rstrip("\n")
    assert (first.task, first.seeds, dict(first.details)) == (
        "fake",
        (*seeds,),
        {"cause": "a b: c"},
    )
    assert (second.seeds, second.traceback.rstrip("\n")) == ((seeds[0],), "again")
    text = file.read_text()
    assert text.startswith("==== failure ")
    assert "seeds (data/model): 1/1 12/2\n" in text


def test_a_failure_is_over_when_its_seeds_have_rows(store: Store) -> None:
    store.record_failure(ID, [SeedPair(1, 1), SeedPair(2, 1)], TRACE, task="fake")
    store.append("fake", [row(1)])
    assert store.failed(ID) == {SeedPair(2, 1)}
    assert not store.clear_failure(ID)
    assert store.paths.failure(ID).exists()
    store.append("fake", [row(2, status="diverged")])
    assert store.failed(ID) == set()
    assert store.clear_failure(ID)
    assert not store.paths.failure(ID).exists()


def test_a_failure_of_another_task_is_not_settled_by_this_ones_rows(store: Store) -> None:
    store.record_failure(ID, [SeedPair(1, 1)], TRACE, task="other")
    store.append("fake", [row(1)])
    assert store.failed(ID) == {SeedPair(1, 1)}


def test_failures_of_many_writers_are_all_kept(store: Store) -> None:
    children = []
    for child in range(4):
        pid = os.fork()
        if pid == 0:
            for seed in range(5):
                store.record_failure(ID, [SeedPair(seed, child)], TRACE, task="fake")
            os._exit(0)
        children.append(pid)
    for pid in children:
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert store.failed(ID) == {(seed, child) for seed in range(5) for child in range(4)}
