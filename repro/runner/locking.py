"""Locks and claims: file locks that the system frees when their process ends, however it ends.

A lock lives in a file of its own that is never deleted: deleting it would let a second process
lock a new file of the same name while the first still holds the old one.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import portalocker

from repro.errors import StoreError

PATIENCE = 60.0  # seconds that a writer waits for another writer
_POLL = 0.02  # seconds between two attempts
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}
_FLAGS = portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING
_held: dict[int, portalocker.Lock[IO[str]]] = {}


@dataclass(frozen=True)
class Holder:
    """The process that took a lock, and when (UTC)."""

    pid: int
    host: str
    since: str

    def __str__(self) -> str:
        """Returns the words that messages use."""
        return f"process {self.pid} on {self.host} (since {self.since})"

    def alive(self) -> bool:
        """Returns False where the process is known to be gone; another host's count as alive."""
        if self.host != socket.gethostname():
            return True
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


def holder(path: Path) -> Holder | None:
    """Returns who holds the lock file `path`, as far as it says; None where nobody seems to."""
    try:
        found = Holder(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return found if found.alive() else None


def _sign(file: IO[str]) -> None:
    """Writes who holds the lock into it; a full disk leaves it nameless, but no less locked."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    name = json.dumps(asdict(Holder(os.getpid(), socket.gethostname(), now))).encode()
    with suppress(OSError):
        os.ftruncate(file.fileno(), 0)
        os.write(file.fileno(), name)


def _no_locks(path: Path, reason: object) -> StoreError:
    return StoreError(
        f"The filesystem of {path.parent} offers no working file locks ({reason}), and without "
        "them two runners could store a row twice. Put the lock files where locks work and all "
        "runners see them (paths.locks=FOLDER), or the results on a local disk "
        "(paths.results=FOLDER), or have the network filesystem mounted with lock support (NFS: "
        "a running lock service and no `nolock`; Lustre: `flock`)."
    )


def _explain(path: Path, error: Exception) -> StoreError:
    cause = error if isinstance(error, OSError) else next(iter(error.args), None)
    if isinstance(cause, OSError) and cause.errno in _NO_LOCKS:
        return _no_locks(path, cause.strerror)
    return StoreError(
        f"Cannot use the lock file {path} ({cause or error}). Make its folder writable or choose "
        "another one for the locks (paths.locks=FOLDER) or the results (paths.results=FOLDER)."
    )


def _acquire(path: Path, timeout: float) -> portalocker.Lock[IO[str]] | None:
    """Returns the lock, or None where another holds it until `timeout` seconds have passed."""
    lock = portalocker.Lock(
        str(path), "a+", timeout=timeout, check_interval=_POLL, flags=_FLAGS, encoding="utf-8"
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = lock.acquire(fail_when_locked=timeout <= 0)
        _held[id(lock)] = lock
        _sign(file)
    except portalocker.AlreadyLocked:
        return None
    except (portalocker.LockException, OSError) as error:
        _release(lock)
        raise _explain(path, error) from error
    return lock


def _release(lock: portalocker.Lock[IO[str]]) -> None:
    _held.pop(id(lock), None)
    if lock.fh is not None:
        with suppress(OSError):
            lock.fh.truncate(0)
        lock.release()


def _forget_in_child() -> None:
    """Closes, in a forked child, the parent's locks: they must end with the parent."""
    for lock in _held.values():
        file, lock.fh = lock.fh, None
        if file is not None:
            file.close()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)


@contextmanager
def locked(path: Path, timeout: float = PATIENCE) -> Iterator[None]:
    """Holds the lock file `path`, waiting up to `timeout` seconds for it.

    Raises:
        StoreError: Another process kept it for all that time, or it cannot be locked at all.
    """
    lock = _acquire(path, timeout)
    if lock is None:
        raise StoreError(
            f"{path} was still held after {timeout:g} s by {holder(path) or 'another process'}. "
            "Run the same command again once that process has ended; stop it if it hangs. "
            "Do not delete the lock file."
        )
    try:
        yield
    finally:
        _release(lock)


class Claim:
    """The right to do a piece of work, held until `release` or until the process ends."""

    def __init__(self, lock: portalocker.Lock[IO[str]]) -> None:
        """Keeps a lock that has been taken."""
        self._lock = lock

    def release(self) -> None:
        """Gives the claim back; a second call does nothing."""
        _release(self._lock)

    def __enter__(self) -> Claim:
        """Returns the claim itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Gives the claim back."""
        self.release()


def claim(path: Path) -> Claim | None:
    """Takes the claim `path` without waiting; None where another process holds it.

    Raises:
        StoreError: The lock file cannot be locked at all.
    """
    lock = _acquire(path, timeout=0.0)
    return None if lock is None else Claim(lock)


_PROBE = """
import sys
from pathlib import Path
from repro.runner.locking import claim
print("begun", flush=True)
first, second = claim(Path(sys.argv[1])), claim(Path(sys.argv[1]))
sys.exit(4 if first is None else 0 if second is None else 3)
"""


def _abandon(process: subprocess.Popen[str]) -> None:
    """Kills a process, but does not wait for one that hangs in the system."""
    process.kill()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=1.0)


def check_locks(folder: Path, deadline: float = 30.0) -> None:
    """Tries a lock in `folder` from a process of its own, because a lock can hang for ever on NFS.

    The deadline counts from the attempt: on a busy machine a process may take long to start.

    Raises:
        StoreError: Locks are refused, hang, or are granted twice.
    """
    path = folder / f"probe-{uuid.uuid4().hex[:12]}.lock"
    process = subprocess.Popen(
        [sys.executable, "-c", _PROBE, str(path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert process.stdout is not None
    process.stdout.readline()  # it has begun, or is gone
    try:
        _, complaint = process.communicate(timeout=deadline)
    except subprocess.TimeoutExpired:
        _abandon(process)
        raise _no_locks(path, f"no answer within {deadline:g} s") from None
    with suppress(OSError):
        path.unlink()
    if process.returncode == 4:
        raise _no_locks(path, "a lock that nobody holds was refused")
    if process.returncode == 3:
        raise _no_locks(path, "one lock was granted twice")
    if process.returncode != 0:
        last = (complaint.strip().splitlines() or ["The lock probe failed."])[-1]
        raise StoreError(last.removeprefix(f"{StoreError.__module__}.{StoreError.__name__}: "))
