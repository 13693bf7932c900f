"""Rows that could not be stored (a full disk, say): kept elsewhere, taken in by the next run.

A spill is a folder `<task>-<unique>` with `rows.jsonl` and the rows' arrays. It appears in one
step, and it goes once its rows are in the store.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from repro.atomic import fsync_folder, partial_name, write_atomic
from repro.errors import StoreError
from repro.runner.paths import StorePaths
from repro.runner.rows import Parsed, key_of, parse

if TYPE_CHECKING:
    from repro.runner.store import Store

_ROWS = "rows.jsonl"


def keep(
    paths: StorePaths, task: str, lines: Sequence[bytes], arrays: Mapping[str, Mapping[str, Any]]
) -> Path:
    """Writes rows, and arrays by file name, to the first spill folder that takes them.

    Raises:
        StoreError: none takes them.
    """
    refusals = []
    for folder in paths.spills:
        try:
            return _keep(folder, task, lines, arrays)
        except OSError as error:
            refusals.append(f"{folder}: {error}")
    raise _nowhere("The rows of a finished job", refusals)


def note(paths: StorePaths, id: str, text: str) -> Path:
    """Writes the text of a failure to the first spill folder that takes it.

    Raises:
        StoreError: none takes it.
    """
    refusals = []
    for folder in paths.spills:
        path = folder / f"failure-{id}-{uuid.uuid4().hex[:8]}.txt"
        try:
            write_atomic(path, lambda file: file.write(text.encode("utf-8", "backslashreplace")))
        except OSError as error:
            refusals.append(f"{folder}: {error}")
        else:
            return path
    raise _nowhere("A failure", refusals)


def waiting(paths: StorePaths) -> list[Path]:
    """Returns the spills that no run has taken in yet, sorted."""
    found = []
    for folder in paths.spills:
        found += [path.parent for path in folder.glob(f"[!.]*/{_ROWS}")]
    return sorted(found)


def count(paths: StorePaths) -> int:
    """Returns how many rows wait in spills."""
    return sum(len(_read(spill).rows) for spill in waiting(paths))


def take_in(store: Store) -> int:
    """Stores what waits in spills, arrays before rows, and returns how many rows that were.

    Another run may do the same at the same time, or have made a row meanwhile: a row is stored
    once all the same, and keeps its own arrays.

    Raises:
        StoreError: the store still cannot be written; the spills stay.
    """
    taken = 0
    for spill in waiting(store.paths):
        rows, arrays = _read(spill).rows, dict(_arrays(spill))
        for row in rows:
            content = arrays.get(Path(row["arrays"] or "").name)
            own = {} if content is None else {row["arrays"]: content}
            taken += not store.append(row["task"], [row], own)
        _drop(spill)
        for id in dict.fromkeys(key_of(row).id for row in rows):
            store.clear_failure(id)
    return taken


def _keep(
    folder: Path, task: str, lines: Sequence[bytes], arrays: Mapping[str, Mapping[str, Any]]
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / partial_name(task)
    try:
        partial.mkdir()
        for name, values in arrays.items():
            write_atomic(partial / name, lambda file, values=values: _save(file, values))  # type: ignore[misc]
        write_atomic(partial / _ROWS, lambda file: file.write(b"".join(lines)))
        target = folder / f"{task}-{uuid.uuid4().hex[:12]}"
        partial.rename(target)
    except OSError:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    fsync_folder(folder)
    return target


def _save(file: Any, values: Mapping[str, Any]) -> None:  # noqa: ANN401 - a binary file
    np.savez_compressed(file, allow_pickle=False, **values)


def _read(spill: Path) -> Parsed:
    path = spill / _ROWS
    try:
        return parse(path.read_bytes(), path)
    except FileNotFoundError:
        return Parsed([], b"")  # another run has just taken it in
    except OSError as error:
        raise StoreError(f"Cannot read {path} ({error}). Correct its permissions.") from error


def _arrays(spill: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(spill.glob("*.npz")):
        try:
            yield path.name, path.read_bytes()
        except FileNotFoundError:
            continue


def _drop(spill: Path) -> None:
    """Takes a spill away; a rename first, so that half of one is never taken for a whole one."""
    gone = spill.with_name(partial_name(spill.name))
    try:
        os.rename(spill, gone)
    except OSError:
        return  # another run was faster, or the folder cannot be written: its rows are stored
    shutil.rmtree(gone, ignore_errors=True)


def _nowhere(what: str, refusals: Sequence[str]) -> StoreError:
    return StoreError(
        f"{what} can be kept nowhere ({'; '.join(refusals)}). Free some space, or name a folder "
        "on another disk with paths.spill=FOLDER, then run the same command again."
    )
