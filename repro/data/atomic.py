"""Data files that appear whole or not at all, with a clear word when their place is wrong."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from repro import atomic
from repro.errors import DataError


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A unique path beside `target` to write to, which becomes `target` when the block succeeds.

    Raises:
        DataError: if `target` is a folder, its folder is missing or cannot be written to, or the
            disk takes no more; `target` is then as before.
    """
    _check_place(target)
    try:
        with atomic.replacing(target) as partial:
            yield partial
    except OSError as error:
        raise DataError(
            f"cannot write {target} ({error.strerror or error}); make room or choose another "
            "folder (for downloads: set paths.data)"
        ) from error


@contextmanager
def passing(folder: Path) -> Iterator[Path]:
    """A unique folder inside `folder` that is gone when the block ends.

    Raises:
        DataError: if it cannot be made.
    """
    made = folder / atomic.partial_name("unpacking")
    try:
        made.mkdir()
        yield made
    except OSError as error:
        raise DataError(
            f"cannot make {made} ({error.strerror or error}); make room or set paths.data"
        ) from error
    finally:
        shutil.rmtree(made, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Deletes the temporary files and folders in `folder` whose writers are provably dead."""
    for path in folder.glob(".*.tmp"):
        if not atomic.abandoned(path):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _check_place(target: Path) -> None:
    if not target.parent.is_dir():
        raise DataError(
            f"cannot write {target}: the folder {target.parent} does not exist; "
            "make it first or choose another path"
        )
    if not os.access(target.parent, os.W_OK):
        raise DataError(
            f"cannot write {target}: no permission to write in {target.parent}; "
            "change its permissions or choose another path"
        )
    if target.is_dir():
        raise DataError(f"cannot write {target}: it is a folder; choose a file name inside it")
