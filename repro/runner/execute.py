"""Runs one job in this process: claims its seeds, calls the task and stores what it finds.

Every launcher ends here. A seed is claimed before it is looked up, and its claim ends after its
row is on disk, so no two processes run it and none runs it twice.
"""

from __future__ import annotations

import copy
import dataclasses
import gc
import os
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repro.errors import StoreError
from repro.experiments.registry import resolve
from repro.jobs import Context, Interrupted, Job, Outcome, SeedPair
from repro.runner import checkpoints, protocol, provenance, spill
from repro.runner.contract import checked
from repro.runner.locking import claim, holder
from repro.runner.lost import lost_note
from repro.runner.rows import SCHEMA, Row, encode
from repro.runner.store import Store, packed

Emit = Callable[[protocol.Event], None]
_QUIET = 0.5  # seconds between two progress events


def run_job(job: Job, store: Store, emit: Emit, stop_requested: Callable[[], bool]) -> None:
    """Runs what is missing of a job and tells `emit` what became of each seed.

    A failing task is recorded in the store, never raised.

    Raises:
        StoreError: The store itself cannot be used.
    """
    with ExitStack() as claims:
        seeds = _claim_missing(job, store, emit, claims)
        if seeds and stop_requested():
            found = checkpoints.find_checkpoint(store.paths, job.id, seeds)
            emit(_event(protocol.STOPPED, seeds, checkpoint=found is not None))
        elif seeds:
            _Attempt(job, seeds, store, emit, stop_requested).run()


def _event(kind: str, seeds: tuple[SeedPair, ...], **more: object) -> protocol.Event:
    return {"event": kind, "seeds": [list(pair) for pair in seeds], **more}


def _claim_missing(job: Job, store: Store, emit: Emit, claims: ExitStack) -> tuple[SeedPair, ...]:
    """Returns the job's seeds that have no row and that nobody else is at work on, claimed."""
    mine: dict[SeedPair, Any] = {}
    for pair in job.seeds:
        path = store.paths.claim(job.id, pair)
        taken = claim(path)
        if taken is None:
            who = holder(path)
            emit(_event(protocol.HELD, (pair,), holder=str(who) if who else "another process"))
        else:
            mine[pair] = claims.enter_context(taken)
    done = store.done(job.task, job.id)
    had = tuple(pair for pair in mine if pair in done)
    for pair in had:
        mine.pop(pair).release()
    if had:
        emit(_event(protocol.HAD, had))
    return tuple(mine)


def _throttled(emit: Emit) -> Callable[[int, int], None]:
    """Returns a progress call that speaks at the first step, the last, and twice a second."""
    spoke = -_QUIET

    def progress(step: int, steps: int) -> None:
        nonlocal spoke
        now = time.monotonic()
        if now - spoke >= _QUIET or step >= steps:
            spoke = now
            emit({"event": protocol.PROGRESS, "step": int(step), "steps": int(steps)})

    return progress


def device_of(job: Job) -> str:
    """Returns the job's device; `auto` is the GPU that the launcher made visible, or the CPU."""
    wanted = str(job.options.get("device") or "auto")
    if wanted != "auto":
        return wanted
    if not os.environ.get("CUDA_VISIBLE_DEVICES", "").strip():
        return "cpu"
    torch = sys.modules.get("torch")
    return "cuda" if torch is None or torch.cuda.is_available() else "cpu"


def tidy(job: Job, store: Store) -> None:
    """Deletes the checkpoints and the failure file of a config that its rows have settled."""
    checkpoints.drop_finished(store.paths, job.id, store.done(job.task, job.id))
    store.clear_failure(job.id)


def memory_ran_out(error: BaseException) -> bool:
    """Whether an error says that the CPU's or the GPU's memory did not suffice."""
    told = ("out of memory", "can't allocate memory", "not enough memory")
    in_torch = isinstance(error, RuntimeError) and any(words in str(error) for words in told)
    return isinstance(error, MemoryError) or in_torch


