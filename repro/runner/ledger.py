"""The books of a run: what its workers say becomes a summary and words, whoever launched them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from repro.jobs import Job, SeedPair
from repro.runner import protocol
from repro.runner.progress import Reporter
from repro.runner.rows import RowKey
from repro.runner.store import Store
from repro.runner.summary import Summary


def keys_of(job: Job, seeds: Iterable[SeedPair] | None = None) -> list[RowKey]:
    """Returns the row keys of a job, or of some of its seeds."""
    return [RowKey(job.id, pair) for pair in (job.seeds if seeds is None else seeds)]


def halves(job: Job, missing: Sequence[SeedPair]) -> list[Job]:
    """Returns a job's missing seeds as two jobs, for when memory did not suffice for one."""
    middle = len(missing) // 2
    return [part(job, seeds) for seeds in (missing[:middle], missing[middle:])]


def part(job: Job, seeds: Sequence[SeedPair]) -> Job:
    """Returns the job of some of a job's seeds."""
    seconds = job.expected_seconds * len(seeds) / len(job.seeds)
    return replace(job, seeds=tuple(seeds), expected_seconds=seconds)


class Ledger:
    """The state of every seed of a run, kept up to date and told to a reporter."""

    def __init__(self, store: Store, reporter: Reporter) -> None:
        """Starts with no jobs."""
        self.store = store
        self.reporter = reporter
        self.summary = Summary()

    def open(self, jobs: Sequence[Job]) -> list[Job]:
        """Returns the jobs that miss rows, the longest first.

        Raises:
            StoreError: The store cannot be read.
        """
        left = []
        for job in sorted(jobs, key=lambda job: -job.expected_seconds):
            self.summary.mark(keys_of(job), "left")
            self.mark_stored(job, "had")
            if self.missing(job):
                left.append(job)
        return left

    def missing(self, job: Job) -> list[SeedPair]:
        """Returns the job's seeds without a row."""
        done = self.store.among(job.task, job.id, job.seeds)
        return [pair for pair in job.seeds if pair not in done]

    def mark_stored(self, job: Job, state: str | None = None) -> None:
        """Notes the job's seeds that the store has, as `state` or as the store calls them."""
        for pair, status in self.store.among(job.task, job.id, job.seeds).items():
            self.summary.mark([RowKey(job.id, pair)], state or status)

    def held(self, job: Job) -> list[SeedPair]:
        """Returns the job's seeds that another runner is at work on."""
        held = set(self.summary.keys("held"))
        return [key.seeds for key in keys_of(job) if key in held]

    def states(self, job: Job) -> set[str]:
        """Returns the states of the job's seeds."""
        return {self.summary.states[key] for key in keys_of(job)}

    def hear(self, slot: int, job: Job, event: protocol.Event) -> None:
        """Takes in what a worker says about its job; a launcher sees to failures itself."""
        kind = event["event"]
        if kind == protocol.PROGRESS:
            self.reporter.progress(slot, event["step"], event["steps"])
        elif kind == protocol.STARTED:
            self.reporter.job_running(slot, len(event["seeds"]), event["resumed"])
        elif kind == protocol.NOTE:
            self.reporter.note(event["text"])
        elif kind == protocol.STORED:
            for data_seed, model_seed, status in event["rows"]:
                self.summary.mark(keys_of(job, [SeedPair(data_seed, model_seed)]), status)
        else:
            self._became(job, kind, event)

    def _became(self, job: Job, kind: str, event: protocol.Event) -> None:
        keys = keys_of(job, protocol.pairs(event.get("seeds", [])))
        if kind == protocol.HELD:
            known = all(self.summary.states.get(key) == "held" for key in keys)
            self.summary.mark(keys, "held")
            if not known:
                self.reporter.note(f"{job.id} is with another runner: {event['holder']}.")
        elif kind == protocol.HAD:
            self.summary.mark(keys, "had")
        elif kind == protocol.STOPPED:
            self.summary.mark(keys, "stopped")
        elif kind == protocol.SPILLED:
            self.summary.mark(keys, "spilled")
            self.summary.trouble = (
                f"rows of {job.id} could not be stored: {event['cause']} They are kept in "
                f"{event['file']}, and the next run takes them in"
            )

    def fail(self, job: Job, seeds: Collection[SeedPair], file: Path, cause: str) -> None:
        """Notes failed seeds, with the file that holds the traceback."""
        self.summary.fail(keys_of(job, seeds), file, cause)
        self.reporter.job_failed(job, cause, file)
