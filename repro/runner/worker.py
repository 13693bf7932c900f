"""The worker process: `python -m repro.runner.worker RESULTS` runs the jobs that come on stdin.

Jobs arrive as JSON lines and events leave as JSON lines. The launcher sets its environment before
it starts (GPU, threads). SIGTERM, or a launcher that is gone, makes it write a checkpoint and end.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import os
import queue
import signal
import sys
import threading
import traceback
import warnings
from dataclasses import replace
from pathlib import Path
from types import FrameType

from repro.errors import StoreError
from repro.jobs import Job
from repro.runner import protocol, provenance
from repro.runner.execute import run_job
from repro.runner.paths import StorePaths
from repro.runner.store import Store


class Worker:
    """A worker's two ends of the conversation, and whether it has been asked to stop."""

    def __init__(self, paths: StorePaths, jobs: int, events: int) -> None:
        """Takes over two file descriptors: `jobs` to read from and `events` to write to.

        `paths` are those of any scale; each job names its own.
        """
        self._paths = paths
        self._jobs = jobs
        self._events = events
        self._speaking = threading.Lock()
        self._stopping = False  # a plain flag: a signal handler must take no lock
        self._inbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._stores: dict[str, Store] = {}

    def serve(self) -> None:
        """Runs jobs until the launcher closes its end or asks to stop."""
        threading.Thread(target=self._listen, daemon=True).start()
        self.emit({"event": protocol.READY, "pid": os.getpid()})
        while (line := self._inbox.get()) is not None:
            job = protocol.decode_job(line)
            store = self._stores.setdefault(
                job.scale, Store(replace(self._paths, scale=job.scale))
            )
            self._run(job, store)
            self.emit({"event": protocol.FINISHED})

    def _run(self, job: Job, store: Store) -> None:
        """Runs a job; a store that cannot be used fails that job and not the worker."""
        try:
            run_job(job, store, self.emit, lambda: self._stopping)
        except StoreError as error:
            try:
                text = "".join(traceback.format_exception(error))
                file = str(store.record_failure(job.id, job.seeds, text, task=job.task))
            except StoreError as worse:
                file = f"(nowhere: {worse})"
            seeds = [list(pair) for pair in job.seeds]
            told = {"seeds": seeds, "cause": str(error), "file": file, "store": True}
            self.emit({"event": protocol.FAILED, **told})

    def emit(self, event: protocol.Event) -> None:
        """Sends an event; a launcher that no longer listens counts as a request to stop."""
        content = memoryview(protocol.encode(event))
        with self._speaking:
            try:
                while content:
                    content = content[os.write(self._events, content) :]
            except OSError:
                self._stopping = True

    def stop(self, *_: int | FrameType | None) -> None:
        """Asks the running job to write its checkpoint; no other job is begun after it."""
        self._stopping = True
        self._inbox.put(None)

    def _listen(self) -> None:
        with contextlib.suppress(OSError), os.fdopen(self._jobs, "rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break  # the launcher was killed in mid-line
                self._inbox.put(line)
        self._mute()
        self.stop()

    def _mute(self) -> None:
        """Sends stray prints nowhere once nobody reads them, so that they cannot fail a job."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        os.close(nowhere)


def _take_standard_streams() -> tuple[int, int]:
    """Returns private copies of stdin and stdout; tasks get an empty stdin and print on stderr."""
    jobs, events = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.close(nowhere)
    os.dup2(2, 1)
    return jobs, events


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    sys.stderr.write(f"warning: {message}\n")


def main(paths: StorePaths) -> None:
    """Serves the launcher at the other end of stdin and stdout."""
    warnings.showwarning = _show_warning
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    worker = Worker(paths, *_take_standard_streams())
    signal.signal(signal.SIGTERM, worker.stop)
    provenance.revision()  # now: the checkout may change while jobs run
    worker.serve()


def _arguments() -> StorePaths:
    parser = argparse.ArgumentParser(description="A worker; a launcher starts it.")
    parser.add_argument("results", type=Path)
    parser.add_argument("--locks", type=Path)
    parser.add_argument("--spill", type=Path)
    found = parser.parse_args()
    return StorePaths(found.results, "", found.locks, found.spill)


if __name__ == "__main__":
    main(_arguments())
