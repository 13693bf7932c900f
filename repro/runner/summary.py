"""What became of every seed that a run was asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from repro.runner.durations import counted
from repro.runner.rows import RowKey

_FINAL = {"done", "diverged", "had"}


@dataclass
class Summary:
    """Every seed in exactly one state, and the files that tell of failures.

    The states: done and diverged (stored by this run), had (stored before it), held (another
    runner is at work on it), failed, stopped (asked to stop while running), spilled (found, but
    kept in a spill because the store could not take it), queued (left with Slurm), left (never
    begun).
    """

    states: dict[RowKey, str] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    causes: dict[str, str] = field(default_factory=dict)
    trouble: str | None = None  # why the run ended early, where that was no request
    interrupted: bool = False  # a person or a signal has asked this run to end

    def mark(self, keys: Iterable[RowKey], state: str) -> None:
        """Notes the state of seeds; a stored row stays what it is."""
        for key in keys:
            if self.states.get(key) not in _FINAL:
                self.states[key] = state

    def fail(self, keys: Iterable[RowKey], file: Path, cause: str) -> None:
        """Notes failed seeds, with the file that holds the traceback."""
        for key in keys:
            self.mark([key], "failed")
            self.files[key.id] = file
            self.causes[key.id] = cause

    def keys(self, state: str) -> list[RowKey]:
        """Returns the seeds in a state."""
        return [key for key, found in self.states.items() if found == state]

    def count(self, state: str) -> int:
        """Returns how many seeds are in a state."""
        return len(self.keys(state))

    @property
    def done(self) -> int:
        """Rows that this run stored, the diverged ones not counted."""
        return self.count("done")

    @property
    def diverged(self) -> int:
        """Rows that this run stored as diverged."""
        return self.count("diverged")

    @property
    def had(self) -> int:
        """Seeds that had rows already."""
        return self.count("had")

    @property
    def held(self) -> int:
        """Seeds that another runner is at work on."""
        return self.count("held")

    @property
    def stopped(self) -> int:
        """Seeds whose job was stopped; it goes on from its checkpoint next time."""
        return self.count("stopped")

    @property
    def queued(self) -> int:
        """Seeds whose tasks Slurm has, now that nobody watches them."""
        return self.count("queued")

    @property
    def left(self) -> int:
        """Seeds that were not begun because the run ended before."""
        return self.count("left")

    @property
    def failed(self) -> dict[str, Path]:
        """The failure file of each config that still has failed seeds."""
        return {key.id: self.files[key.id] for key in self.keys("failed")}

    @property
    def ok(self) -> bool:
        """Whether every seed has its row, or will get it from another runner."""
        lost = sum(map(self.count, ("failed", "spilled", "stopped", "queued", "left")))
        return lost == 0 and self.trouble is None

    def sentence(self) -> str:
        """Returns the counts in words."""
        words = {
            "done": "stored",
            "diverged": "stored as diverged",
            "had": "already there",
            "held": "with another runner",
            "failed": "failed",
            "spilled": "kept in a spill",
            "stopped": "stopped",
            "queued": "left with Slurm",
            "left": "not begun",
        }
        parts = [f"{self.count(state)} {word}" for state, word in words.items()]
        told = [part for part in parts if not part.startswith("0 ")]
        return f"{counted(len(self.states), 'seed')}: " + (", ".join(told) or "nothing to do")
