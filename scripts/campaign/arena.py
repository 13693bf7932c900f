"""Where a round takes place: one results folder, the drivers on it, and what they have made."""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from campaign.zygote import Started
from repro.runner.paths import StorePaths

SCALE, TASK = "smoke", "identifiability"
WORDS = (
    "experiment=identifiability_2d", f"scale={SCALE}", "model=ivae", "layers=3,4", "seeds=1-4",
    "device=cpu", "launcher.seeds_per_pack=2", "training.epochs=60",
    "training.max_updates=200", "training.checkpoint_minutes=0.004",
)  # fmt: skip
ROWS = 8  # that the words ask for
PATIENCE = 40  # undisturbed durations that a round waits for its processes before it kills them

Rows = dict[tuple[str, int, int], dict[str, Any]]


def command(results: Path, spill: Path, workers: int) -> list[str]:
    """The command that a person would type, again and again."""
    places = [f"paths.results={results}", f"paths.spill={spill}", f"launcher.workers={workers}"]
    return [sys.executable, "-m", "repro", "run", *WORDS, *places]


@dataclass
class Arena:
    """One round's folder and processes; `pace` is how long an undisturbed run takes (seconds)."""

    folder: Path
    address: str  # of the zygote
    zygote: int  # its pid
    rng: random.Random
    pace: float
    count: int = 1  # drivers at once
    knobs: dict[str, str] = field(default_factory=dict)  # environment of drivers and workers
    drivers: list[Started] = field(default_factory=list)
    started: int = 0

    @property
    def results(self) -> Path:
        """The results folder."""
        return self.folder / "results"

    @property
    def paths(self) -> StorePaths:
        """The store's paths."""
        return StorePaths(self.results, SCALE)

    def start(self, workers: int | None = None) -> Started:
        """Starts a driver; what it says goes to a file of its own."""
        self.started += 1
        workers = workers or (2 if self.count == 1 else 1)
        words = command(self.results, self.folder / "spill", workers)
        with (self.folder / f"driver-{self.started}.log").open("wb") as log:
            quiet = os.open(os.devnull, os.O_RDONLY)
            env = {**os.environ, **self.knobs}
            driver = Started(self.address, words, env, quiet, log.fileno(), log.fileno())
            os.close(quiet)
        self.drivers.append(driver)
        return driver

    def alive(self) -> list[Started]:
        """The drivers that still run."""
        return [driver for driver in self.drivers if driver.poll() is None]

    def ensure_running(self) -> None:
        """Starts a driver if none runs, as the person at the keyboard would."""
        if not self.alive():
            self.start()

    def workers(self) -> list[int]:
        """The pids of living workers, those of killed drivers included."""
        drivers = {driver.pid for driver in self.drivers}
        return [pid for pid in children(self.zygote) if pid not in drivers]

    def moment(self, most: float = 1.0) -> None:
        """Waits for a random part of an undisturbed run's duration."""
        time.sleep(self.rng.uniform(0.0, most) * self.pace)

    def wait_for(self, what: Callable[[], object], paces: float = PATIENCE) -> bool:
        """Waits until something is true; False where it was not in time."""
        deadline = time.monotonic() + paces * self.pace
        while not what():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def rest(self) -> int:
        """Waits until every process has ended; kills, and counts, those that do not."""
        if self.wait_for(lambda: not self.alive() and not self.workers()):
            return 0
        stuck = [*(driver.pid for driver in self.alive()), *self.workers()]
        for pid in stuck:
            os.kill(pid, 9)
        self.wait_for(lambda: not self.workers() and not self.alive())
        return len(stuck)

    def said(self, words: str) -> int:
        """How often the drivers have said something."""
        logs = self.folder.glob("driver-*.log")
        return sum(" ".join(log.read_text(errors="replace").split()).count(words) for log in logs)


def children(pid: int) -> list[int]:
    """The pids of a process's children that are no zombies."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == pid and state != "Z":
            found.append(int(stat.parent.name))
    return found


def rows_of(paths: StorePaths) -> tuple[Rows, int]:
    """Every row with its arrays, and how many lines repeat an earlier one's seeds."""
    rows: Rows = {}
    counts: Counter[tuple[str, int, int]] = Counter()
    path = paths.rows(TASK)
    for line in path.read_bytes().split(b"\n")[:-1] if path.exists() else []:
        row = json.loads(line)
        key = (row["id"], row["data_seed"], row["model_seed"])
        counts[key] += 1
        with np.load(paths.root / row["arrays"], allow_pickle=False) as file:
            row["content"] = {name: file[name] for name in file.files}
        rows.setdefault(key, row)
    return rows, sum(counts.values()) - len(counts)


def differs(row: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two rows found anything different, to the last bit."""
    if any(row[name] != other[name] for name in ("status", "metrics", "config")):
        return True
    ours, theirs = row["content"], other["content"]
    return ours.keys() != theirs.keys() or any(
        not np.array_equal(ours[name], theirs[name]) for name in ours
    )
