"""The local launcher: each seed exactly once, whoever dies, stops or runs beside it."""

import itertools
import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from repro.jobs import Job
from repro.runner import launch, local, memory
from repro.runner.launch import LocalOptions, crowding
from repro.runner.local import run_local
from repro.runner.locking import claim
from repro.runner.paths import StorePaths
from repro.runner.progress import Reporter
from repro.runner.rows import RowKey, key_of
from repro.runner.store import Store
from repro.runner.summary import Summary
from repro.runner.upkeep import tend

DRIVE = Path(__file__).parent / "drive.py"


class Recorder(Reporter):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.notes = []
        self.order = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def job_started(self, slot: int, job: Job) -> None:
        super().job_started(slot, job)
        self.order.append(job.id)


@pytest.fixture
def run(store: Store) -> Callable[..., tuple[Summary, Recorder]]:
    """Returns a call that runs jobs here; gives back the summary and what was told."""

    def call(jobs: list[Job], **options: Any) -> tuple[Summary, Recorder]:
        told = Recorder()
        return run_local(jobs, store, LocalOptions(**options), told), told

    return call


@pytest.fixture
def drive(
    launched: Callable[..., subprocess.Popen[str]],
) -> Callable[..., subprocess.Popen[str]]:
    """Returns a starter of launchers in processes of their own."""
    return lambda jobs, workers=1: launched(DRIVE, jobs, str(workers))


def some_jobs(make_job: Callable[..., Job], count: int, **config: Any) -> list[Job]:
    """Returns jobs of two seeds each."""
    return [make_job(id=f"{number:012d}", **config) for number in range(count)]


def keys(store: Store) -> list[RowKey]:
    """Returns the key of every row."""
    return [key_of(row) for row in store.read("fake")]


def test_jobs_run_longest_first_and_the_second_run_has_nothing_to_do(
    run: Callable[..., tuple[Summary, Recorder]], make_job: Callable[..., Job], store: Store
) -> None:
    expected = {"a": 1, "b": 3, "c": 2}
    jobs = [make_job(id=name * 12, seconds=seconds) for name, seconds in expected.items()]
    summary, told = run(jobs)
    assert told.order == ["b" * 12, "c" * 12, "a" * 12]
    assert (summary.done, summary.ok) == (6, True)
    assert len(store.read("fake")) == 6
    summary, told = run(jobs)
    assert (summary.done, summary.had, summary.ok, told.order) == (0, 6, True, [])


def test_workers_share_the_jobs_and_each_seed_ends_once(
    run: Callable[..., tuple[Summary, Recorder]],
    make_job: Callable[..., Job],
    log: Callable[[str], list[str]],
) -> None:
    summary, _ = run(some_jobs(make_job, 6, diverges=2, pause=0.01), workers=2)
    assert (summary.done, summary.diverged) == (6, 6)
    assert Counter(log("ended")) == {"1/1": 6, "2/1": 6}


def test_a_failure_is_told_kept_and_tried_again_by_the_next_run(
    run: Callable[..., tuple[Summary, Recorder]], make_job: Callable[..., Job], store: Store
) -> None:
    jobs = [make_job(id="f" * 12, seconds=9, how="fail_once"), *some_jobs(make_job, 2)]
    summary, told = run(jobs)
    assert not summary.ok
    assert summary.failed == {"f" * 12: store.paths.failure("f" * 12)}
    assert summary.done == 4, "the other jobs went on"
    assert any("FAILED" in note and "ValueError" in note for note in told.notes)
    assert any("The same command again" in note for note in told.notes)
    summary, _ = run(jobs)
    assert (summary.done, summary.had, summary.ok) == (2, 4, True)
    assert not store.paths.failure("f" * 12).exists()


def test_on_error_stop_leaves_the_rest(
    run: Callable[..., tuple[Summary, Recorder]], make_job: Callable[..., Job]
) -> None:
    jobs = [make_job(id="f" * 12, seconds=9, how="fail"), *some_jobs(make_job, 2)]
    summary, _ = run(jobs, on_error="stop")
    assert (summary.left, summary.done, summary.ok) == (4, 0, False)
    assert "on_error" in summary.trouble
    assert not summary.interrupted


