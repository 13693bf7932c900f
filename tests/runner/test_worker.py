"""The worker process: prints do not harm the protocol, and the launcher's end stops it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from repro.jobs import Job
from repro.runner.locking import claim
from repro.runner.protocol import Event, decode_job, encode_job
from repro.runner.store import Store


@pytest.fixture
def worker(fake: Path, store: Store) -> Iterator[subprocess.Popen[bytes]]:
    """A worker with pipes."""
    command = [sys.executable, "-m", "repro.runner.worker", str(store.paths.results)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        yield process
        process.kill()
        process.stdin.close()


def send(worker: subprocess.Popen[bytes], job: Job) -> None:
    """Hands over a job."""
    worker.stdin.write(encode_job(job))
    worker.stdin.flush()


def hear(worker: subprocess.Popen[bytes], kind: str) -> Event:
    """Returns the next event of a kind."""
    for line in worker.stdout:
        event = json.loads(line)
        if event["event"] == kind:
            return event
    raise AssertionError(f"the worker ended without {kind!r}: {worker.stderr.read().decode()}")


def test_a_job_survives_the_wire(make_job: Callable[..., Job]) -> None:
    job = make_job(options={"reductions": ["x"]})
    assert decode_job(encode_job(job)) == job


def test_a_warning_is_one_line_without_its_code(
    worker: subprocess.Popen[bytes], make_job: Callable[..., Job], store: Store
) -> None:
    store.paths.root.mkdir(parents=True)
    store.paths.rows("fake").write_text('{"torn')
    send(worker, make_job())
    hear(worker, "finished")
    worker.stdin.close()
    worker.wait(timeout=60)
    told = worker.stderr.read().decode().splitlines()
    assert all(line.startswith("warning: ") and "torn line" in line for line in told)
    assert len(told) > 0


def test_a_worker_serves_job_after_job_and_ends_when_told(
    worker: subprocess.Popen[bytes], make_job: Callable[..., Job], store: Store
) -> None:
    assert hear(worker, "ready")["pid"] == worker.pid
    for number in range(3):
        send(worker, make_job(id=f"{number:012d}"))
        assert len(hear(worker, "stored")["rows"]) == 2
        hear(worker, "finished")
    worker.stdin.close()
    assert worker.wait(timeout=60) == 0
    assert len(store.read("fake")) == 6
    assert worker.stderr.read() == b""


def test_stray_prints_do_not_break_the_protocol(
    worker: subprocess.Popen[bytes], make_job: Callable[..., Job]
) -> None:
    send(worker, make_job(how="print"))
    assert len(hear(worker, "stored")["rows"]) == 2
    worker.stdin.close()
    stray = worker.stderr.read().decode()
    for text in ("not JSON at all {", "echo from a grandchild"[5:], "straight to the descriptor"):
        assert text in stray


def test_sigterm_stops_after_a_checkpoint(
    worker: subprocess.Popen[bytes], make_job: Callable[..., Job], store: Store
) -> None:
    send(worker, make_job(steps=1000, pause=0.01))
    hear(worker, "progress")
    worker.send_signal(signal.SIGINT)  # ignored: the launcher decides
    worker.send_signal(signal.SIGTERM)
    assert hear(worker, "stopped")["checkpoint"] is True
    assert worker.wait(timeout=60) == 0
    assert store.read("fake") == []


def test_sigterm_ends_an_idle_worker(worker: subprocess.Popen[bytes]) -> None:
    hear(worker, "ready")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=60) == 0


def test_a_launcher_that_is_gone_stops_the_worker_with_a_checkpoint(
    worker: subprocess.Popen[bytes], make_job: Callable[..., Job], store: Store
) -> None:
    send(worker, make_job(steps=1000, pause=0.01))
    hear(worker, "progress")
    worker.stdin.close()
    worker.stdout.close()
    worker.stderr.close()
    assert worker.wait(timeout=60) == 0
    assert len(list(store.paths.checkpoints.glob("*.pt"))) == 1
    assert store.failures("a" * 12) == []


def test_kill_9_frees_the_claims_and_loses_nothing(
    worker: subprocess.Popen[bytes], make_job: Callable[..., Job], store: Store
) -> None:
    job = make_job(steps=1000, pause=0.01)
    send(worker, job)
    hear(worker, "progress")
    paths = [store.paths.claim(job.id, pair) for pair in job.seeds]
    assert [claim(path) for path in paths] == [None, None]
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait(timeout=60)
    for path in paths:
        with claim(path) as taken:
            assert taken is not None
