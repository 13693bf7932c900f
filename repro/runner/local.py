"""Runs jobs on this machine: one worker a GPU, or several on the CPU's cores."""

from __future__ import annotations

import queue
import signal
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

from repro.jobs import Job, SeedPair
from repro.runner import protocol
from repro.runner.execute import tidy
from repro.runner.launch import LocalOptions
from repro.runner.locking import check_locks
from repro.runner.process import Inbox, Message, WorkerProcess, exit_reason
from repro.runner.progress import Reporter
from repro.runner.rows import RowKey
from repro.runner.store import Store
from repro.runner.summary import Summary

_TICK = 0.5  # seconds between two looks at the clock


def run_local(
    jobs: Sequence[Job],
    store: Store,
    launcher_options: LocalOptions | Mapping[str, Any],
    reporter: Reporter,
) -> Summary:
    """Runs what is missing of `jobs`, the longest first, and says what became of every seed.

    Ctrl-C asks the workers to write checkpoints and stop; a second one kills them.

    Raises:
        ConfigError: An option of the launcher makes no sense.
        StoreError: The store cannot be read, locked or written.
    """
    options = LocalOptions.of(launcher_options)
    run = _Run(store, options, reporter)
    run.enlist(jobs)
    try:
        if run.queue:
            check_locks(store.paths.claims)
            with _interrupts(run.inbox):
                run.drive()
    finally:
        reporter.close()
    reporter.run_ended(run.summary)
    return run.summary