def test_a_worker_killed_in_mid_job_is_replaced_and_the_job_goes_on(
    run: Callable[..., tuple[Summary, Recorder]],
    make_job: Callable[..., Job],
    store: Store,
    log: Callable[[str], list[str]],
) -> None:
    summary, told = run([make_job(how="die_once", at=2, steps=4), make_job(id="c" * 12)])
    assert (summary.done, summary.ok) == (4, True)
    assert any("SIGKILL" in note and "A new worker" in note for note in told.notes)
    origins = {row["id"]: row["provenance"] for row in store.read("fake")}
    assert origins["a" * 12]["resumed_at"] == 2
    assert log("begun").count("1/1") == 3
    assert Counter(log("ended")) == {"1/1": 2, "2/1": 2}
    assert not store.paths.failure("a" * 12).exists()


def test_a_pack_that_the_kernel_kills_for_its_memory_goes_on_as_two(
    run: Callable[..., tuple[Summary, Recorder]],
    make_job: Callable[..., Job],
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "kernel_kills", itertools.count().__next__)
    job = make_job(how="die_large", room=1, data_seeds=(1, 2, 3), at=2)
    summary, told = run([job], retries=0)
    assert (summary.done, summary.ok) == (3, True)
    assert sum("memory ran out. Its seeds go on in two packs" in note for note in told.notes) == 2
    packs = {row["data_seed"]: row["provenance"]["pack"] for row in store.read("fake")}
    assert packs == {seed: [[seed, 1]] for seed in (1, 2, 3)}
    assert {row["provenance"]["resumed_at"] for row in store.read("fake")} == {2}


