"""Runs jobs on a Slurm cluster: submits them through submitit, watches, and may leave any time."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from repro.errors import StoreError
from repro.jobs import Job, SeedPair
from repro.runner import protocol, slurm_queue
from repro.runner.execute import tidy
from repro.runner.interrupts import interrupts
from repro.runner.ledger import Ledger, halves, keys_of, part
from repro.runner.locking import check_locks
from repro.runner.progress import Reporter
from repro.runner.slurm_script import LARGEST_ARRAY, environment, folder_of, parameters
from repro.runner.slurm_task import ArrayTask, events_file
from repro.runner.store import Store
from repro.runner.submissions import Submission, Submissions
from repro.runner.summary import Summary

_GRACE = 120.0  # seconds that a task may look ended, or unknown, and still be queued again
_SILENCE = 900.0  # seconds that Slurm may not answer before a driver leaves
_LISTEN = 2.0  # seconds between two looks at what running tasks say
_TAIL = 4000  # bytes of a task's log that a failure quotes

Ask = Callable[[str], str]


def run_slurm(
    jobs: Sequence[Job],
    store: Store,
    launcher: Mapping[str, Any],
    threads: int | None,
    reporter: Reporter,
    ask: Ask | None = None,
) -> Summary:
    """Submits what is missing of `jobs` and is not submitted yet, and watches until all ends.

    Ctrl-C leaves what Slurm has been given: it goes on, and the same command watches it again.
    On a terminal `ask` (default: `input`) offers to cancel it instead.

    Raises:
        ConfigError: Slurm or its accounting is not there, or an option makes no sense.
        StoreError: The store cannot be read, locked or written, or Slurm no longer answers.
    """
    check_slurm(launcher)
    run = _Run(store, launcher, threads, reporter)
    left = run.ledger.open(jobs)
    try:
        if left:
            check_locks(store.paths.claims)
            with interrupts(run.interrupted.set):
                run.submit(left)
                run.watch()
            if run.interrupted.is_set():
                run.leave(ask)
    finally:
        reporter.close()
    reporter.run_ended(run.ledger.summary)
    return run.ledger.summary


class Failed(NamedTuple):
    """Why a pack has failed, and the file that holds the traceback."""

    cause: str
    file: Path


def check_slurm(launcher: Mapping[str, Any]) -> None:
    """Makes sure that Slurm can be used from here with these options.

    Raises:
        ConfigError: Slurm or its accounting is not there, or an option makes no sense.
    """
    slurm_queue.check_slurm()
    parameters(launcher)


@dataclass
class _Task:
    """A submission as the driver sees it: what it has said, and how it looks to Slurm."""

    slot: int
    submission: Submission
    read: int = 0  # bytes of its events file
    running: bool = False
    started: bool = False
    failed: dict[SeedPair, Failed] = field(default_factory=dict)  # seeds whose pack has failed
    ended_at: float | None = None  # since when it has looked ended
    said: set[str] = field(default_factory=set)

    @property
    def job(self) -> Job:
        return self.submission.job


class _Run:
    """The state of one call of `run_slurm`."""

    def __init__(
        self, store: Store, launcher: Mapping[str, Any], threads: int | None, reporter: Reporter
    ) -> None:
        self.store, self.launcher, self.threads = store, launcher, threads
        self.reporter = reporter
        self.ledger = Ledger(store, reporter)
        self.submissions = Submissions(store.paths)
        self.folder = folder_of(store.paths)
        self.tasks: dict[str, _Task] = {}
        self.slots = 0
        self.interrupted = threading.Event()
        self.silent_since: float | None = None  # when Slurm last began not to answer

    # -- submitting ----------------------------------------------------------------------------

    def submit(self, left: Sequence[Job]) -> None:
        """Hands Slurm what it does not have yet, and takes up what earlier commands submitted."""
        with self.submissions.held():
            again = self._open_for(left)
            fresh = list(filter(None, (_without(job, again) for job in left)))
            self.reporter.run_started(
                [*(one.job for one in again), *fresh], self.launcher["parallel"]
            )
            for one in again:
                self._take(one)
            if again:
                self.reporter.note(f"{len(again)} tasks were submitted before; watching them.")
            self._send([(job, 1) for job in fresh])

    def _open_for(self, left: Sequence[Job]) -> list[Submission]:
        """The open submissions of these jobs' configs whose tasks have not ended."""
        ids = {(job.task, job.id) for job in left}
        listed = [one for one in self.submissions.read() if (one.job.task, one.job.id) in ids]
        found = slurm_queue.states([one.id for one in listed])
        ended = [one.id for one in listed if _has_ended(one, found[one.id])]
        self.submissions.drop(ended)
        return [one for one in listed if one.id not in ended]

    def _send(self, jobs: Sequence[tuple[Job, int]]) -> None:
        """Submits jobs with the number of their try; the caller holds the list's lock."""
        for start in range(0, len(jobs), LARGEST_ARRAY):
            part = jobs[start : start + LARGEST_ARRAY]
            ids = self._array([job for job, _ in part])
            fresh = [
                Submission(id, job, tries, time.time())
                for id, (job, tries) in zip(ids, part, strict=True)
            ]
            self.submissions.add(fresh)
            for one in fresh:
                self._take(one)
            self.reporter.note(
                f"submitted {len(part)} tasks as {_arrays(ids)}; logs: {self.folder}"
            )

    def _array(self, jobs: Sequence[Job]) -> list[str]:
        import submitit

        self.folder.mkdir(parents=True, exist_ok=True)
        executor = submitit.AutoExecutor(
            self.folder, cluster="slurm", slurm_max_num_timeout=self.launcher["requeues"]
        )
        options = parameters(self.launcher)
        executor.update_parameters(**{f"slurm_{name}": value for name, value in options.items()})
        extra = environment(self.launcher, self.threads)
        tasks = [ArrayTask(_absolute(self.store), job, extra, self.folder) for job in jobs]
        with executor.batch():
            sent = [executor.submit(task) for task in tasks]
        return [one.job_id for one in sent]

    def _take(self, submission: Submission) -> None:
        self.tasks[submission.id] = _Task(self.slots, submission)
        self.slots += 1

    # -- watching ------------------------------------------------------------------------------

    def watch(self) -> None:
        """Listens and asks Slurm until every task has ended or the run is interrupted."""
        asked = -float("inf")
        while self.tasks and not self.interrupted.is_set():
            if time.monotonic() - asked >= self.launcher["poll_seconds"]:
                self._ask_slurm()
                asked = time.monotonic()
            for task in self.tasks.values():
                if task.running:
                    self._hear(task)
            self.reporter.tick()
            self.interrupted.wait(min(_LISTEN, self.launcher["poll_seconds"]))

    def _ask_slurm(self) -> None:
        found = self._states()
        ended = []
        for id, state in found.items():
            task = self.tasks[id]
            task.running = state in slurm_queue.RUNNING
            if task.running or state == "PENDING":
                task.ended_at = None
            elif state in slurm_queue.ENDED or self._for_good(task):
                ended.append(id)
        if ended:
            self.submissions.close(ended)
        for id in ended:
            task = self.tasks.pop(id)
            self._hear(task)
            self._settle(task, found[id])

    def _states(self) -> dict[str, str]:
        """The tasks' states; none while Slurm is silent, which may last for a while."""
        now = time.monotonic()
        try:
            found = slurm_queue.states(self.tasks)
        except StoreError:
            if self.silent_since is None:
                self.silent_since = now
                self.reporter.note(
                    "Slurm does not answer. What was submitted goes on, and Slurm is asked again "
                    f"for {_SILENCE / 60:.0f} minutes."
                )
            elif now - self.silent_since > _SILENCE:
                raise
            return {}
        self.silent_since = None
        return found

    def _for_good(self, task: _Task) -> bool:
        """Whether a task that Slurm may queue again has looked ended for long enough."""
        now = time.monotonic()
        task.ended_at = task.ended_at or now
        return now - task.ended_at > _GRACE

    def _hear(self, task: _Task) -> None:
        """Takes in what a task's worker has said since the last time."""
        path = events_file(self.folder, task.submission.id)
        try:
            with path.open("rb") as file:
                file.seek(task.read)
                content = file.read()
        except OSError:
            return
        whole = content[: content.rfind(b"\n") + 1]
        task.read += len(whole)
        for event in protocol.whole_events(whole.splitlines()):
            task.said.add(event["event"])
            if not task.started:
                task.started = True
                self.reporter.job_started(task.slot, task.job)
            if event["event"] == protocol.STARTED:  # perhaps once more, after a preemption
                for pair in protocol.pairs(event["seeds"]):
                    task.failed.pop(pair, None)
            if event["event"] == protocol.FAILED:
                why = Failed(event["cause"], Path(event["file"]))
                task.failed |= dict.fromkeys(protocol.pairs(event["seeds"]), why)
            else:
                self.ledger.hear(task.slot, task.job, event)

    # -- the end of a task ---------------------------------------------------------------------

    def _settle(self, task: _Task, state: str) -> None:
        """Draws the conclusion from a task that has ended."""
        job = task.job
        self.ledger.mark_stored(job)
        missing = self.ledger.missing(job)
        if not missing:
            tidy(job, self.store)
        for why in dict.fromkeys(task.failed[pair] for pair in missing if pair in task.failed):
            self._failed(job, [pair for pair in missing if task.failed.get(pair) == why], why)
        if rest := [pair for pair in missing if pair not in task.failed]:
            self._lost(task, rest, state)
        if task.started:
            self.reporter.job_ended(task.slot, job, sorted(self.ledger.states(job)))

    def _lost(self, task: _Task, missing: Sequence[SeedPair], state: str) -> None:
        """Sees to seeds that have neither a row nor a failure of their own."""
        if state == "COMPLETED" or task.failed:  # the task has ended by itself
            held = self.ledger.held(task.job)  # another process is at work on them
            missing = [pair for pair in missing if pair not in held]
        if protocol.SPILLED in task.said or not missing:
            pass  # the ledger knows
        elif state == "CANCELLED":
            self.ledger.summary.mark(keys_of(task.job, missing), "stopped")
        else:
            self._died(task, missing, state)

    def _died(self, task: _Task, missing: Sequence[SeedPair], state: str) -> None:
        """Submits seeds again whose task crashed, as often as may be."""
        job, tries = task.job, task.submission.tries
        cause = f"Slurm task {task.submission.id} ended as {state}"
        tail = self._log(task.submission.id)
        text = f"{cause}; the end of its log:\n{tail or '(none)'}"
        details = {"cause": cause, "attempt": str(tries)}
        file = self.store.record_failure(job.id, missing, text, task=job.task, details=details)
        crashed = state not in slurm_queue.PERHAPS_REQUEUED
        if _memory_ran_out(task, state, tail) and len(missing) > 1:
            self.reporter.note(f"{job.id}: {cause}. Its seeds are submitted again as two packs.")
            self._resend([(half, 1) for half in halves(job, missing)])
            return
        if crashed and tries > self.launcher["retries"]:
            self._failed(job, missing, Failed(cause, file))
            return
        self.reporter.note(f"{job.id}: {cause}. It is submitted again.")
        self._resend([(part(job, missing), tries + crashed)])

    def _resend(self, jobs: Sequence[tuple[Job, int]]) -> None:
        with self.submissions.held():
            self._send(jobs)

    def _failed(self, job: Job, seeds: Sequence[SeedPair], why: Failed) -> None:
        self.ledger.fail(job, seeds, why.file, why.cause)
        if self.launcher["on_error"] == "stop" and self.tasks:
            self.ledger.summary.trouble = f"{job.id} failed, and on_error is stop"
            slurm_queue.cancel(list(self.tasks))

    def _log(self, id: str) -> str:
        found = b""
        for path in sorted(self.folder.glob(f"{id}_*_log.err")):
            with suppress(OSError):
                found = path.read_bytes()[-_TAIL:]
        return found.decode("utf-8", "replace")

    # -- leaving -------------------------------------------------------------------------------

    def leave(self, ask: Ask | None) -> None:
        """Says what Slurm still has, and cancels it if the person at the terminal wants that."""
        self.ledger.summary.interrupted = True
        found = slurm_queue.states(self.tasks)
        running = sum(state in slurm_queue.RUNNING for state in found.values())
        waiting = sum(state == "PENDING" for state in found.values())
        ids = [id for id, state in found.items() if state not in slurm_queue.ENDED]
        self.reporter.close()
        self.reporter.note(f"Slurm has {running} running and {waiting} waiting tasks of this run.")
        for task in self.tasks.values():
            self.ledger.summary.mark(keys_of(task.job), "queued")
        if ids and self._wants_to_cancel(ask):
            slurm_queue.cancel(ids)
            self.reporter.note("They are cancelled; running ones write their checkpoints first.")
        elif ids:
            self.reporter.note(
                "They go on. The same command watches them again; to end them: scancel "
                + " ".join(sorted({id.partition("_")[0] for id in ids}))
            )

    def _wants_to_cancel(self, ask: Ask | None) -> bool:
        if ask is None and not sys.stdin.isatty():
            return False
        try:
            answer = (ask or input)("Cancel them? [y/N] ")
        except (EOFError, KeyboardInterrupt):
            return False
        return answer.strip().lower() in ("y", "yes")


