"""A store of its own, the fake task, and jobs for it."""

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

import repro
from repro.jobs import Job, SeedPair
from repro.runner.paths import StorePaths
from repro.runner.store import Store

HERE = Path(__file__).parent
ROOT = Path(repro.__file__).parents[1]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(StorePaths(tmp_path / "results", "smoke"))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Makes the fake task known here and to workers; returns the folder of its log."""
    monkeypatch.setenv("REPRO_TASKS", "fake=fake_tasks:run, other=fake_tasks:run")
    monkeypatch.setenv("PYTHONPATH", f"{HERE}:{ROOT}")
    monkeypatch.syspath_prepend(str(HERE))
    return tmp_path


@pytest.fixture
def make_job(fake: Path) -> Callable[..., Job]:
    """Returns a maker of jobs for the fake task."""

    def make(
        id: str = "a" * 12,
        data_seeds: tuple[int, ...] = (1, 2),
        seconds: float = 1.0,
        task: str = "fake",
        options: dict[str, Any] | None = None,
        **config: Any,
    ) -> Job:
        return Job(
            id=id,
            task=task,
            scale="smoke",
            config={"task": task, "folder": str(fake), **config},
            seeds=tuple(SeedPair(seed, 1) for seed in data_seeds),
            expected_seconds=seconds,
            options={"device": "cpu", **(options or {})},
        )

    return make


@pytest.fixture
def launched(store: Store, fake: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Returns a starter of scripts that run jobs in processes of their own, killed in the end."""
    started = []

    def start(script: Path, jobs: list[Job], *words: str) -> subprocess.Popen[str]:
        file = fake / f"jobs-{len(started)}.json"
        file.write_text(json.dumps([asdict(job) for job in jobs]))
        process = subprocess.Popen(
            [sys.executable, str(script), str(store.paths.results), str(file), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def log(fake: Path) -> Callable[[str], list[str]]:
    """Returns a reader of what the fake task wrote down: the seeds it has begun or ended."""

    def read(word: str) -> list[str]:
        path = fake / "log.txt"
        lines = path.read_text().split("\n") if path.exists() else []
        return sorted(line.split(" ")[1] for line in lines if line.startswith(word))

    return read


@pytest.fixture
def until() -> Callable[..., None]:
    """Returns a wait for something to come true."""

    def wait(true: Callable[[], object], seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.01)

    return wait


@pytest.fixture
def cluster(tmp_path: Path, fake: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A running Slurm of two nodes, reached from here; nothing of it is left afterwards."""
    spec = importlib.util.spec_from_file_location("slurm_cluster", HERE / "slurm_cluster.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if (reason := module.why_not()) is not None:
        pytest.skip(reason)
    found = module.Cluster(tmp_path / "cluster")
    try:
        found.start()
        for name, value in found.environment.items():
            monkeypatch.setenv(name, value)
        yield found
    finally:
        found.stop()
