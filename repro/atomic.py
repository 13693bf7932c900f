"""Files that appear whole or not at all, and survive a power cut once they are there."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_PARTIAL = re.compile(r"\..+\.(?P<machine>[0-9a-f]{8})-(?P<pid>\d+)-[0-9a-f]{12}\.tmp")


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A unique path beside `target` to write to, which becomes `target` when the block succeeds.

    Raises:
        OSError: if the file cannot be written or put in place; `target` is then as before.
    """
    partial = target.with_name(partial_name(target.name))
    try:
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(partial, target)
        fsync_folder(target.parent)
    finally:
        partial.unlink(missing_ok=True)


def write_atomic(target: Path, write: Callable[[BinaryIO], object]) -> None:
    """Replaces `target` by what `write` writes, making its folder if need be.

    Raises:
        OSError: if the folder or file cannot be written; `target` is then as before.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as partial, partial.open("xb") as file:
        write(file)


def partial_name(name: str) -> str:
    """A unique temporary name for `name`, which tells who writes there: machine and process."""
    return f".{name}.{_machine()}-{os.getpid()}-{uuid.uuid4().hex[:12]}.tmp"


def abandoned(path: Path) -> bool:
    """Whether a temporary file's writer is provably dead: a process of this boot that is gone."""
    found = _PARTIAL.fullmatch(path.name)
    if found is None or found["machine"] != _machine():
        return False
    try:
        os.kill(int(found["pid"]), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


@functools.cache
def _machine() -> str:
    """Eight hex digits for this host, boot and process namespace, in which a pid is unique."""
    facts = [socket.gethostname()]
    for read in (
        lambda: Path("/proc/sys/kernel/random/boot_id").read_text(),
        lambda: os.readlink("/proc/self/ns/pid"),
    ):
        try:
            facts.append(read())
        except OSError:
            facts.append("")
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()[:8]


def fsync_folder(folder: Path) -> None:
    """Makes a new name in `folder` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
