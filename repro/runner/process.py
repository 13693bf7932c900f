"""A worker process as its launcher sees it: jobs go in, messages come out of one queue."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import repro
from repro.jobs import Job
from repro.runner import memory, protocol
from repro.runner.paths import StorePaths

_TAIL = 40  # lines of a worker's stderr that a failure quotes


@dataclass(frozen=True)
class Message:
    """Something that happened to a worker: an event of its own, stray text, or its end."""

    slot: int
    kind: str  # event | text | exit | interrupt
    content: dict[str, Any] = field(default_factory=dict)


Inbox = queue.SimpleQueue[Message]


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Returns the child's environment, in which this very package can be imported."""
    here = str(Path(repro.__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), here]))
    return {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **extra}


def _folders(paths: StorePaths) -> list[str]:
    """Returns the worker's arguments, absolute: where it runs is its own affair."""
    words = [str(paths.results.resolve())]
    for name, folder in (("--locks", paths.locks), ("--spill", paths.spill)):
        words += [] if folder is None else [name, str(folder.resolve())]
    return words


class WorkerProcess:
    """One worker, in its own session so that a terminal's Ctrl-C reaches only the launcher."""

    def __init__(
        self, slot: int, paths: StorePaths, environment: Mapping[str, str], inbox: Inbox
    ) -> None:
        """Starts the process; what it says goes to `inbox`, its end last of all."""
        self._slot = slot
        self._inbox = inbox
        self._tail: deque[str] = deque(maxlen=_TAIL)
        self._kernel_kills = memory.kernel_kills()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "repro.runner.worker", *_folders(paths)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(environment),
            start_new_session=True,
        )
        self._waiter = threading.Thread(target=self._wait, daemon=True)
        self._waiter.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def send(self, job: Job) -> None:
        """Hands over a job; where the process is gone, its exit message says so."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(protocol.encode_job(job))
            self._process.stdin.flush()

    def finish(self) -> None:
        """Tells the worker that no more jobs come."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.close()

    def stop(self) -> None:
        """Asks the worker to write its checkpoint and end."""
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Ends the worker, and whatever it has started, at once."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def join(self) -> None:
        """Waits until the worker has ended and all that it said is in the inbox."""
        self._waiter.join()

    def close(self) -> None:
        """Kills what still runs and waits until nothing of it is left."""
        self.kill()
        self.finish()
        self._waiter.join()

    def _wait(self) -> None:
        readers = [
            threading.Thread(target=self._read_events, daemon=True),
            threading.Thread(target=self._read_text, daemon=True),
        ]
        for reader in readers:
            reader.start()
        code = self._process.wait()
        for reader in readers:
            reader.join(timeout=2.0)  # a grandchild may keep a pipe open
        self.finish()
        content = {"code": code, "pid": self.pid, "tail": "".join(self._tail)}
        content["memory"] = code == -signal.SIGKILL and self._kernel_has_killed()
        self._inbox.put(Message(self._slot, "exit", content))

    def _kernel_has_killed(self) -> bool:
        """Whether memory has run out on this machine since the worker was started."""
        now = memory.kernel_kills()
        return None not in (now, self._kernel_kills) and now != self._kernel_kills

    def _read_events(self) -> None:
        with _stream(self._process.stdout) as lines:
            for line in lines:
                if line.endswith(b"\n"):
                    self._inbox.put(Message(self._slot, "event", json.loads(line)))

    def _read_text(self) -> None:
        with _stream(self._process.stderr) as lines:
            for raw in lines:
                line = raw.decode("utf-8", "replace")
                self._tail.append(line)
                self._inbox.put(Message(self._slot, "text", {"line": line.rstrip()}))


def _stream(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


def exit_reason(code: int, memory_ran_out: bool = False) -> str:
    """Returns in words how a worker ended that should not have."""
    if memory_ran_out:
        return "the worker was killed by the system because memory ran out"
    if code >= 0:
        return f"the worker ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = " (by hand, or by a limit on memory or time)" if name == "SIGKILL" else ""
    return f"the worker was ended by {name}{hint}"