@contextmanager
def _interrupts(inbox: Inbox) -> Iterator[None]:
    """Turns SIGINT and SIGTERM into messages, where this is the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def tell(number: int, frame: FrameType | None) -> None:
        inbox.put(Message(-1, "interrupt"))

    before = {number: signal.signal(number, tell) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(frozen=True)
class _Ticket:
    """A job in the queue, how often it has been tried and whether it was held the last time."""

    job: Job
    tries: int = 0
    second_look: bool = False

    @property
    def keys(self) -> list[RowKey]:
        return [RowKey(self.job.id, pair) for pair in self.job.seeds]


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
        self.summary = Summary()
        self.queue: deque[_Ticket] = deque()
        self.inbox: Inbox = queue.SimpleQueue()
        self.slots: list[_Slot] = []
        self.second_looks: list[_Ticket] = []
        self.interrupts = 0
        self.stopping = False
        self.killed = False

    # -- before --------------------------------------------------------------------------------

    def enlist(self, jobs: Sequence[Job]) -> None:
        """Queues the jobs that miss rows, the longest first."""
        for job in sorted(jobs, key=lambda job: -job.expected_seconds):
            ticket = _Ticket(job)
            self.summary.mark(ticket.keys, "left")
            self._mark_stored(ticket, "had")
            if self._missing(ticket):
                self.queue.append(ticket)
        environments = self._environments()[: len(self.queue)]
        self.slots = [_Slot(number, found) for number, found in enumerate(environments)]
        self.reporter.run_started([ticket.job for ticket in self.queue], len(self.slots))
        had = self.summary.had
        if had:
            self.reporter.note(f"{had} seeds already have their rows.")

    def _environments(self) -> list[dict[str, str]]:
        wanted = [ticket.job.options for ticket in self.queue]
        if not wanted:
            return []
        devices = {str(options.get("device") or "auto") for options in wanted}
        return self.options.environments(devices, wanted[0].get("threads"))

    def _missing(self, ticket: _Ticket) -> list[SeedPair]:
        done = self.store.done(ticket.job.task, ticket.job.id)
        return [pair for pair in ticket.job.seeds if pair not in done]

    def _mark_stored(self, ticket: _Ticket, state: str | None = None) -> None:
        """Notes the job's seeds that the store has, as `state` or as the store calls them."""
        for pair, status in self.store.done(ticket.job.task, ticket.job.id).items():
            if pair in ticket.job.seeds:
                self.summary.mark([RowKey(ticket.job.id, pair)], state or status)

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
        if not self.queue and not any(slot.ticket for slot in self.slots):
            self.queue.extend(self.second_looks)
            self.second_looks.clear()
        for slot in self.slots:
            if self.stopping or (not self.queue and self._all_free()):
                self._dismiss(slot)
            elif self.queue and slot.ticket is None and not slot.retiring:
                self._assign(slot, self.queue.popleft())
        return any(slot.worker for slot in self.slots)

    def _all_free(self) -> bool:
        return not any(slot.ticket for slot in self.slots)

    def _dismiss(self, slot: _Slot) -> None:
        if slot.worker is not None and slot.ticket is None and not slot.retiring:
            slot.retiring = True
            slot.worker.finish()

    def _assign(self, slot: _Slot, ticket: _Ticket) -> None:
        if slot.worker is None:
            slot.ready = False
            results = self.store.paths.results.resolve()
            slot.worker = WorkerProcess(slot.number, results, slot.environment, self.inbox)
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
        if kind == protocol.READY or ticket is None:
            slot.ready = True
        elif kind == protocol.PROGRESS:
            self.reporter.progress(slot.number, event["step"], event["steps"])
        elif kind == protocol.STARTED:
            self.reporter.job_running(slot.number, len(event["seeds"]), event["resumed"])
        elif kind == protocol.FINISHED:
            self._finished(slot, ticket)
        else:
            self._seeds_became(slot, ticket, kind, event)

    def _seeds_became(
        self, slot: _Slot, ticket: _Ticket, kind: str, event: protocol.Event
    ) -> None:
        if kind == protocol.STORED:
            for data_seed, model_seed, status in event["rows"]:
                pair = SeedPair(data_seed, model_seed)
                self.summary.mark([RowKey(ticket.job.id, pair)], status)
            return
        keys = [RowKey(ticket.job.id, pair) for pair in protocol.pairs(event["seeds"])]
        if kind == protocol.FAILED:
            slot.retiring = True  # a fresh process: the failure may have left this one damaged
            self._failed(ticket, keys, Path(event["file"]), event["cause"])
        elif kind == protocol.HELD:
            self.summary.mark(keys, "held")
            self.reporter.note(f"{ticket.job.id} is with another runner: {event['holder']}.")
        elif kind == protocol.HAD:
            self.summary.mark(keys, "had")
        elif kind == protocol.STOPPED:
            self.summary.mark(keys, "stopped")

    def _failed(self, ticket: _Ticket, keys: list[RowKey], file: Path, cause: str) -> None:
        self.summary.fail(keys, file, cause)
        self.reporter.job_failed(ticket.job, cause, file)
        if self.options.on_error == "stop" and not self.stopping:
            self.summary.trouble = f"{ticket.job.id} failed, and on_error is stop"
            self._stop()

    def _finished(self, slot: _Slot, ticket: _Ticket) -> None:
        slot.ticket = None
        states = {self.summary.states[key] for key in ticket.keys}
        self.reporter.job_ended(slot.number, ticket.job, sorted(states))
        if "held" in states and not ticket.second_look:
            self.second_looks.append(replace(ticket, second_look=True))
        if "stopped" in states and not self.stopping:
            slot.retiring = True  # asked to stop by someone else: that process is on its way out
            self._again(ticket)
        if slot.retiring and slot.worker is not None:
            slot.worker.finish()

    def _again(self, ticket: _Ticket) -> bool:
        """Queues a job once more where it may be; returns whether it may."""
        if self.stopping or ticket.tries > self.options.retries:
            return False
        self.queue.appendleft(ticket)
        return True

    # -- the end of a worker -------------------------------------------------------------------

    def _exited(self, slot: _Slot, end: Mapping[str, Any]) -> None:
        ticket, ready = slot.ticket, slot.ready
        slot.worker, slot.ticket, slot.retiring = None, None, False
        if ticket is None:
            return
        self._mark_stored(ticket)
        missing = self._missing(ticket)
        self.reporter.job_ended(slot.number, ticket.job, ["died"])
        if missing and self.killed:
            self.summary.mark([RowKey(ticket.job.id, pair) for pair in missing], "stopped")
        elif missing:
            self._died(ticket, missing, end, ready)
        else:
            tidy(ticket.job, self.store)  # it died between its rows and this

    def _died(
        self, ticket: _Ticket, missing: list[SeedPair], end: Mapping[str, Any], ready: bool
    ) -> None:
        reason = exit_reason(end["code"])
        text = f"{reason}; the last lines that it wrote:\n{end['tail'] or '(none)'}"
        details = {"cause": reason, "attempt": str(ticket.tries)}
        job = ticket.job
        file = self.store.record_failure(job.id, missing, text, task=job.task, details=details)
        if ready and self._again(ticket):
            self.reporter.note(f"{job.id}: {reason}. A new worker takes the job over.")
            return
        self._failed(ticket, [RowKey(job.id, pair) for pair in missing], file, reason)
        if not ready and not self.stopping:
            self.summary.trouble = f"a worker could not start: {reason} (see {file})"
            self._stop()

    # -- stopping ------------------------------------------------------------------------------

    def _interrupted(self) -> None:
        self.interrupts += 1
        if self.interrupts == 1:
            self.reporter.note(
                "Stopping: running jobs write their checkpoints first. The same command goes on "
                "from there later. Press Ctrl-C again to end them at once."
            )
            self._stop()
        else:
            self.killed = True
            self.reporter.note("Ending the workers at once; stored rows and checkpoints stay.")
            for slot in self.slots:
                if slot.worker is not None:
                    slot.worker.kill()

    def _stop(self) -> None:
        self.stopping = True
        self.queue.clear()
        self.second_looks.clear()
        for slot in self.slots:
            if slot.worker is not None:
                slot.worker.stop()