def test_seeds_that_another_process_keeps_are_left_to_it_in_the_end(
    run: Callable[..., tuple[Summary, Recorder]],
    make_job: Callable[..., Job],
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(local, "_HELD_PATIENCE", 1.2)
    monkeypatch.setattr(local, "_HELD_PAUSE", 0.1)
    job = make_job()
    with claim(store.paths.claim(job.id, job.seeds[0])):
        summary, told = run([job])
    assert (summary.done, summary.held, summary.ok) == (1, 1, True)
    assert sum("is with another runner:" in note for note in told.notes) == 1
    assert len(told.order) > 2


def test_patience_begins_anew_when_others_have_given_seeds_back(
    make_job: Callable[..., Job], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "_HELD_PATIENCE", 2.0)
    monkeypatch.setattr(local, "_HELD_PAUSE", 0.1)
    job = make_job(steps=5, pause=0.6)  # longer than the patience
    held = [claim(store.paths.claim(job.id, pair)) for pair in job.seeds]

    class Rival(Recorder):
        """Gives back one seed when the other runner looks again, and the other once that runs."""

        def job_started(self, slot: int, job: Job) -> None:
            super().job_started(slot, job)
            if len(self.order) == 2:
                held[0].release()

        def job_running(self, slot: int, seeds: int, resumed: bool) -> None:
            held[1].release()

    summary = run_local([job], store, LocalOptions(), Rival())
    assert (summary.done, summary.held) == (2, 0)


def test_a_seed_that_fails_is_not_tried_again_while_others_are_waited_for(
    run: Callable[..., tuple[Summary, Recorder]],
    make_job: Callable[..., Job],
    store: Store,
    log: Callable[[str], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(local, "_HELD_PATIENCE", 1.2)
    monkeypatch.setattr(local, "_HELD_PAUSE", 0.1)
    job = make_job(how="fail")
    with claim(store.paths.claim(job.id, job.seeds[0])):
        summary, _ = run([job])
    assert (len(summary.failed), summary.held) == (1, 1)
    assert log("begun") == ["2/1"]


def test_a_job_that_always_kills_its_worker_fails_and_the_others_run(
    run: Callable[..., tuple[Summary, Recorder]],
    make_job: Callable[..., Job],
    store: Store,
    log: Callable[[str], list[str]],
) -> None:
    jobs = [make_job(how="die", seconds=9), *some_jobs(make_job, 1)]
    summary, _ = run(jobs, retries=2)
    assert (summary.done, list(summary.failed)) == (2, ["a" * 12])
    assert log("begun").count("1/1") == 4
    assert len(store.failures("a" * 12)) == 3
    assert "SIGKILL" in store.failures("a" * 12)[0].details["cause"]


def test_kill_9_without_retries_then_the_next_run_goes_on(
    run: Callable[..., tuple[Summary, Recorder]], make_job: Callable[..., Job], store: Store
) -> None:
    job = make_job(how="die_once", at=2)
    summary, _ = run([job], retries=0)
    assert (len(summary.failed), summary.ok) == (1, False)
    summary, _ = run([job], retries=0)
    assert (summary.done, summary.ok) == (2, True)
    assert {row["provenance"]["resumed_at"] for row in store.read("fake")} == {2}
    assert len(set(keys(store))) == len(keys(store)) == 2


def test_a_worker_stopped_by_someone_else_is_replaced(
    run: Callable[..., tuple[Summary, Recorder]], make_job: Callable[..., Job], store: Store
) -> None:
    summary, told = run([make_job(how="term_once", at=2), make_job(id="c" * 12)])
    assert (summary.done, summary.stopped, summary.ok) == (4, 0, True)
    origins = {row["id"]: row["provenance"] for row in store.read("fake")}
    assert origins["a" * 12]["resumed_at"] == 3
    assert told.order == ["a" * 12, "a" * 12, "c" * 12]


def test_a_worker_that_cannot_start_ends_the_run_and_says_why(
    run: Callable[..., tuple[Summary, Recorder]],
    make_job: Callable[..., Job],
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    summary, _ = run(some_jobs(make_job, 3))
    assert "could not start" in summary.trouble
    assert (summary.left, len(summary.failed), summary.ok) == (4, 1, False)
    assert "encodings" in store.failures(f"{0:012d}")[0].traceback


def test_two_runners_over_the_same_jobs_run_each_seed_once(
    drive: Callable[..., subprocess.Popen[str]],
    make_job: Callable[..., Job],
    store: Store,
    log: Callable[[str], list[str]],
) -> None:
    jobs = some_jobs(make_job, 8, pause=0.02)
    first, second = drive(jobs), drive(jobs)
    told = [json.loads(process.communicate(timeout=60)[0]) for process in (first, second)]
    assert all(found["ok"] for found in told)
    assert sum(found.get("done", 0) for found in told) == 16
    assert Counter(log("ended")) == {"1/1": 8, "2/1": 8}
    assert log("begun") == log("ended")
    assert len(set(keys(store))) == len(keys(store)) == 16


def test_what_a_killed_rival_leaves_is_done_by_the_other(
    drive: Callable[..., subprocess.Popen[str]],
    make_job: Callable[..., Job],
    store: Store,
    log: Callable[[str], list[str]],
    until: Callable[..., None],
) -> None:
    slow = make_job(id="5" * 12, seconds=9, steps=150, pause=0.01)
    first = drive([slow])
    until(lambda: log("begun"))
    second = drive([slow, *some_jobs(make_job, 2, steps=40, pause=0.01)])
    until(lambda: len(log("begun")) > 2)
    os.kill(first.pid, signal.SIGKILL)
    told = json.loads(second.communicate(timeout=60)[0])
    assert told == {"done": 6, "ok": True}
    origins = {row["id"]: row["provenance"] for row in store.read("fake")}
    assert origins["5" * 12]["resumed_at"] > 0
    assert Counter(log("ended")) == {"1/1": 3, "2/1": 3}


def test_kill_9_of_the_launcher_stops_its_workers_and_the_next_run_goes_on(
    drive: Callable[..., subprocess.Popen[str]],
    make_job: Callable[..., Job],
    store: Store,
    log: Callable[[str], list[str]],
    until: Callable[..., None],
) -> None:
    jobs = some_jobs(make_job, 2, steps=4, pause=0.6)
    first = drive(jobs, workers=2)
    until(lambda: len(log("begun")) == 4)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()  # its workers still hold their seeds, until the end of a step
    told = json.loads(drive(jobs, workers=2).communicate(timeout=60)[0])
    assert told == {"done": 4, "ok": True}
    assert sorted(keys(store)) == sorted((job.id, pair) for job in jobs for pair in job.seeds)
    assert Counter(log("ended")) == {"1/1": 2, "2/1": 2}
    assert store.failures(jobs[0].id) == []


def test_ctrl_c_stops_with_checkpoints_and_the_same_command_goes_on(
    drive: Callable[..., subprocess.Popen[str]],
    make_job: Callable[..., Job],
    log: Callable[[str], list[str]],
    until: Callable[..., None],
) -> None:
    jobs = some_jobs(make_job, 3, steps=60, pause=0.02)
    first = drive(jobs, workers=2)
    until(lambda: len(log("begun")) == 4)
    first.send_signal(signal.SIGINT)
    out, said = first.communicate(timeout=30)
    assert json.loads(out) == {"stopped": 4, "left": 2, "ok": False}
    assert "goes on from there" in said.replace("\n", " ")
    out, said = drive(jobs, workers=2).communicate(timeout=60)
    assert json.loads(out) == {"done": 6, "ok": True}
    assert "goes on from a checkpoint" in said
    assert Counter(log("ended")) == {"1/1": 3, "2/1": 3}


@pytest.mark.parametrize(("minutes", "goes_on"), [(5.0, True), (None, False)])
def test_an_interrupt_promises_checkpoints_only_where_they_are_kept(
    make_job: Callable[..., Job], store: Store, minutes: float | None, goes_on: bool
) -> None:
    told = Recorder()
    begun = local._Run(store, LocalOptions(), told)
    job = make_job(options={"checkpoint_minutes": minutes})
    begun.slots = [local._Slot(0, {}, ticket=local._Ticket(job))]
    begun._interrupted()
    assert ("goes on from there" in told.notes[0]) is goes_on


def test_a_second_ctrl_c_ends_a_job_that_will_not_stop(
    drive: Callable[..., subprocess.Popen[str]],
    make_job: Callable[..., Job],
    store: Store,
    log: Callable[[str], list[str]],
    until: Callable[..., None],
) -> None:
    job = make_job(how="deaf", steps=1000, pause=0.02)
    process = drive([job])
    until(lambda: log("begun"))
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=0.5)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert json.loads(out) == {"stopped": 2, "ok": False}
    assert store.failures(job.id) == []


def test_ctrl_c_while_a_worker_starts_is_no_failure(
    drive: Callable[..., subprocess.Popen[str]],
    make_job: Callable[..., Job],
    store: Store,
    fake: Path,
    until: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (fake / "sitecustomize.py").write_text(
        "import pathlib, sys, time\n"
        "if 'repro.runner.worker' in sys.orig_argv:\n"
        "    pathlib.Path(__file__).with_name('starting').touch()\n"
        "    time.sleep(60)\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{fake}:{os.environ['PYTHONPATH']}")
    job = make_job()
    process = drive([job])
    until((fake / "starting").exists)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert json.loads(out) == {"stopped": 2, "ok": False}
    assert store.failures(job.id) == []


def test_a_worker_killed_while_it_starts_is_replaced(
    run: Callable[..., tuple[Summary, Recorder]],
    make_job: Callable[..., Job],
    fake: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (fake / "sitecustomize.py").write_text(
        "import os, signal, pathlib\n"
        "first = pathlib.Path(__file__).with_name('first')\n"
        "if not first.exists():\n"
        "    first.touch()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{fake}:{os.environ['PYTHONPATH']}")
    summary, told = run([make_job()])
    assert (summary.done, summary.ok, summary.trouble) == (2, True, None)
    assert any("A new worker" in note for note in told.notes)


def test_a_store_that_takes_no_more_ends_the_run_and_the_next_one_takes_the_rows_in(
    run: Callable[..., tuple[Summary, Recorder]],
    make_job: Callable[..., Job],
    store: Store,
    log: Callable[[str], list[str]],
) -> None:
    run(some_jobs(make_job, 4))
    jobs = [make_job(id="f" * 12, seconds=9, how="full"), make_job(id="e" * 12)]
    summary, told = run(jobs)
    assert (summary.count("spilled"), summary.left, summary.ok) == (2, 2, False)
    assert "could not be stored" in summary.trouble
    assert any("next run takes them in" in note for note in told.notes)
    assert len(store.read("fake")) == 8
    assert tend(store) == ["2 rows were taken in that could not be stored before."]
    summary, told = run(jobs)
    assert (summary.had, summary.done, summary.ok) == (2, 2, True)
    assert Counter(log("ended")) == {"1/1": 6, "2/1": 6}


def test_a_store_that_cannot_be_used_ends_the_run_after_one_job(
    run: Callable[..., tuple[Summary, Recorder]], make_job: Callable[..., Job], store: Store
) -> None:
    store.paths.root.mkdir(parents=True)
    store.paths.checkpoints.write_text("where a folder belongs")
    summary, _ = run(some_jobs(make_job, 3))
    assert (summary.count("failed"), summary.left, summary.ok) == (2, 4, False)
    assert summary.trouble == "the store cannot be used"
    store.paths.checkpoints.unlink()
    summary, _ = run(some_jobs(make_job, 3))
    assert (summary.done, summary.ok) == (6, True)


def test_locks_can_be_elsewhere(
    tmp_path: Path, make_job: Callable[..., Job], fake: Path, log: Callable[[str], list[str]]
) -> None:
    paths = StorePaths(tmp_path / "results", "smoke", locks=tmp_path / "locks")
    summary = run_local([make_job(how="fail")], Store(paths), LocalOptions(), Reporter())
    assert len(summary.failed) == 1
    summary = run_local([make_job()], Store(paths), LocalOptions(), Reporter())
    assert summary.done == 2
    assert list((tmp_path / "results").rglob("*.lock")) == []
    assert len(list((tmp_path / "locks").rglob("*.lock"))) == 4  # two claims, rows, failures


# -- options -----------------------------------------------------------------------------------


def test_a_cpu_worker_has_one_thread_and_gpus_are_shown_one_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(launch, "cores", lambda: 12)
    for found in LocalOptions(workers=2).environments():
        assert found["CUDA_VISIBLE_DEVICES"] == ""
        assert found["OMP_NUM_THREADS"] == found["MKL_NUM_THREADS"] == "1", "exact in any pack"
    options = LocalOptions(workers=3, gpus=("0", "2"))
    assert {one["OMP_NUM_THREADS"] for one in options.environments()} == {"4"}
    assert options.dealt == ("0", "2", "0")
    assert [one["CUDA_VISIBLE_DEVICES"] for one in options.environments()] == ["0", "2", "0"]
    (only,) = LocalOptions(threads=3).environments(threads=5)
    assert only["OMP_NUM_THREADS"] == "3"
    (only,) = LocalOptions().environments(threads=5)
    assert only["OMP_NUM_THREADS"] == "5"


@pytest.mark.parametrize(
    ("workers", "threads", "gpus", "load", "warned"),
    [
        (1, 4, (), 3.2, True),
        (2, 2, (), 1.5, True),
        (1, 4, (), 0.2, False),  # a core for every thread
        (4, 1, (), 3.2, False),  # threads of their own wait for nobody
        (1, 4, ("0",), 3.2, False),
    ],
)
def test_threads_that_would_wait_for_other_processes_are_warned_of(
    monkeypatch: pytest.MonkeyPatch,
    workers: int,
    threads: int,
    gpus: tuple[str, ...],
    load: float,
    warned: bool,
) -> None:
    monkeypatch.setattr(launch, "cores", lambda: 4)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    options = LocalOptions(workers=workers, threads=threads, gpus=gpus)
    warning = crowding(options.environments())
    assert bool(warning) == warned
    if warning:
        assert f"about {load} of 4 cores" in warning
        assert "threads=1" in warning


def test_a_run_on_a_crowded_machine_says_so(
    monkeypatch: pytest.MonkeyPatch, store: Store, make_job: Callable[..., Job], fake: Path
) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (64.0, 0.0, 0.0))
    said: list[str] = []

    class Listener(Reporter):
        def note(self, line: str) -> None:
            said.append(line)

    run_local([make_job()], store, LocalOptions(threads=2), Listener())
    assert any("threads=1 is faster" in line for line in said)
