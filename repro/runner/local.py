"""Runs jobs on this machine: one worker a GPU, or several on the CPU's cores."""

from __future__ import annotations

import queue
import signal
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from repro.errors import StoreError
from repro.jobs import Job, SeedPair
from repro.runner import protocol
from repro.runner.durations import counted
from repro.runner.execute import tidy
from repro.runner.interrupts import interrupts
from repro.runner.launch import LocalOptions, crowding
from repro.runner.ledger import Ledger, halves, keys_of, part
from repro.runner.locking import check_locks
from repro.runner.process import Inbox, Message, WorkerProcess, exit_reason
from repro.runner.progress import Reporter
from repro.runner.store import Store
from repro.runner.summary import Summary

_TICK = 0.5  # seconds between two looks at the clock
_HELD_PATIENCE = 120.0  # seconds, at the end, for seeds that another process still holds
_HELD_PAUSE = 2.0


def run_local(
    jobs: Sequence[Job],
    store: Store,
    options: LocalOptions,
    reporter: Reporter,
) -> Summary:
    """Runs what is missing of `jobs`, the longest first, and says what became of every seed.

    Ctrl-C asks the workers to write checkpoints and stop; a second one kills them.

    Raises:
        StoreError: The store cannot be read, locked or written.
    """
    run = _Run(store, options, reporter)
    run.enlist(jobs)
    try:
        if run.queue:
            check_locks(store.paths.claims)
            with interrupts(lambda: run.inbox.put(Message(-1, "interrupt"))):
                run.drive()
    finally:
        reporter.close()
    reporter.run_ended(run.ledger.summary)
    return run.ledger.summary


@dataclass(frozen=True)
class _Ticket:
    """A job in the queue, and how often it has been tried."""

    job: Job
    tries: int = 0


@dataclass
class _Slot:
    """A place for a worker: its environment, the process in it and that process's job."""

    number: int
    environment: Mapping[str, str]
    worker: WorkerProcess | None = None
    ticket: _Ticket | None = None
    ready: bool = False
    retiring: bool = False  # no further jobs for this process


