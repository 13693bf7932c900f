"""On a real Slurm of two nodes: sweeps, failures, preemption, a dead node, a lost driver."""

import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from repro.errors import ConfigError
from repro.jobs import Job
from repro.runner import slurm_queue
from repro.runner.progress import Reporter
from repro.runner.slurm import run_slurm
from repro.runner.store import Store
from repro.runner.submissions import Submissions
from repro.runner.summary import Summary

PATIENCE = 600.0  # seconds; slow machines take their time
DRIVE = Path(__file__).parent / "drive_slurm.py"
OPTIONS = {
    "name": "slurm", "partition": "main", "gpus_per_task": 1, "cpus": 1, "memory_gb": 0.9,
    "minutes": 60, "parallel": 4, "sbatch": [], "setup": [], "warning_seconds": 30, "requeues": 10,
    "poll_seconds": 1.0, "seeds_per_pack": None, "retries": 1, "on_error": "continue",
}  # fmt: skip


class Recorder(Reporter):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.notes = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def run(cluster: Any, store: Store) -> Iterator[Callable[..., tuple[Summary, Recorder]]]:
    """Returns a call that runs jobs from here, and stops watching when that takes too long."""
    timers = []

    def call(jobs: list[Job], **options: Any) -> tuple[Summary, Recorder]:
        told = Recorder()
        timer = threading.Timer(PATIENCE, os.kill, (os.getpid(), signal.SIGTERM))
        timers.append(timer)
        timer.start()
        try:
            summary = run_slurm(jobs, store, {**OPTIONS, **options}, 1, told)
        finally:
            timer.cancel()
        assert not summary.queued, f"{told.notes}\n{cluster.logs()}"
        return summary, told

    yield call
    for timer in timers:
        timer.cancel()


