"""Writes the store's files, which are either whole or not there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from repro import atomic
from repro.errors import StoreError


def write_atomic(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Replaces `path` by what `write` writes, in one step and durably.

    Raises:
        StoreError: The folder or the file cannot be written.
    """
    try:
        atomic.write_atomic(path, write)
    except OSError as error:
        raise StoreError(
            f"Cannot write {path} ({error}). Free some space or correct the folder's "
            "permissions, then run the same command again."
        ) from error
