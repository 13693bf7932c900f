"""The open submissions of a scale, kept on disk so that any later command finds them again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from repro.errors import StoreError
from repro.jobs import Job
from repro.runner.atomic import write_atomic
from repro.runner.locking import locked
from repro.runner.paths import StorePaths
from repro.runner.protocol import pairs


@dataclass(frozen=True)
class Submission:
    """A task that Slurm was given: its id (`12_0`), its job and which try at it this is.

    `when` is the time of the submission in seconds since 1970.
    """

    id: str
    job: Job
    tries: int = 1
    when: float = 0.0


@dataclass(frozen=True)
class Submissions:
    """The list of one scale; whoever changes it holds its lock."""

    paths: StorePaths

    @property
    def _file(self) -> Path:
        return self.paths.root / "slurm" / "submissions.json"

    @contextmanager
    def held(self) -> Iterator[None]:
        """The right to submit and to change the list.

        Raises:
            StoreError: another process kept it for too long.
        """
        with locked(self.paths.lock_root / "slurm.lock", timeout=600.0):
            yield

    def read(self) -> list[Submission]:
        """The open submissions, oldest first.

        Raises:
            StoreError: the list cannot be read.
        """
        try:
            found = json.loads(self._file.read_text())
            return [_submission(entry) for entry in found]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"Cannot read {self._file} ({error}). Delete it: what was submitted goes on, and "
                "the next run submits anew what has no row by then."
            ) from error

    def add(self, fresh: Sequence[Submission]) -> None:
        """Adds submissions; for holders of the lock.

        Raises:
            StoreError: the list cannot be written.
        """
        self._write([*self.read(), *fresh])

    def close(self, ids: Sequence[str]) -> None:
        """Takes submissions off the list that have come to an end.

        Raises:
            StoreError: the list cannot be locked, read or written.
        """
        with self.held():
            self.drop(ids)

    def drop(self, ids: Sequence[str]) -> None:
        """As `close`, for holders of the lock.

        Raises:
            StoreError: the list cannot be read or written.
        """
        if ids:
            self._write([one for one in self.read() if one.id not in ids])

    def _write(self, listed: Sequence[Submission]) -> None:
        content = json.dumps([asdict(one) for one in listed]).encode()
        write_atomic(self._file, lambda file: file.write(content))


def _submission(entry: dict[str, Any]) -> Submission:
    job = entry["job"]
    known = Job(**{**job, "seeds": pairs(job["seeds"])})
    return Submission(entry["id"], known, entry["tries"], entry["when"])
