"""Checksums of files, taken over the decompressed bytes where mirrors compress differently."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from repro.data.atomic import replacing
from repro.errors import DataError

Algorithm = Literal["sha256", "md5"]


@dataclass(frozen=True)
class Checksum:
    """What a file must hash to: algorithm, hex digest, and whether the file is gunzipped first."""

    algorithm: Algorithm
    digest: str
    decompress: bool

    def problem(self, path: Path) -> str | None:
        """Says why the file at `path` is not the one meant, or None if it is."""
        try:
            found = self._digest(path)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            return f"not a whole gzip file ({error})"
        if found != self.digest:
            return f"{self.algorithm} {found[:12]}… is not the {self.digest[:12]}… expected"
        return None

    def held_to(self, place: Path) -> Checksum:
        """What holds a copy that is to stand at `place`: this."""
        return self

    def _digest(self, path: Path) -> str:
        with gzip.open(path) if self.decompress else path.open("rb") as file:
            return hashlib.file_digest(file, self._new).hexdigest()

    def _new(self) -> hashlib._Hash:
        return hashlib.new(self.algorithm, usedforsecurity=False)

    def __str__(self) -> str:
        """The checksum as a reader would look it up."""
        bytes_meant = "decompressed " if self.decompress else ""
        return f"{self.algorithm} of the {bytes_meant}bytes: {self.digest}"


@dataclass(frozen=True)
class FirstSeen:
    """What holds a file for which no checksum is published: what it had when it was fetched.

    That digest is kept beside the file, in `<file>.sha256`. A file placed by hand has none and is
    taken as it is.
    """

    def problem(self, path: Path) -> str | None:
        """Says why the file at `path` is not the one that was fetched, or None if it is."""
        holds = self.held_to(path)
        return None if isinstance(holds, FirstSeen) else holds.problem(path)

    def held_to(self, place: Path) -> FirstSeen | Recorded:
        """What holds a copy that is to stand at `place`: what was first fetched, if known."""
        note = _note(place)
        return Recorded(note) if note.is_file() else self

    def record(self, path: Path) -> None:
        """Keeps the digest of the file at `path`, as `sha256sum` would write it."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        with replacing(_note(path)) as partial:
            partial.write_text(f"{digest}  {path.name}\n")

    def __str__(self) -> str:
        """What there is to look up: nothing."""
        return "no published checksum; that of the first download is kept"


@dataclass(frozen=True)
class Recorded:
    """The digest that an earlier download has left in a note."""

    note: Path

    def problem(self, path: Path) -> str | None:
        """Says why the file at `path` is not the one that was fetched then, or None if it is."""
        digest = self.note.read_text().split()[0]
        found = Checksum("sha256", digest, decompress=False).problem(path)
        remedy = f"that of the first download; if the file was published anew, delete {self.note}"
        return f"{found}, {remedy}" if found else None


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def read_checksum(entry: Mapping[str, object], decompress: bool) -> Checksum | FirstSeen:
    """The checksum that a registry entry names, sha256 before md5, or `first_seen: true`.

    Raises:
        DataError: if the entry has neither.
    """
    if "sha256" in entry:
        return Checksum("sha256", str(entry["sha256"]).lower(), decompress)
    if "md5" in entry:
        return Checksum("md5", str(entry["md5"]).lower(), decompress)
    if entry.get("first_seen") is True:
        return FirstSeen()
    raise DataError(
        f"the data set entry {entry} has no checksum; add its sha256, or first_seen: true where"
        " none is published"
    )
