"""Data files that appear whole or not at all, with a clear word when their place is wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from repro import atomic
from repro.errors import DataError


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A unique path beside `target` to write to, which becomes `target` when the block succeeds.

    Raises:
        DataError: if `target` is a folder, or its folder is missing or cannot be written to.
    """
    _check_place(target)
    with atomic.replacing(target) as partial:
        yield partial


def _check_place(target: Path) -> None:
    if not target.parent.is_dir():
        raise DataError(
            f"cannot write {target}: the folder {target.parent} does not exist; "
            "make it first or choose another path"
        )
    if not os.access(target.parent, os.W_OK):
        raise DataError(
            f"cannot write {target}: no leave to write in {target.parent}; "
            "change its permissions or choose another path"
        )
    if target.is_dir():
        raise DataError(f"cannot write {target}: it is a folder; choose a file name inside it")
