"""One task of a job array: the same worker process as the local launcher's, for one job.

submitit pickles it, unpickles it on a node and calls it. What the worker says is appended to a
file that the driver reads. Told to end (preemption, time limit), the worker writes its checkpoint
and the task is queued again; what it then goes on from is discovered on disk.
"""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repro.errors import JobFailed, StoreError
from repro.jobs import Job, SeedPair
from repro.runner import protocol
from repro.runner.paths import StorePaths
from repro.runner.process import Inbox, WorkerProcess, exit_reason
from repro.runner.store import Store

if TYPE_CHECKING:
    from submitit.core.utils import DelayedSubmission

_HELD_PATIENCE = 300.0  # seconds that a task waits for seeds that another process still holds
_HELD_PAUSE = 5.0
_STOP_PATIENCE = 120.0  # seconds that a task which was told to stop waits to be ended


def events_file(folder: Path, id: str) -> Path:
    """Where the task `id` (`12_0`) writes what its worker says."""
    return folder / f"{id}.events.jsonl"


@dataclass
class ArrayTask:
    """A job and how to run it; `folder` is where its events go."""

    paths: StorePaths
    job: Job
    environment: dict[str, str]
    folder: Path
    worker: WorkerProcess | None = field(default=None, repr=False)

    def __call__(self) -> None:
        """Runs the job in a worker process and waits for it.

        Raises:
            JobFailed: the job failed or its worker died, so that Slurm counts a failed task.
        """
        inbox: Inbox = queue.SimpleQueue()
        self.worker = WorkerProcess(0, self.paths, self.environment, inbox)
        try:
            self.worker.send(self.job)
            end = self._listen(inbox, self.worker)
        finally:
            self.worker.close()
        if end["code"] != 0 and self._missing():
            raise JobFailed(self._record(end))

    def checkpoint(self) -> DelayedSubmission:
        """Called by submitit in a signal handler: the worker stops, the task is queued again."""
        from submitit.core.utils import DelayedSubmission

        if self.worker is not None:
            self.worker.stop()
            self.worker.join()
        return DelayedSubmission(replace(self, worker=None))

    def _listen(self, inbox: Inbox, worker: WorkerProcess) -> dict[str, Any]:
        """Keeps what the worker says until it ends; returns how it did."""
        deadline = time.monotonic() + _HELD_PATIENCE
        said: set[str] = set()
        failures: list[str] = []  # of packs: after one whose memory ran out, there are two
        while True:
            message = inbox.get()
            if message.kind == "exit":
                return message.content
            if message.kind != "event":
                continue
            event = message.content
            said.add(event["event"])
            if event["event"] == protocol.FAILED:
                failures.append(f"{event['cause']}; see {event['file']}")
            if event["event"] != protocol.FINISHED:
                self._write(event)
            elif protocol.STOPPED in said:
                time.sleep(_STOP_PATIENCE)  # Slurm is about to end this task, or to queue it anew
                raise JobFailed("the worker was stopped from outside; run the same command again")
            elif failures:
                raise JobFailed(" ".join(failures))
            elif protocol.HELD in said and time.monotonic() < deadline:
                said.clear()
                time.sleep(_HELD_PAUSE)
                worker.send(self.job)
            else:
                worker.finish()

    def _missing(self) -> list[SeedPair]:
        done = Store(self.paths).done(self.job.task, self.job.id)
        return [pair for pair in self.job.seeds if pair not in done]

    def _write(self, event: protocol.Event) -> None:
        """Appends an event; a full disk costs the driver its view and nothing else."""
        from submitit import JobEnvironment

        path = events_file(self.folder, JobEnvironment().job_id)
        try:
            with path.open("ab", buffering=0) as file:
                file.write(protocol.encode(event))
        except OSError:
            return

    def _record(self, end: Mapping[str, Any]) -> str:
        if end["memory"]:
            self._write({"event": protocol.MEMORY})
        reason = exit_reason(end["code"], end["memory"])
        text = f"{reason}; the last lines that it wrote:\n{end['tail'] or '(none)'}"
        details = {"cause": reason, "slurm": os.environ.get("SLURM_JOB_ID", "")}
        job, missing = self.job, self._missing()
        try:
            store = Store(self.paths)
            file = store.record_failure(job.id, missing, text, task=job.task, details=details)
        except StoreError as error:
            return f"{reason}; {error}"
        return f"{reason}; see {file}"