class _Run:
    """The state of one call of `run_local`."""

    def __init__(self, store: Store, options: LocalOptions, reporter: Reporter) -> None:
        self.store = store
        self.options = options
        self.reporter = reporter
        self.ledger = Ledger(store, reporter)
        self.queue: deque[_Ticket] = deque()
        self.inbox: Inbox = queue.SimpleQueue()
        self.slots: list[_Slot] = []
        self.held: list[_Ticket] = []  # jobs with seeds that another process holds
        self.waiting_since: float | None = None  # when they became all that is left
        self.looked = 0.0
        self.interrupts = 0
        self.draining = False  # no further jobs; the running ones may end
        self.stopping = False  # no further jobs, and the running ones are asked to stop
        self.killed = False

    # -- before --------------------------------------------------------------------------------

    def enlist(self, jobs: Sequence[Job]) -> None:
        """Queues the jobs that miss rows, the longest first."""
        self.queue.extend(_Ticket(job) for job in self.ledger.open(jobs))
        environments = self._environments()[: len(self.queue)]
        self.slots = [_Slot(number, found) for number, found in enumerate(environments)]
        self.reporter.run_started([ticket.job for ticket in self.queue], len(self.slots))
        had = self.ledger.summary.had
        if had:
            self.reporter.note(f"{counted(had, 'seed')} done before.")
        if environments and (warning := crowding(environments)):
            self.reporter.note(warning)

    def _environments(self) -> list[dict[str, str]]:
        wanted = [ticket.job.options for ticket in self.queue]
        if not wanted:
            return []
        return self.options.environments(wanted[0].get("threads"))

    # -- the loop ------------------------------------------------------------------------------

    def drive(self) -> None:
        """Hands out jobs and listens until nothing is left or the run has been stopped."""
        try:
            while self._hand_out():
                try:
                    message = self.inbox.get(timeout=_TICK)
                except queue.Empty:
                    self.reporter.tick()
                else:
                    self._hear(message)
        finally:
            for slot in self.slots:
                if slot.worker is not None:
                    slot.worker.close()

    def _hand_out(self) -> bool:
        """Gives every free worker a job; returns False once there is nothing to wait for."""
        if self.held and not self.queue and self._all_free():
            self._look_again()
        for slot in self.slots:
            if self.stopping or not (self.queue or self.held or not self._all_free()):
                self._dismiss(slot)
            elif self.queue and slot.ticket is None and not slot.retiring:
                self._assign(slot, self.queue.popleft())
        return bool(self.held) or any(slot.worker for slot in self.slots)

    def _look_again(self) -> None:
        """Queues what others hold, for their process may be on its way out; not for ever."""
        now = time.monotonic()
        if self.waiting_since is None:
            self.waiting_since = now
            self.reporter.note("What is left is with another runner; looking again for a while.")
        elif now - self.waiting_since > _HELD_PATIENCE:
            self.held.clear()
        elif now - self.looked < _HELD_PAUSE:
            return
        self.looked = now
        self.queue.extend(self.held)
        self.held.clear()

    def _all_free(self) -> bool:
        return not any(slot.ticket for slot in self.slots)

    def _dismiss(self, slot: _Slot) -> None:
        if slot.worker is not None and slot.ticket is None and not slot.retiring:
            slot.retiring = True
            slot.worker.finish()

    def _assign(self, slot: _Slot, ticket: _Ticket) -> None:
        if slot.worker is None:
            slot.ready = False
            paths = self.store.paths
            slot.worker = WorkerProcess(slot.number, paths, slot.environment, self.inbox)
        slot.ticket = replace(ticket, tries=ticket.tries + 1)
        slot.worker.send(ticket.job)
        self.reporter.job_started(slot.number, ticket.job)

    def _hear(self, message: Message) -> None:
        if message.kind == "interrupt":
            self._interrupted()
            return
        slot = self.slots[message.slot]
        if message.kind == "text":
            self.reporter.note(f"worker {slot.number}: {message.content['line']}")
        elif message.kind == "exit":
            self._exited(slot, message.content)
        else:
            self._happened(slot, message.content)

    # -- events of a worker --------------------------------------------------------------------

    def _happened(self, slot: _Slot, event: protocol.Event) -> None:
        kind, ticket = event["event"], slot.ticket
        if kind == protocol.STARTED:
            self.waiting_since = None  # others do give seeds back: no patience is used up
        if kind == protocol.READY or ticket is None:
            slot.ready = True
        elif kind == protocol.FINISHED:
            self._finished(slot, ticket)
        elif kind == protocol.FAILED:
            slot.retiring = True  # a fresh process: the failure may have left this one damaged
            seeds = protocol.pairs(event["seeds"])
            self._failed(ticket.job, seeds, Path(event["file"]), event["cause"])
            if event.get("store") and not self.draining:  # the next job would fare no better
                self.ledger.summary.trouble = "the store cannot be used"
                self._drain()
        else:
            self.ledger.hear(slot.number, ticket.job, event)
            if kind == protocol.SPILLED:
                self._drain()

    def _failed(self, job: Job, seeds: Sequence[SeedPair], file: Path, cause: str) -> None:
        self.ledger.fail(job, seeds, file, cause)
        if self.options.on_error == "stop" and not self.stopping:
            self.ledger.summary.trouble = f"{job.id} failed, and on_error is stop"
            self._stop()

    def _finished(self, slot: _Slot, ticket: _Ticket) -> None:
        slot.ticket = None
        states = self.ledger.states(ticket.job)
        self.reporter.job_ended(slot.number, ticket.job, sorted(states))
        held = self.ledger.held(ticket.job)
        if held and not self.draining:
            self.held.append(_Ticket(part(ticket.job, held)))
        if "stopped" in states and not self.stopping:
            slot.retiring = True  # asked to stop by someone else: that process is on its way out
            self._again(ticket)
        if slot.retiring and slot.worker is not None:
            slot.worker.finish()

    def _again(self, ticket: _Ticket) -> bool:
        """Queues a job once more where it may be; returns whether it may."""
        if self.draining or ticket.tries > self.options.retries:
            return False
        self.queue.appendleft(ticket)
        return True

    # -- the end of a worker -------------------------------------------------------------------

    def _exited(self, slot: _Slot, end: Mapping[str, Any]) -> None:
        ticket, ready = slot.ticket, slot.ready
        slot.worker, slot.ticket, slot.retiring = None, None, False
        if ticket is None:
            return
        self.ledger.mark_stored(ticket.job)
        missing = self.ledger.missing(ticket.job)
        self.reporter.job_ended(slot.number, ticket.job, ["died"])
        never_began = self.stopping and end["code"] == -signal.SIGTERM  # it was still starting
        if missing and (self.killed or never_began):
            self.ledger.summary.mark(keys_of(ticket.job, missing), "stopped")
        elif missing:
            self._died(ticket, missing, end, ready)
        else:
            tidy(ticket.job, self.store)  # it died between its rows and this

    def _died(
        self, ticket: _Ticket, missing: list[SeedPair], end: Mapping[str, Any], ready: bool
    ) -> None:
        reason = exit_reason(end["code"], end["memory"])
        text = f"{reason}; the last lines that it wrote:\n{end['tail'] or '(none)'}"
        details = {"cause": reason, "attempt": str(ticket.tries)}
        job = ticket.job
        file = self._record(job, missing, text, details)
        could_start = ready or end["code"] < 0  # a signal says nothing against the next one
        if end["memory"] and len(missing) > 1 and not self.draining:
            self.reporter.note(f"{job.id}: {reason}. Its seeds go on in two packs.")
            self.queue.extendleft(_Ticket(half) for half in halves(job, missing))
            return
        if could_start and self._again(ticket):
            self.reporter.note(f"{job.id}: {reason}. A new worker takes the job over.")
            return
        self._failed(job, missing, file, reason)
        if not could_start and not self.stopping:
            self.ledger.summary.trouble = f"a worker could not start: {reason} (see {file})"
            self._stop()

    def _record(
        self, job: Job, missing: list[SeedPair], text: str, details: Mapping[str, str]
    ) -> Path:
        """Keeps how a job ended; where no disk takes that, it is told and the run goes on."""
        try:
            return self.store.record_failure(job.id, missing, text, task=job.task, details=details)
        except StoreError as error:
            self.reporter.note(f"{job.id}: {text}\n{error}")
            return Path("(nowhere: no disk could be written)")

    # -- stopping ------------------------------------------------------------------------------

    def _interrupted(self) -> None:
        self.interrupts += 1
        self.ledger.summary.interrupted = True
        if self.interrupts == 1:
            goes_on = (
                "running jobs write their checkpoints first. The same command goes on from there "
                "later"
                if self._keeps_checkpoints()
                else "running jobs end at their next step"
            )
            self.reporter.note(f"Stopping: {goes_on}. Press Ctrl-C again to end them at once.")
            self._stop()
        else:
            self.killed = True
            self.reporter.note("Ending the workers at once; stored rows and checkpoints stay.")
            for slot in self.slots:
                if slot.worker is not None:
                    slot.worker.kill()

    def _keeps_checkpoints(self) -> bool:
        running = [slot.ticket.job for slot in self.slots if slot.ticket is not None]
        kept = [job.options.get("checkpoint_minutes", True) is not None for job in running]
        return any(kept) or not kept

    def _drain(self) -> None:
        self.draining = True
        self.queue.clear()
        self.held.clear()

    def _stop(self) -> None:
        self._drain()
        self.stopping = True
        for slot in self.slots:
            if slot.worker is not None:
                slot.worker.stop()
