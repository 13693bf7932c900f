"""Starts real processes fast: a process that has imported torch forks one for each that is asked.

A started process has a pid, a session, pipes, an environment and an end of its own; only the
seconds that importing takes are saved. Workers and drivers run the same code as ever.
"""

from __future__ import annotations

import array
import contextlib
import functools
import json
import os
import select
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

PIPE = -1
_HEAD = struct.Struct("!I")
_CODE = struct.Struct("!ii")  # pid once started; pid and exit code once ended


class Zygote:
    """The process that forks; it ends, and kills what it has started, when this one ends."""

    def __init__(self, address: Path, prepare: Callable[[], None]) -> None:
        """Forks it; `prepare` runs in it once and imports whatever its children need."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(address))
        listener.listen(64)
        lifeline, other = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            lifeline.close()
            with contextlib.suppress(BaseException):
                os.setsid()
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                prepare()
                _Server(listener, other).serve()
            os._exit(0)
        other.close()
        listener.close()
        self._lifeline = lifeline

    def close(self) -> None:
        """Ends it and everything that it has started."""
        self._lifeline.close()
        os.waitpid(self.pid, 0)


class Started:
    """A process that a zygote started; stands in for `subprocess.Popen` where that is used."""

    def __init__(
        self,
        address: str,
        command: Sequence[str],
        env: Mapping[str, str],
        stdin: int = PIPE,
        stdout: int = PIPE,
        stderr: int = PIPE,
        start_new_session: bool = True,
    ) -> None:
        """Asks for the process that `command` names: `... -m repro.runner.worker ARGUMENTS`."""
        given, kept = _ends(stdin, stdout, stderr)
        self.stdin, self.stdout, self.stderr = kept
        self._line = socket.socket(socket.AF_UNIX)
        self._line.connect(address)
        request = json.dumps({"command": list(command), "env": dict(env)}).encode()
        fds = array.array("i", given)
        self._line.sendmsg(
            [_HEAD.pack(len(request))], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)]
        )
        self._line.sendall(request)
        for end in given:
            os.close(end)
        self.pid = _CODE.unpack(_exactly(self._line, _CODE.size))[0]

    def wait(self, timeout: float | None = None) -> int:
        """Waits for the end and returns the exit code, negative for a signal.

        Raises:
            TimeoutError: it still runs after `timeout` seconds.
        """
        if not select.select([self._line], [], [], timeout)[0]:
            raise TimeoutError(f"process {self.pid} still runs after {timeout} s")
        return self._code()

    def poll(self) -> int | None:
        """Returns the exit code, or None while it runs."""
        return self._code() if select.select([self._line], [], [], 0)[0] else None

    def _code(self) -> int:
        """Looks at the exit code without taking it away from other threads that wait for it."""
        flags = socket.MSG_PEEK | socket.MSG_WAITALL
        content = self._line.recv(_CODE.size, flags)
        return _CODE.unpack(content)[1] if len(content) == _CODE.size else -signal.SIGKILL

    def send_signal(self, number: int) -> None:
        """Sends a signal, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


def _ends(*wanted: int) -> tuple[list[int], list[Any]]:
    """Descriptors for the child, and the files that this process keeps of its pipes."""
    given, kept = [], []
    for number, end in enumerate(wanted):
        if end != PIPE:
            given.append(os.dup(end))
            kept.append(None)
            continue
        reader, writer = os.pipe()
        given.append(reader if number == 0 else writer)
        kept.append(os.fdopen(writer, "wb") if number == 0 else os.fdopen(reader, "rb"))
    return given, kept


def _exactly(line: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size:
        part = line.recv(size - len(content))
        if not part:
            raise ConnectionError("the other end is gone")
        content += part
    return content


class _Server:
    """The zygote's side: forks, reaps, and tells each end to whoever asked for the process."""

    def __init__(self, listener: socket.socket, lifeline: socket.socket) -> None:
        self.listener, self.lifeline = listener, lifeline
        self.children: dict[int, socket.socket] = {}
        self.address = listener.getsockname()

    def serve(self) -> None:
        wake, waker = socket.socketpair()
        for end in (wake, waker):
            end.setblocking(False)
        signal.set_wakeup_fd(waker.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        while True:
            ready = select.select([self.listener, self.lifeline, wake], [], [])[0]
            if self.lifeline in ready:
                break
            if wake in ready:
                with contextlib.suppress(BlockingIOError):
                    wake.recv(4096)
                self._reap()
            if self.listener in ready:
                with contextlib.suppress(OSError):
                    self._start(self.listener.accept()[0])
        for pid in self.children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                line = self.children.pop(found[0], None)
                if line is not None:
                    with contextlib.suppress(OSError):
                        line.sendall(_CODE.pack(found[0], os.waitstatus_to_exitcode(found[1])))
                    line.close()

    def _start(self, line: socket.socket) -> None:
        head, fds, _, _ = socket.recv_fds(line, _HEAD.size, 3)
        request = json.loads(_exactly(line, _HEAD.unpack(head)[0]))
        pid = os.fork()
        if pid == 0:
            _become(request["command"], request["env"], fds, self.address)
        self.children[pid] = line
        for end in fds:
            os.close(end)
        with contextlib.suppress(OSError):
            line.sendall(_CODE.pack(pid, 0))


def _become(command: Sequence[str], env: Mapping[str, str], fds: list[int], address: str) -> None:
    """Turns a fresh fork into the process that `command` names; never returns."""
    code = 1
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number, end in enumerate(fds):
            os.dup2(end, number)
        os.closerange(3, 512)
        os.environ.clear()
        os.environ.update(env)
        sys.stdin, sys.stdout, sys.stderr = (
            os.fdopen(number, mode, buffering=1, closefd=False)
            for number, mode in ((0, "r"), (1, "w"), (2, "w"))
        )
        code = _run(command, address)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _run(command: Sequence[str], address: str) -> int:
    """Runs `... -m MODULE ARGUMENTS`, its faults from the environment, its workers from here."""
    from repro.cli import main as drive
    from repro.runner import process, worker

    module = command.index("-m")
    sys.argv = list(command[module + 1 :])
    _feel_faults()
    if command[module + 1] == "repro.runner.worker":
        worker.main(worker._arguments())
        return 0

    start = functools.partial(Started, address)
    process.subprocess = SimpleNamespace(Popen=start, PIPE=PIPE)  # type: ignore[attr-defined]
    return drive(sys.argv[1:])


def _feel_faults() -> None:
    """Sets this process's file size limit and clock as the environment says."""
    if limit := os.environ.get("CAMPAIGN_FILE_SIZE"):
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    if jump := os.environ.get("CAMPAIGN_CLOCK"):
        seconds, calls = jump.split(",")
        _move_clock(float(seconds), int(calls))


def _move_clock(seconds: float, calls: int) -> None:
    """From the given call on, lets every reading of the wall clock be off by `seconds`."""
    from datetime import datetime, timedelta, tzinfo

    from repro.runner import failures, locking, provenance

    real, real_ns, count = time.time, time.time_ns, 0

    def off() -> float:
        nonlocal count
        count += 1
        return seconds if count > calls else 0.0

    class Moved(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + timedelta(seconds=off())

    time.time = lambda: real() + off()
    time.time_ns = lambda: real_ns() + int(off() * 1e9)
    for module in (failures, locking, provenance):
        module.datetime = Moved  # type: ignore[attr-defined]
