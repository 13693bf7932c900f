"""Tells a person how a run is going: a live block on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from repro.jobs import Job
from repro.runner.durations import counted, duration
from repro.runner.forecast import Forecast, Running
from repro.runner.summary import Summary

_EVERY = 15.0  # seconds between two progress lines


def title(job: Job) -> str:
    """Returns how messages call a job."""
    words = [job.options.get("experiment") or job.task, job.options.get("label"), job.id]
    return f"{' '.join(filter(None, words))} ({counted(len(job.seeds), 'seed')})"


class Reporter:
    """Keeps count of a run and says nothing; the launcher calls it from one thread."""

    def __init__(self) -> None:
        """Starts with nothing to do."""
        self.forecast = Forecast([], 1)
        self.jobs = 0
        self.ended = 0

    def run_started(self, jobs: Sequence[Job], workers: int) -> None:
        """Tells what there is to do."""
        self.forecast = Forecast(jobs, workers)
        self.jobs = len(jobs)

    def job_started(self, slot: int, job: Job) -> None:
        """Tells that a worker has been handed a job."""
        self.forecast.start(slot, job)

    def job_running(self, slot: int, seeds: int, resumed: bool) -> None:
        """Tells that the job's task has begun with `seeds` seeds, perhaps from a checkpoint."""

    def progress(self, slot: int, step: int, steps: int) -> None:
        """Tells how far a worker's job has come."""
        found = self.forecast.running.get(slot)
        if found is not None:
            found.note(step, steps, self.forecast.clock())
        self.tick()

    def job_failed(self, job: Job, cause: str, file: Path) -> None:
        """Tells at once that a job has failed, and where its traceback is."""
        self.note(f"FAILED {title(job)}: {cause}\n  traceback: {file}")

    def job_ended(self, slot: int, job: Job, states: Sequence[str]) -> None:
        """Tells that a job has ended; `states` are those of its seeds, or `died`."""
        counts = bool({"done", "diverged"} & set(states))
        seconds = self.forecast.end(slot, counts)
        self.ended += not {"died", "held"} & set(states)
        if counts:
            self.note(f"{title(job)}: {', '.join(states)} after {duration(seconds)}")

    def note(self, text: str) -> None:
        """Tells a person something."""

    def tick(self) -> None:
        """Is called at least twice a second."""

    def close(self) -> None:
        """Gives the terminal back, however the run ended; a second call does nothing."""

    def run_ended(self, summary: Summary) -> None:
        """Tells how it went and what to do next."""
        for line in closing(summary):
            self.note(line)

    def overall(self) -> str:
        """Returns one line on the whole run."""
        left = duration(self.forecast.seconds_left())
        return f"{self.ended} of {counted(self.jobs, 'job')} ended, about {left} left"


def closing(summary: Summary) -> list[str]:
    """Returns the last lines of a run."""
    lines = [summary.sentence() + "."]
    if summary.trouble is not None:
        lines.append(f"The run ended early: {summary.trouble}.")
    for id, file in summary.failed.items():
        lines.append(f"failed: {id}: {summary.causes[id]} ({file})")
    if not summary.ok and summary.interrupted:
        lines.append("The same command again makes what is left.")
    elif not summary.ok:
        lines.append("The same command again tries what failed and goes on with the rest.")
    elif summary.held:
        lines.append("The same command again, later, makes sure of what another runner holds.")
    return lines


def _where(found: Running, now: float) -> tuple[str, str, str]:
    """Returns a job's steps, rate and time left in words; empty until they are known."""
    if not found.steps:
        return "starting", "", ""
    if found.past_steps:
        return f"{found.step}/{found.steps}", "measuring", ""
    rate, left = found.rate(now), found.seconds_left(now)
    return (
        f"{found.step}/{found.steps}",
        "" if rate is None else f"{rate:.1f} it/s",
        "" if left is None else f"{duration(left)} left",
    )


class LineReporter(Reporter):
    """Writes a line for each job's start and end, and a progress line at most every 15 s."""

    def __init__(self, stream: TextIO, every: float = _EVERY) -> None:
        """Writes to `stream`."""
        super().__init__()
        self._stream = stream
        self._every = every
        self._spoke = self.forecast.clock()

    def run_started(self, jobs: Sequence[Job], workers: int) -> None:
        """Writes what there is to do."""
        super().run_started(jobs, workers)
        if jobs:
            left = duration(self.forecast.seconds_left())
            sharing = f"{counted(len(jobs), 'job')} on {counted(workers, 'worker')}"
            self.note(f"{sharing}, about {left}")

    def job_running(self, slot: int, seeds: int, resumed: bool) -> None:
        """Writes that a job has begun."""
        found = self.forecast.running.get(slot)
        if found is not None:
            goes_on = ", goes on from a checkpoint" if resumed else ""
            self.note(f"{title(found.job)}: started, {counted(seeds, 'seed')} to do{goes_on}")

    def note(self, text: str) -> None:
        """Writes a line; nobody may be there to read it any more."""
        with suppress(OSError):
            self._stream.write(text + "\n")
            self._stream.flush()

    def tick(self) -> None:
        """Writes a progress line if it is time for one."""
        now = self.forecast.clock()
        if now - self._spoke < self._every:
            return
        self._spoke = now
        jobs = (
            " ".join(filter(None, [found.job.id, *_where(found, now)]))
            for found in self.forecast.running.values()
        )
        self.note("; ".join([self.overall(), *jobs]))


class LiveReporter(Reporter):
    """Redraws one block on a terminal: a line a worker and a line for the whole run."""

    def __init__(self, console: Console) -> None:
        """Draws on `console`."""
        super().__init__()
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._drawn = 0.0

    def run_started(self, jobs: Sequence[Job], workers: int) -> None:
        """Opens the block."""
        super().run_started(jobs, workers)
        if jobs:
            with suppress(OSError):
                self._live.start()

    def note(self, text: str) -> None:
        """Writes a line above the block; the terminal may be gone."""
        with suppress(OSError):
            self._console.print(Text(text))

    def tick(self) -> None:
        """Redraws the block, at most four times a second."""
        now = self.forecast.clock()
        if now - self._drawn >= 0.25:
            self._drawn = now
            with suppress(OSError):
                self._live.update(self._block(now), refresh=True)

    def _block(self, now: float) -> Group:
        table = Table.grid(padding=(0, 2))
        for slot, found in sorted(self.forecast.running.items()):
            table.add_row(f"worker {slot}", Text(title(found.job)), *_where(found, now))
        return Group(table, Text(self.overall(), style="bold"))

    def close(self) -> None:
        """Takes the block away."""
        with suppress(OSError):
            self._live.stop()


def make_reporter(stream: TextIO | None = None) -> Reporter:
    """Returns the reporter that suits `stream` (default: stderr)."""
    stream = stream or sys.stderr
    console = Console(file=stream)
    return LiveReporter(console) if console.is_terminal else LineReporter(stream)