def _has_ended(submission: Submission, state: str) -> bool:
    """Whether a task is over; one that Slurm does not know may be too new for its accounting."""
    too_new = abs(time.time() - submission.when) < _GRACE
    return state in slurm_queue.ENDED or (state == "UNKNOWN" and not too_new)


def _memory_ran_out(task: _Task, state: str, tail: str) -> bool:
    """Whether a task ended for want of memory, by Slurm's word, its worker's or its log's."""
    told = "memory limit" in tail or "oom-kill" in tail or "oom_kill" in tail
    return state == "OUT_OF_MEMORY" or protocol.MEMORY in task.said or told


def _without(job: Job, again: Sequence[Submission]) -> Job | None:
    """The part of a job whose seeds no open submission has; None where nothing is left."""
    taken = {
        pair
        for one in again
        if (one.job.task, one.job.id) == (job.task, job.id)
        for pair in one.job.seeds
    }
    seeds = [pair for pair in job.seeds if pair not in taken]
    return part(job, seeds) if seeds else None


def _absolute(store: Store) -> Any:  # noqa: ANN401 - StorePaths, whose folders nodes understand
    paths = store.paths
    locks = None if paths.locks is None else paths.locks.resolve()
    spill = None if paths.spill is None else paths.spill.resolve()
    return replace(paths, results=paths.results.resolve(), locks=locks, spill=spill)


def _arrays(ids: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(id.partition("_")[0] for id in ids))
