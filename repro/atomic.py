"""Files that appear whole or not at all, and survive a power cut once they are there."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A unique path beside `target` to write to, which becomes `target` when the block succeeds.

    Raises:
        OSError: if the file cannot be written or put in place; `target` is then as before.
    """
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
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


def fsync_folder(folder: Path) -> None:
    """Makes a new name in `folder` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
