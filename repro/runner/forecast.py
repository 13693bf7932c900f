"""How long a run will still take: the planned times, corrected by what has been measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from repro.jobs import Job

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

    def seconds_left(self, now: float) -> float | None:
        """Returns the time left by the job's own rate, once enough of it is done."""
        rate = self.rate(now)
        if rate is None or self.step - (self.first_step or 0) < _ENOUGH * self.steps:
            return None
        return max(0.0, (self.steps - self.step) / rate)


class Forecast:
    """The time left of a run on a number of workers."""

    def __init__(
        self, jobs: Iterable[Job], workers: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Takes the jobs to come, whose expected seconds may all be off by one factor."""
        self._waiting = [job.expected_seconds for job in jobs]
        self._workers = max(1, workers)
        self.clock = clock
        self.running: dict[int, Running] = {}
        self._expected = 0.0
        self._measured = 0.0

    def start(self, slot: int, job: Job) -> None:
        """Notes that a worker begins a job."""
        if job.expected_seconds in self._waiting:
            self._waiting.remove(job.expected_seconds)
        self.running[slot] = Running(job, self.clock())

    def end(self, slot: int, counts: bool) -> float:
        """Notes the end of a worker's job, returns its seconds; `counts` if it ran to its end."""
        found = self.running.pop(slot, None)
        if found is None:
            return 0.0
        seconds = self.clock() - found.started
        if counts:
            self._expected += found.job.expected_seconds
            self._measured += seconds
        return seconds

    def _factor(self, now: float) -> float:
        """Returns measured over expected time, of finished jobs and of those well under way."""
        expected, measured = self._expected, self._measured
        for found in self.running.values():
            left = found.seconds_left(now)
            if left is not None:
                expected += found.job.expected_seconds
                measured += now - found.started + left
        return measured / expected if expected > 0 and measured > 0 else 1.0

    def seconds_left(self) -> float:
        """Returns the estimated time until the last job ends."""
        now = self.clock()
        factor = self._factor(now)
        lefts = []
        for found in self.running.values():
            own = found.seconds_left(now)
            guess = factor * found.job.expected_seconds - (now - found.started)
            lefts.append(max(0.0, guess) if own is None else own)
        waiting = [factor * seconds for seconds in self._waiting]
        shared = (sum(lefts) + sum(waiting)) / self._workers
        return max([shared, *lefts, *waiting])
