"""What a result file holds, kept in memory: only what has been appended since is read again."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from repro.jobs import SeedPair
from repro.runner.rows import Parsed, key_of, parse

_TAIL = 256  # bytes before the known end that must be as they were
Signature = tuple[int, int, int]  # inode, size and modification time in nanoseconds


@dataclass
class RowIndex:
    """The status of every row of one file, up to the end of its last whole line.

    `read` takes in what is new. A file that is another one, is shorter, or differs just before
    the known end is read from its beginning.
    """

    path: Path
    statuses: dict[str, dict[SeedPair, str]] = field(default_factory=dict)
    stale: int = 0
    end: int = 0  # bytes of whole lines that are in `statuses`
    lines: int = 0
    _tail: bytes = b""
    _inode: int = 0
    _signature: Signature | None = None

    def unchanged(self) -> bool:
        """Whether the file is as it was when it was last read."""
        return self._signature == signature(self.path)

    def read(self) -> bytes:
        """Takes in the lines that are new and returns the torn last line, empty where none is.

        Raises:
            StoreError: A finished line is not a row.
            OSError: The file cannot be read.
        """
        before = signature(self.path)
        try:
            with self.path.open("rb") as file:
                self._keep_if_same(file.fileno())
                file.seek(self.end)
                content = file.read()
        except FileNotFoundError:
            self._forget()
            content = b""
        parsed = parse(content, self.path, first=self.lines + 1)
        self._take(parsed, content)
        self._signature = before
        return parsed.torn

    def _keep_if_same(self, handle: int) -> None:
        found = os.fstat(handle)
        tail = b""
        if found.st_ino == self._inode and found.st_size >= self.end:
            tail = os.pread(handle, len(self._tail), self.end - len(self._tail))
        if found.st_ino != self._inode or found.st_size < self.end or tail != self._tail:
            self._forget()
        self._inode = found.st_ino

    def _forget(self) -> None:
        self.statuses, self.stale, self.end, self.lines = {}, 0, 0, 0
        self._tail = b""

    def _take(self, parsed: Parsed, content: bytes) -> None:
        """Adds rows; a whole last line without its newline counts, but is read again."""
        whole = content.rfind(b"\n") + 1
        for row in parsed.rows:
            key = key_of(row)
            self.statuses.setdefault(key.id, {}).setdefault(key.seeds, row["status"])
        ended = len(content) == whole
        self.stale += parsed.stale if ended else _stale_in(content[:whole], self.path)
        self.end += whole
        self.lines += content.count(b"\n")
        self._tail = (self._tail + content[:whole])[-_TAIL:]


def _stale_in(content: bytes, path: Path) -> int:
    return parse(content, path).stale


def signature(path: Path) -> Signature:
    """Returns what changes whenever a file does; zeros where there is none."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_size, found.st_mtime_ns)