@pytest.fixture
def drive(cluster: Any, launched: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a starter of drivers in processes of their own."""
    return lambda jobs: launched(DRIVE, jobs, json.dumps(OPTIONS))


def resumed(store: Store, id: str) -> set[Any]:
    return {row["provenance"]["resumed_at"] for row in store.read("fake") if row["id"] == id}


def test_a_sweep_completes_and_each_task_sees_one_gpu(
    run: Callable[..., tuple[Summary, Recorder]],
    make_job: Callable[..., Job],
    store: Store,
    log: Callable[[str], list[str]],
) -> None:
    jobs = [make_job(id=f"{number:012d}", how="see", pause=0.2) for number in range(5)]
    summary, told = run(jobs)
    assert (summary.done, summary.ok) == (10, True)
    assert {row["metrics"]["gpus"] for row in store.read("fake")} <= {"0", "1"}
    assert log("begun") == log("ended")
    assert Submissions(store.paths).read() == []
    assert any("submitted 5 tasks" in note for note in told.notes)
    summary, told = run(jobs)
    assert (summary.had, summary.done) == (10, 0)


def test_a_raising_job_fails_with_its_traceback_and_killed_ones_are_submitted_again(
    run: Callable[..., tuple[Summary, Recorder]], make_job: Callable[..., Job], store: Store
) -> None:
    raising = make_job(id="f" * 12, how="fail")
    dying = make_job(id="d" * 12, how="die")
    once = make_job(id="c" * 12, how="die_once", at=2)
    hungry = make_job(id="e" * 12, how="hog_large", room=1, at=2)
    summary, told = run([raising, dying, once, hungry])
    assert (summary.done, summary.ok) == (4, False)
    assert set(summary.failed) == {"f" * 12, "d" * 12}
    assert "ValueError" in summary.causes["f" * 12]
    assert "Traceback (most recent call last)" in store.failures("f" * 12)[0].traceback
    assert "SIGKILL" in store.paths.failure("d" * 12).read_text()
    assert resumed(store, "c" * 12) == resumed(store, "e" * 12) == {2}
    assert sum("submitted again as two packs" in note for note in told.notes) == 1
    assert sum("It is submitted again" in note for note in told.notes) == 2


def test_a_preempted_task_goes_on_from_its_checkpoint(
    cluster: Any,
    drive: Callable[..., Any],
    make_job: Callable[..., Job],
    store: Store,
    log: Callable[[str], list[str]],
) -> None:
    job = make_job(steps=100, pause=0.1)
    driver = drive([job])
    cluster.until(lambda: log("begun"))
    cluster.until(lambda: list(store.paths.checkpoints.glob("*.pt")))
    high = ("sbatch", "-p", "high", "-N2", "--exclusive", "-o", "/dev/null", "--wrap", "sleep 1")
    assert "Submitted" in cluster.ask(*high, seconds=60)
    out, said = driver.communicate(timeout=PATIENCE)
    assert json.loads(out) == {"done": 2, "ok": True}, said + cluster.logs()
    assert min(resumed(store, job.id)) > 0
    assert Counter(log("begun")) == {"1/1": 2, "2/1": 2}


def test_a_task_of_a_dead_node_is_done_by_another(
    cluster: Any,
    drive: Callable[..., Any],
    make_job: Callable[..., Job],
    store: Store,
    log: Callable[[str], list[str]],
) -> None:
    job = make_job(steps=100, pause=0.1)
    driver = drive([job])
    cluster.until(lambda: log("begun"))
    cluster.until(lambda: list(store.paths.checkpoints.glob("*.pt")))
    [submission] = Submissions(store.paths).read()
    cluster.crash(cluster.node_of(submission.id))
    out, said = driver.communicate(timeout=PATIENCE)
    assert json.loads(out) == {"done": 2, "ok": True}, said + cluster.logs()
    assert min(resumed(store, job.id)) > 0


def test_a_driver_that_is_gone_is_replaced_by_the_same_command(
    cluster: Any,
    drive: Callable[..., Any],
    run: Callable[..., tuple[Summary, Recorder]],
    make_job: Callable[..., Job],
    store: Store,
    log: Callable[[str], list[str]],
) -> None:
    jobs = [make_job(id=f"{number:012d}", steps=60, pause=0.1) for number in range(2)]
    first = drive(jobs)
    cluster.until(lambda: len(log("begun")) == 4)
    first.kill()
    second = drive(jobs)
    said = ""
    while "submitted before" not in said:
        said = second.stderr.readline()
        assert said, cluster.logs()
    second.send_signal(signal.SIGTERM)
    out, said = second.communicate(timeout=PATIENCE)
    assert json.loads(out)["ok"] is False
    assert "scancel" in said
    summary, _ = run(jobs)
    assert summary.done + summary.had == 4
    assert summary.ok
    assert Counter(log("begun")) == {"1/1": 2, "2/1": 2}, "nothing was submitted twice"


def test_what_is_cancelled_writes_its_checkpoint_and_goes_on_next_time(
    cluster: Any,
    store: Store,
    run: Callable[..., tuple[Summary, Recorder]],
    make_job: Callable[..., Job],
    log: Callable[[str], list[str]],
) -> None:
    job = make_job(steps=60, pause=0.1)
    told = Recorder()

    def stop() -> None:
        cluster.until(lambda: list(store.paths.checkpoints.glob("*.pt")))
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=stop)
    thread.start()
    summary = run_slurm([job], store, OPTIONS, 1, told, ask=lambda question: "y")
    thread.join()
    assert summary.queued == 2
    assert any("1 running and 0 waiting" in note for note in told.notes)
    assert any("cancelled" in note for note in told.notes)
    ids = [one.id for one in Submissions(store.paths).read()]
    cluster.until(lambda: slurm_queue.states(ids)[ids[0]] == "CANCELLED")
    summary, told = run([job])
    assert (summary.done, summary.ok) == (2, True)
    assert min(resumed(store, job.id)) > 0


def test_a_cluster_without_accounting_is_refused_at_the_start(
    cluster: Any, store: Store, make_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    (cluster.folder / "bin" / "sacct").unlink()
    with pytest.raises(ConfigError, match=r"accounting does not answer .*launcher=local"):
        run_slurm([make_job()], store, OPTIONS, 1, Recorder())
    assert cluster.ask("squeue", "-h") == ""
