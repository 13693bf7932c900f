"""How long a run will still take: the planned times, corrected by what has been measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from repro.jobs import Job

_OVERDUE = 0.1  # of the time spent: what a job that should have ended is given at least
_ENOUGH = 0.02  # share of a job that must be done before its own rate counts


@dataclass
class Running:
    """A job on a worker: when its steps began, and how far they have come."""

    job: Job
    started: float
    first_step: int | None = None
    first_time: float = 0.0
    step: int = 0
    steps: int = 0

    def note(self, step: int, steps: int, now: float) -> None:
        """Keeps a progress report; the first one sets where the rate is measured from."""
        if self.first_step is None:
            self.first_step, self.first_time = step, now
        self.step, self.steps = step, steps

    def rate(self, now: float) -> float | None:
        """Returns steps a second since the first report."""
        if self.first_step is None or self.step <= self.first_step or now <= self.first_time:
            return None
        return (self.step - self.first_step) / (now - self.first_time)

    @property
    def past_steps(self) -> bool:
        """Whether every step is made; what then follows (measuring, mostly) is not counted."""
        return 0 < self.steps <= self.step

    def seconds_left(self, now: float) -> float | None:
        """Returns the time left by the job's own rate, while it has one and enough is done."""
        rate = self.rate(now)
        if rate is None or self.past_steps:
            return None
        if self.step - (self.first_step or 0) < _ENOUGH * self.steps:
            return None
        return (self.steps - self.step) / rate


class _Measured(NamedTuple):
    """What a job of an experiment was expected to take and what it took, in seconds."""

    kind: str
    expected: float
    seconds: float


def _kind(job: Job) -> str:
    return str(job.options.get("experiment") or job.task)


def _factor(measured: Sequence[_Measured]) -> float | None:
    expected = sum(one.expected for one in measured)
    return sum(one.seconds for one in measured) / expected if expected > 0 else None


class Forecast:
    """The time left of a run on a number of workers."""

    def __init__(
        self, jobs: Iterable[Job], workers: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Takes the jobs to come, whose expected seconds may be off by a factor an experiment."""
        self._waiting = [(_kind(job), job.expected_seconds) for job in jobs]
        self._workers = max(1, workers)
        self.clock = clock
        self.running: dict[int, Running] = {}
        self._ended: list[_Measured] = []

    def start(self, slot: int, job: Job) -> None:
        """Notes that a worker begins a job."""
        if (_kind(job), job.expected_seconds) in self._waiting:
            self._waiting.remove((_kind(job), job.expected_seconds))
        self.running[slot] = Running(job, self.clock())

    def end(self, slot: int, counts: bool) -> float:
        """Notes the end of a worker's job, returns its seconds; `counts` if it ran to its end."""
        found = self.running.pop(slot, None)
        if found is None:
            return 0.0
        seconds = self.clock() - found.started
        if counts:
            job = found.job
            self._ended.append(_Measured(_kind(job), job.expected_seconds, seconds))
        return seconds

    def _factors(self, now: float) -> Callable[[str], float]:
        """Returns an experiment's measured over expected time, or that of all, or 1.

        It is measured on finished jobs and on those that are well under way.
        """
        under_way = [
            _Measured(_kind(found.job), found.job.expected_seconds, now - found.started + left)
            for found in self.running.values()
            if (left := found.seconds_left(now)) is not None
        ]
        measured = [*self._ended, *under_way]
        own: dict[str, list[_Measured]] = {}
        for one in measured:
            own.setdefault(one.kind, []).append(one)
        factors = {kind: _factor(some) for kind, some in own.items()}
        of_all = _factor(measured) or 1.0
        return lambda kind: factors.get(kind) or of_all

    def seconds_left(self) -> float:
        """Returns the estimated time until the last job ends."""
        now = self.clock()
        factor = self._factors(now)
        lefts = []
        for found in self.running.values():
            own = found.seconds_left(now)
            spent = now - found.started
            guess = factor(_kind(found.job)) * found.job.expected_seconds - spent
            lefts.append(max(_OVERDUE * spent, guess) if own is None else own)
        waiting = [factor(kind) * seconds for kind, seconds in self._waiting]
        shared = (sum(lefts) + sum(waiting)) / self._workers
        return max([shared, *lefts, *waiting])
