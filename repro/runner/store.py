"""The store: what has been run at one scale. Its readers need neither locks nor torch."""

from __future__ import annotations

import io
import os
import time
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np

from repro.atomic import fsync_folder
from repro.errors import StoreError
from repro.jobs import SeedPair
from repro.runner import failures, spill
from repro.runner.atomic import write_atomic
from repro.runner.failures import Failure
from repro.runner.index import RowIndex
from repro.runner.locking import locked
from repro.runner.paths import StorePaths
from repro.runner.rows import Parsed, Row, RowKey, encode, key_of, parse

_SETTLE = 0.05  # seconds after which a line still unfinished is torn and not just being written


class StoreWarning(UserWarning):
    """Warns of something in a result file that was stepped over."""


class Store:
    """The rows, arrays and failures of one scale, safe under many processes and `kill -9`."""

    def __init__(self, paths: StorePaths) -> None:
        """Names the files; nothing is read or written yet."""
        self.paths = paths
        self._indices: dict[str, RowIndex] = {}

    # -- rows ----------------------------------------------------------------------------------

    def tasks(self) -> list[str]:
        """Returns the tasks that have a result file, sorted."""
        return sorted(path.stem for path in self.paths.root.glob("*.jsonl"))

    def read(self, task: str) -> list[Row]:
        """Returns the task's rows in the order they were stored, one a key.

        A torn last line and a key's later rows are stepped over with a `StoreWarning`.

        Raises:
            StoreError: A finished line is not a row, or the file cannot be read.
        """
        unique: dict[RowKey, Row] = {}
        rows = self._parse(task).rows
        for row in rows:
            unique.setdefault(key_of(row), row)
        if len(unique) < len(rows):
            _warn(
                f"{self.paths.rows(task)} holds {len(rows) - len(unique)} rows for seeds that an "
                "earlier row already has; the first one counts. Delete the others."
            )
        return list(unique.values())

    def append(
        self, task: str, rows: Iterable[Row], arrays: Mapping[str, bytes] | None = None
    ) -> list[RowKey]:
        """Stores rows durably, all or none, and returns the keys it skipped as already there.

        `arrays` holds the .npz files by the names that the rows have for them. They are written
        before the rows, and none for a row that is skipped: its arrays are those of the stored
        one. Numbers that are not finite are stored as null. What a killed writer left of a line
        is cut off first: its row was never stored, so its seed is still missing.

        Raises:
            StoreError: A row is not valid, or the file cannot be locked or written.
        """
        rows, arrays = list(rows), arrays or {}
        lines = [(key_of(row), encode(row, task)) for row in rows]
        if not lines:
            return []
        names = {key_of(row): row["arrays"] for row in rows}
        path = self.paths.rows(task)

        def place(key: RowKey) -> None:
            if (content := arrays.get(names[key])) is not None:
                file = self.paths.arrays / Path(names[key]).name
                write_atomic(file, lambda opened: opened.write(content))

        with locked(self.paths.rows_lock(task)):
            try:
                return _append(self._known(task), lines, place)
            except OSError as error:
                raise StoreError(
                    f"Cannot write {path} ({error}). Free some space or correct the permissions, "
                    "then run the same command again."
                ) from error

    def asked_by_none(self, task: str, asked: Collection[str]) -> dict[str, int]:
        """Returns how many rows each config has that is not among the ids in `asked`.

        Raises:
            StoreError: A finished line is not a row, or the file cannot be read.
        """
        found = self._index(task).statuses.items()
        return {id: len(statuses) for id, statuses in found if id not in asked}

    def stale(self, task: str) -> int:
        """Returns how many rows have an older schema: they are kept, but count no longer.

        Raises:
            StoreError: A finished line is not a row, or the file cannot be read.
        """
        return self._index(task).stale

    def done(self, task: str, id: str) -> dict[SeedPair, str]:
        """Returns the status of every stored seed of a config; fast while the file is unchanged.

        Raises:
            StoreError: A finished line is not a row, or the file cannot be read.
        """
        return dict(self._index(task).statuses.get(id, {}))

    def among(self, task: str, id: str, seeds: Iterable[SeedPair]) -> dict[SeedPair, str]:
        """Returns the status of those of `seeds` that are stored; fast however many others are.

        Raises:
            StoreError: A finished line is not a row, or the file cannot be read.
        """
        statuses = self._index(task).statuses.get(id, {})
        return {pair: statuses[pair] for pair in seeds if pair in statuses}

    def _known(self, task: str) -> RowIndex:
        return self._indices.setdefault(task, RowIndex(self.paths.rows(task)))

    def _index(self, task: str) -> RowIndex:
        index = self._known(task)
        if not index.unchanged():
            self._patiently(index.path, lambda: _readable(index.path, index.read))
        return index

    def _parse(self, task: str) -> Parsed:
        path = self.paths.rows(task)
        parsed = Parsed([], b"")

        def read() -> bytes:
            nonlocal parsed
            parsed = parse(_content(path), path)
            return parsed.torn

        self._patiently(path, read)
        return parsed

    def _patiently(self, path: Path, read: Callable[[], bytes]) -> None:
        """Calls `read` again where a line is just being written; warns of one that is torn."""
        if read():
            time.sleep(_SETTLE)
            if torn := read():
                _warn(
                    f"{path} ends in a torn line ({len(torn)} bytes), left by a writer that "
                    "was killed; it is stepped over, and the next run makes its row anew."
                )

    # -- arrays --------------------------------------------------------------------------------

    def arrays_name(self, id: str, seeds: SeedPair) -> str:
        """Returns what a row calls its arrays: their path relative to the scale's folder."""
        return self.paths.arrays_of(id, seeds).relative_to(self.paths.root).as_posix()

    def load_arrays(self, row: Row) -> dict[str, np.ndarray]:
        """Returns the arrays of a row, by name.

        Raises:
            StoreError: The row kept none, or its file is missing, damaged or out of the store.
        """
        key = key_of(row)
        path = self.paths.root / (row["arrays"] or "")
        inside = path.resolve().is_relative_to(self.paths.root.resolve())
        if row["arrays"] is None or not inside:
            raise self._no_arrays(key, row["task"], "the row names no file in the store")
        try:
            with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        except Exception as error:  # zip, zlib, numpy and the system each have their own
            raise self._no_arrays(key, row["task"], f"{path}: {error}") from error

    def _no_arrays(self, key: RowKey, task: str, reason: str) -> StoreError:
        return StoreError(
            f"The arrays of {key.id} with seeds {key.seeds.data_seed}/{key.seeds.model_seed} "
            f"cannot be loaded ({reason}). Copy them from where the row was made, or delete "
            f"the row from {self.paths.rows(task)} and run it again with arrays kept."
        )

    # -- failures ------------------------------------------------------------------------------

    def record_failure(
        self,
        id: str,
        seeds: Sequence[SeedPair],
        traceback_text: str,
        *,
        task: str,
        details: Mapping[str, str] | None = None,
    ) -> Path:
        """Adds a failed attempt to the config's failure file and returns the file.

        Where that cannot be written, the text goes to a file of its own in a spill folder.

        Raises:
            StoreError: Neither can be written.
        """
        text = failures.render(Failure(task, tuple(seeds), traceback_text, details=details or {}))
        try:
            return self._add_failure(self.paths.failure(id), self.paths.failure_lock(id), text)
        except StoreError:
            return spill.note(self.paths, id, text)

    def _add_failure(self, path: Path, lock: Path, text: str) -> Path:
        with locked(lock):
            before = _content(path)
            gap = b"\n" if before and not before.endswith(b"\n") else b""
            content = before + gap + text.encode("utf-8", "backslashreplace")
            write_atomic(path, lambda file: file.write(content))
        return path

    def failures(self, id: str) -> list[Failure]:
        """Returns the recorded failures of a config, oldest first."""
        return failures.parse(_content(self.paths.failure(id)).decode("utf-8", "replace"))

    def failed(self, id: str) -> set[SeedPair]:
        """Returns the seeds of a config that have failed and still have no row."""
        seeds = failures.all_seeds(self.failures(id))
        return {pair for task, pair in seeds if pair not in self.done(task, id)}

    def clear_failure(self, id: str) -> bool:
        """Deletes the failure file once every seed in it has a row; returns whether none is left.

        Raises:
            StoreError: The file cannot be locked.
        """
        path = self.paths.failure(id)
        if not path.exists():
            return True
        with locked(self.paths.failure_lock(id)):
            if self.failed(id):
                return False
            path.unlink(missing_ok=True)
            return True


