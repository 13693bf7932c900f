"""What is sent to Slurm and understood of it, without a Slurm: script, states, submissions."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from repro import cli
from repro.errors import ConfigError, JobFailed, StoreError
from repro.jobs import Job
from repro.runner import protocol, slurm, slurm_queue
from repro.runner.leftovers import leftovers
from repro.runner.progress import Reporter
from repro.runner.sharing import local_options
from repro.runner.slurm import _has_ended, _without
from repro.runner.slurm_script import environment, parameters
from repro.runner.slurm_task import ArrayTask, events_file
from repro.runner.store import Store
from repro.runner.submissions import Submission, Submissions

GOLDEN = Path(__file__).parent / "golden" / "slurm_script.txt"
LAUNCHER = {
    "name": "slurm", "partition": None, "gpus_per_task": 0, "cpus": 2, "memory_gb": 0.5,
    "minutes": 11, "parallel": 3, "sbatch": [], "setup": [], "warning_seconds": 90,
}  # fmt: skip


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Returns a maker of Slurm commands that answer what they are told to; there are no others."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def make(name: str, answer: str = "", complaint: str = "", code: int = 0) -> None:
        path = folder / name
        path.write_text(
            f"#!{sys.executable}\nimport sys\nsys.stdout.write({answer!r})\n"
            f"sys.stderr.write({complaint!r})\nsys.exit({code})\n"
        )
        path.chmod(0o755)

    return make


def test_plan_prints_the_script_that_would_be_sent(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    words = ["plan", "experiment=identifiability_2d", "scale=paper", "launcher=slurm",
             "launcher.partition=gpu", "launcher.parallel=8", 'launcher.sbatch=["account=abc"]',
             'launcher.setup=["module load cuda"]', "launcher.minutes=600",
             f"paths.results={tmp_path}"]  # fmt: skip
    assert cli.main(words) == 0
    text = capsys.readouterr().out
    text = text[text.index("#!/bin/bash") :]
    for real, name in ((sys.executable, "PYTHON"), (str(tmp_path.resolve()), "RESULTS")):
        text = text.replace(real, name)
    assert text == GOLDEN.read_text()


def test_options_become_parameters_and_an_environment() -> None:
    found = parameters(LAUNCHER)
    assert (found["mem"], found["time"], found["array_parallelism"]) == ("512MB", 11, 3)
    assert "partition" not in found
    assert "gpus_per_node" not in found
    assert environment(LAUNCHER, None)["OMP_NUM_THREADS"] == "2"
    assert environment(LAUNCHER, 1)["OMP_NUM_THREADS"] == "1"
    assert local_options(LAUNCHER, {"device": "cpu", "threads": None}).workers == 3


@pytest.mark.parametrize(
    ("entry", "message"),
    [("array=1-3", "repro sets itself"), ("-A abc", "NAME=VALUE"), ("=x", "NAME=VALUE")],
)
def test_sbatch_options_that_cannot_be_are_refused(entry: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parameters({**LAUNCHER, "sbatch": [entry]})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["launcher.minutes=5"], "at least 11"),
        (["launcher.workers=2"], "another launcher"),
        (["launcher.partitions=x"], "launcher.partition"),
    ],
)
def test_wrong_options_are_refused(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    words = ["plan", "experiment=identifiability_2d", "launcher=slurm", *words]
    assert cli.main(words) == 2
    assert message in capsys.readouterr().err


def test_run_is_refused_where_there_is_no_slurm(
    capsys: pytest.CaptureFixture[str], commands: Callable[..., None], tmp_path: Path
) -> None:
    words = ["run", "experiment=identifiability_2d", "scale=smoke", "launcher=slurm",
             f"paths.results={tmp_path / 'results'}"]  # fmt: skip
    assert cli.main(words) == 2
    assert "no sbatch, srun, sacct, scancel; run the command on" in capsys.readouterr().err


def test_accounting_that_does_not_answer_is_told_at_the_start(
    commands: Callable[..., None],
) -> None:
    for name in ("sbatch", "srun", "scancel"):
        commands(name)
    commands("sacct", complaint="Slurm accounting storage is disabled\n", code=1)
    with pytest.raises(ConfigError, match=r"storage is disabled\); .*launcher=local"):
        slurm_queue.check_slurm()
    commands("sacct")
    slurm_queue.check_slurm()


def test_states_are_read_as_sacct_prints_them(commands: Callable[..., None]) -> None:
    lines = [
        "JobID|State|NodeList", "12_0|RUNNING|n1", "12_0.batch|RUNNING|n1", "12_[2-3]|PENDING|",
        "12_1|CANCELLED by 0|n2", "13|OUT_OF_MEMORY|n1",
    ]  # fmt: skip
    commands("sacct", "\n".join(lines) + "\n")
    assert slurm_queue.states(["12_0", "12_1", "12_2", "12_3", "13", "14"]) == {
        "12_0": "RUNNING", "12_1": "CANCELLED", "12_2": "PENDING", "12_3": "PENDING",
        "13": "OUT_OF_MEMORY", "14": "UNKNOWN",
    }  # fmt: skip
    commands("sacct", code=1, complaint="nobody there")
    with pytest.raises(StoreError, match=r"nobody there.*run the same command again"):
        slurm_queue.states(["12_0"])


def test_submissions_are_kept_and_closed_one_by_one(
    store: Store, make_job: Callable[..., Job]
) -> None:
    listed = Submissions(store.paths)
    assert listed.read() == []
    first, second = Submission("12_0", make_job()), Submission("12_1", make_job(id="b" * 12), 2)
    with listed.held():
        listed.add([first])
        listed.add([second])
    assert Submissions(store.paths).read() == [first, second]
    listed.close(["12_0", "99"])
    assert listed.read() == [second]


def test_a_task_that_slurm_does_not_know_may_only_be_too_new(make_job: Callable[..., Job]) -> None:
    new = Submission("12_0", make_job(), when=time.time())
    old = Submission("12_0", make_job(), when=time.time() - 3600)
    assert not _has_ended(new, "UNKNOWN")
    assert _has_ended(old, "UNKNOWN")
    assert _has_ended(new, "FAILED")
    assert not _has_ended(old, "PENDING")


def test_after_memory_ran_out_the_failure_of_one_half_leaves_the_other(
    make_job: Callable[..., Job], store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("submitit.JobEnvironment", lambda: SimpleNamespace(job_id="12_0"))
    job = make_job(how="fail_once", room=1)
    with pytest.raises(JobFailed, match="the data do not fit"):
        ArrayTask(store.paths, job, {}, tmp_path)()
    assert store.done("fake", job.id) == {job.seeds[1]: "done"}
    assert store.failed(job.id) == {job.seeds[0]}


@pytest.fixture
def driver(store: Store) -> Any:
    """A driver of a Slurm that never answers."""
    launcher = {**LAUNCHER, "on_error": "continue", "retries": 1, "requeues": 3}
    found = slurm._Run(store, launcher, None, Reporter())
    found.folder.mkdir(parents=True)
    return found


def events(*found: dict[str, Any]) -> bytes:
    """The lines of an events file."""
    return b"".join(map(protocol.encode, found))


def test_a_failure_is_of_its_own_seeds(
    driver: Any, make_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "_resend", lambda jobs: sent.extend(job for job, _ in jobs))
    sent: list[Job] = []
    job = make_job(data_seeds=(1, 2, 3))
    task = slurm._Task(0, Submission("12_0", job))
    driver.ledger.open([job])
    events_file(driver.folder, "12_0").write_bytes(
        events(
            {"event": protocol.STARTED, "seeds": [[1, 1], [2, 1]], "resumed": False},
            {"event": protocol.FAILED, "seeds": [[1, 1]], "cause": "ValueError", "file": "f.txt"},
            {"event": protocol.HELD, "seeds": [[3, 1]], "holder": "another"},
            {"event": protocol.FAILED, "seeds": [[2, 1]], "cause": "KeyError", "file": "f.txt"},
            {"event": protocol.STARTED, "seeds": [[2, 1]], "resumed": False},
        )
    )
    driver._hear(task)
    driver._settle(task, "FAILED")
    states = {key.seeds.data_seed: state for key, state in driver.ledger.summary.states.items()}
    assert (states[1], states[3]) == ("failed", "held")
    assert [one.seeds for one in sent] == [job.seeds[1:2]], "it was begun anew and not ended"


def test_a_line_that_was_cut_short_is_stepped_over(
    driver: Any, make_job: Callable[..., Job]
) -> None:
    job = make_job()
    driver.ledger.open([job])
    whole = events({"event": protocol.STORED, "rows": [[1, 1, "done"]], "seconds": 1.0})
    path = events_file(driver.folder, "12_0")
    path.write_bytes(b'{"event":"prog{"event":"started"}\n\xff\n[]\n' + whole)
    driver._hear(slurm._Task(0, Submission("12_0", job)))
    assert driver.ledger.summary.done == 1


def test_a_damaged_list_says_what_to_do(store: Store) -> None:
    path = store.paths.root / "slurm" / "submissions.json"
    path.parent.mkdir(parents=True)
    path.write_text("{torn")
    with pytest.raises(StoreError, match="Delete it"):
        Submissions(store.paths).read()


def test_what_is_submitted_already_is_not_submitted_again(make_job: Callable[..., Job]) -> None:
    job = make_job(data_seeds=(1, 2, 3), seconds=3.0)
    part = _without(job, [Submission("12_0", make_job(data_seeds=(2,)))])
    assert [pair.data_seed for pair in part.seeds] == [1, 3]
    assert part.expected_seconds == pytest.approx(2.0)
    assert _without(job, [Submission("12_0", job)]) is None
    assert _without(job, [Submission("12_0", make_job(id="b" * 12))]) == job


def test_status_tells_what_slurm_has(
    store: Store, make_job: Callable[..., Job], commands: Callable[..., None]
) -> None:
    from repro.config.compose import compose_all
    from repro.runner.plan import open_store, plan

    place = f"paths.results={store.paths.results}"
    words = ["experiment=identifiability_2d", "scale=smoke", place]
    planned = plan(compose_all(words))
    with Submissions(store.paths).held():
        Submissions(store.paths).add([Submission("12_0", make_job())])
    commands("sacct", "JobID|State|NodeList\n12_0|RUNNING|n1\n")
    [line] = leftovers(planned, open_store, everything=False)
    assert "1 tasks were submitted to Slurm: 1 RUNNING" in line
    commands("sacct", code=1)
    [line] = leftovers(planned, open_store, everything=False)
    assert "does not answer" in line


def test_the_list_of_arrays_keeps_its_lock_with_the_others(store: Store) -> None:
    with Submissions(store.paths).held():
        assert (store.paths.lock_root / "slurm.lock").stat().st_size > 0
    assert os.path.exists(store.paths.lock_root / "slurm.lock")


def test_no_submitit_where_none_is_needed() -> None:
    import subprocess

    code = "import sys, repro.runner.slurm, repro.cli; sys.exit('submitit' in sys.modules)"
    environment_: dict[str, Any] = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[1])}
    assert subprocess.run([sys.executable, "-c", code], env=environment_).returncode == 0