def free_memory() -> None:
    """Gives back what the last job left behind, on the GPU, too."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


@dataclass
class _Attempt:
    """One call of a task for seeds that this process has claimed."""

    job: Job
    seeds: tuple[SeedPair, ...]
    store: Store
    emit: Emit
    stop_requested: Callable[[], bool]

    def run(self) -> None:
        """Runs the task; its rows are stored, or its failure is, or its checkpoint is kept."""
        started, clock = provenance.now(), time.monotonic()
        context, too_large = self._context(), False
        resumed = context.resume_from is not None
        self.emit(_event(protocol.STARTED, self.seeds, resumed=resumed))
        try:
            outcomes = self._call_from_a_good_checkpoint(context)
            seconds = time.monotonic() - clock
            origin = self._provenance(context, started, seconds)
            self._keep(outcomes, origin, seconds)
        except Interrupted:
            self._stopped(self.seeds)
        except (Exception, SystemExit) as error:
            too_large = len(self.seeds) > 1 and memory_ran_out(error)
            if not too_large:
                self._failed(error, context)
        finally:
            if context.checkpoint is not None:
                checkpoints.withdraw(context.checkpoint)
        if too_large:
            self._halve()

    def _halve(self) -> None:
        """Runs the seeds in two packs, one after the other; a checkpoint of all serves both."""
        free_memory()
        middle = len(self.seeds) // 2
        halves = (self.seeds[:middle], self.seeds[middle:])
        sizes = " and then ".join(str(len(half)) for half in halves)
        text = f"{self.job.id}: memory ran out with {len(self.seeds)} seeds; going on with {sizes}"
        self.emit({"event": protocol.NOTE, "text": text})
        for half in halves:
            if self.stop_requested():
                self._stopped(half)
            else:
                dataclasses.replace(self, seeds=half).run()

    def _context(self) -> Context:
        options, paths = self.job.options, self.store.paths
        minutes = options.get("checkpoint_minutes", 5.0)
        keep = minutes is not None
        found = checkpoints.find_checkpoint(paths, self.job.id, self.seeds)
        return Context(
            checkpoint=checkpoints.announce(paths, self.job.id, self.seeds) if keep else None,
            resume_from=found,
            checkpoint_minutes=float(minutes) if keep else float("inf"),
            data=Path(options.get("data", "data")),
            tf32=bool(options.get("tf32", False)),
            keep_arrays=any(map(self.job.keeps_arrays, self.seeds)),
            progress=_throttled(self.emit),
            stop_requested=self.stop_requested,
        )

    def _call_from_a_good_checkpoint(self, context: Context) -> list[Outcome]:
        """Calls the task; a checkpoint that it refuses is set aside, and an older one tried."""
        try:
            return self._call(context)
        except StoreError as error:
            found = context.resume_from
            unreadable = isinstance(error.__cause__, OSError)  # a sick disk, not a sick file
            if found is None or context.resumed_at is not None or (unreadable and found.exists()):
                raise
            if found.exists():
                aside = checkpoints.set_aside(found)
                text = f"{self.job.id}: {error}. It is set aside as {aside}."
                self.emit({"event": protocol.NOTE, "text": text})
        context.resume_from = checkpoints.find_checkpoint(
            self.store.paths, self.job.id, self.seeds
        )
        return self._call_from_a_good_checkpoint(context)

    def _call(self, context: Context) -> list[Outcome]:
        task = resolve(self.job.task)
        context.device = device_of(self.job)  # only now: the task's import may have loaded torch
        returned = task(copy.deepcopy(self.job.config), self.seeds, context)
        return checked(self.job.task, self.seeds, returned)

    def _provenance(self, context: Context, started: str, seconds: float) -> dict[str, Any]:
        return {
            **provenance.describe(context.device, started, seconds),
            **({"tf32": context.tf32} if context.device == "cuda" else {}),
            "pack": [list(pair) for pair in self.seeds],
            "resumed_at": context.resumed_at,
            "experiment": self.job.options.get("experiment"),
            "reductions": list(self.job.options.get("reductions") or []),
        }

    def _row(self, outcome: Outcome, origin: dict[str, Any]) -> Row:
        name = self.store.arrays_name(self.job.id, outcome.seeds)
        return {
            "schema": SCHEMA,
            "id": self.job.id,
            "task": self.job.task,
            "data_seed": outcome.seeds.data_seed,
            "model_seed": outcome.seeds.model_seed,
            "status": outcome.status,
            "metrics": outcome.metrics,
            "arrays": name if self._arrays(outcome) else None,
            "config": self.job.config,
            "provenance": origin,
        }

    def _arrays(self, outcome: Outcome) -> dict[str, Any]:
        wanted = self.job.keeps_arrays(outcome.seeds)
        return (outcome.arrays or {}) if wanted else {}

    def _keep(self, outcomes: list[Outcome], origin: dict[str, Any], seconds: float) -> None:
        """Stores the rows with their arrays, those that are not there yet."""
        rows = [self._row(outcome, origin) for outcome in outcomes]
        lines = [encode(row, self.job.task) for row in rows]  # first: what is wrong with a row
        arrays = {
            self.store.arrays_name(self.job.id, outcome.seeds): packed(found)
            for outcome in outcomes
            if (found := self._arrays(outcome))
        }
        try:
            skipped = {key.seeds for key in self.store.append(self.job.task, rows, arrays)}
        except StoreError as error:
            self._spill(outcomes, lines, error)
            return
        stored = [[*o.seeds, o.status] for o in outcomes if o.seeds not in skipped]
        self.emit({"event": protocol.STORED, "rows": stored, "seconds": seconds})
        if lost := lost_note(self.job.id, outcomes):
            self.emit({"event": protocol.NOTE, "text": lost})
        if skipped:
            self.emit(_event(protocol.HAD, tuple(sorted(skipped))))
        tidy(self.job, self.store)

    def _spill(self, outcomes: list[Outcome], lines: list[bytes], error: StoreError) -> None:
        """Keeps finished rows that the store does not take; their checkpoint stays, too."""
        arrays = {
            self.store.paths.arrays_of(self.job.id, outcome.seeds).name: found
            for outcome in outcomes
            if (found := self._arrays(outcome))
        }
        file = spill.keep(self.store.paths, self.job.task, lines, arrays)
        seeds = tuple(outcome.seeds for outcome in outcomes)
        self.emit(_event(protocol.SPILLED, seeds, file=str(file), cause=str(error)))

    def _stopped(self, seeds: tuple[SeedPair, ...]) -> None:
        found = checkpoints.find_checkpoint(self.store.paths, self.job.id, seeds)
        self.emit(_event(protocol.STOPPED, seeds, checkpoint=found is not None))

    def _failed(self, error: BaseException, context: Context) -> None:
        done = self.store.done(self.job.task, self.job.id)
        missing = tuple(pair for pair in self.seeds if pair not in done)
        if not missing:
            return  # the rows are on disk: what failed was tidying up after them
        cause = traceback.format_exception_only(error)[-1].strip()
        details = {"cause": cause, "device": context.device, "code": str(provenance.revision()[0])}
        if context.resume_from is not None:
            details["resumed from"] = (
                f"checkpoints/{context.resume_from.name} (delete it if the checkpoint is at fault)"
            )
        text = "".join(traceback.format_exception(error))
        file = self.store.record_failure(
            self.job.id, missing, text, task=self.job.task, details=details
        )
        self.emit(_event(protocol.FAILED, missing, cause=cause, file=str(file)))