def _warn(message: str) -> None:
    warnings.warn(message, StoreWarning, stacklevel=4)


def _readable(path: Path, read: Callable[[], bytes]) -> bytes:
    try:
        return read()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise StoreError(f"Cannot read {path} ({error}). Correct its permissions.") from error


def _content(path: Path) -> bytes:
    return _readable(path, path.read_bytes)


def packed(arrays: Mapping[str, Any]) -> bytes:
    """Returns arrays by name as the content of an .npz file."""
    content = io.BytesIO()
    values = {name: np.asarray(value) for name, value in arrays.items()}
    np.savez_compressed(content, allow_pickle=False, **values)
    return content.getvalue()


def _append(
    index: RowIndex, lines: list[tuple[RowKey, bytes]], place: Callable[[RowKey], None]
) -> list[RowKey]:
    """Writes the new ones among `lines` under the lock that the caller holds.

    `place` is called for each of them before any is written.
    """
    path = index.path
    path.parent.mkdir(parents=True, exist_ok=True)
    new_file = not path.exists()
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
    try:
        torn = index.read()
        fresh: dict[RowKey, bytes] = {}
        skipped: list[RowKey] = []
        for key, line in lines:
            if key.seeds in index.statuses.get(key.id, {}) or key in fresh:
                skipped.append(key)
            else:
                fresh[key] = line
        size = os.fstat(handle).st_size - len(torn)
        gap = b"\n" if size > index.end else b""  # after a whole line that lacks its newline
        for key in fresh:
            place(key)
        if fresh:
            _write_whole(handle, gap + b"".join(fresh.values()), size)
    finally:
        os.close(handle)
    if new_file:
        fsync_folder(path.parent)
    return skipped


def _write_whole(handle: int, content: bytes, size: int) -> None:
    """Appends `content` to the first `size` bytes in one write; takes it back if it fails."""
    os.ftruncate(handle, size)
    with ExitStack() as undo:
        undo.callback(_cut, handle, size)
        written = os.write(handle, content)
        if written < len(content):
            raise OSError(f"only {written} of {len(content)} bytes fitted")
        os.fsync(handle)
        undo.pop_all()


def _cut(handle: int, size: int) -> None:
    with suppress(OSError):
        os.ftruncate(handle, size)
