"""Downloads that try one mirror after another and keep only what passes its checksum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from repro.data.atomic import replacing
from repro.data.checksums import Checksum, FirstSeen, Recorded
from repro.errors import DataError

Progress = Callable[[str, int, int], None]  # file name, bytes so far, bytes in all (0: unknown)

CHUNK_BYTES = 1 << 16
TIMEOUT_SECONDS = 30
BREAKS = 5  # how often a mirror may break off before the next one is asked


class _MirrorFailed(Exception):
    """Why one mirror gave no usable copy."""


def quiet(name: str, done: int, total: int) -> None:
    """Reports no progress."""


def download(
    urls: Sequence[str],
    target: Path,
    checksum: Checksum | FirstSeen,
    by_hand: str,
    progress: Progress = quiet,
) -> None:
    """Puts at `target` the first copy that passes `checksum`, trying the mirrors in order.

    A mirror that breaks off is asked for the rest.

    Args:
        urls: the mirrors, best first.
        target: where the file belongs; its folder exists.
        checksum: what the copy must hash to.
        by_hand: how to do without the mirrors, the last words of the error.
        progress: called with the file's name, the bytes so far and the bytes in all.

    Raises:
        DataError: if no mirror has a good copy (it names each mirror tried and what was wrong) or
            the copy cannot be written. Nothing of it is then left.
    """
    failures = []
    holds = checksum.held_to(target)  # asked of where it belongs: a copy has no past
    for url in urls:
        try:
            with replacing(target) as partial:
                _copy(url, partial, _Meter(target.name, progress))
                _check(partial, holds)
        except _MirrorFailed as reason:
            failures.append(f"\n  {url}: {reason}")
        else:
            return
    raise DataError(f"no mirror gave a good copy of {target.name}:{''.join(failures)}\n{by_hand}")


def _check(partial: Path, checksum: Checksum | FirstSeen | Recorded) -> None:
    problem = checksum.problem(partial)
    if problem:
        raise _MirrorFailed(problem)


def _copy(url: str, partial: Path, meter: _Meter) -> None:
    """Fetches a file, going on from where a connection broke."""
    with partial.open("wb") as file:
        part = _Part(file)
        for breaks in range(BREAKS + 1):
            before = file.tell()
            try:
                part.fetch(url, meter)
            except _MirrorFailed:
                if breaks == BREAKS or file.tell() <= before:
                    raise
            else:
                return


class _Part:
    """A file that grows by as many requests as it takes, each for what is still missing."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._version = ""  # the server's tag: a file that changed meanwhile is fetched anew

    def fetch(self, url: str, meter: _Meter) -> None:
        import pooch  # brings an HTTP client that nothing but a download needs

        # Identity encoding: a client that gunzips on the way would store a .gz that is none.
        headers = {"Accept-Encoding": "identity", "Connection": "close"}
        have = self._file.tell()
        if have:
            headers |= {"Range": f"bytes={have}-", **self._unchanged()}
        request = pooch.HTTPDownloader(
            progressbar=meter,
            chunk_size=CHUNK_BYTES,
            timeout=TIMEOUT_SECONDS,
            headers=headers,
            hooks={"response": lambda response, **_: self._begin(response, meter)},
        )
        try:
            request(url, self._file, None)
        except OSError as error:
            if error.errno is not None:  # this machine's disk; the HTTP client's errors carry none
                raise
            raise _MirrorFailed(_first_line(error)) from error

    def _unchanged(self) -> dict[str, str]:
        return {"If-Range": self._version} if self._version else {}

    def _begin(self, response: Any, meter: _Meter) -> None:  # noqa: ANN401 - the client's own type
        """Starts the file anew where the server sends the whole of it."""
        if response.status_code == 200:
            self._file.seek(0)
            self._file.truncate()
            self._version = response.headers.get("ETag", "")
        meter.starts_at(self._file.tell())


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0][:160]


class _Meter:
    """The progress bar that pooch asks for, passing bytes on to a plain function."""

    def __init__(self, name: str, report: Progress) -> None:
        self.total = 0  # of the request; pooch sets it
        self._name = name
        self._report = report
        self._start = self._done = 0

    def starts_at(self, count: int) -> None:
        """Takes note that `count` bytes of the file are there before the request."""
        self._start, self._done = count, 0

    def update(self, count: int) -> None:
        self._done += count
        if self.total:
            self._done = min(self._done, self.total)
        self._report(self._name, self._start + self._done, self.total and self._start + self.total)

    def reset(self) -> None:
        """Starts the count anew, as pooch does before it reports a full bar."""
        if self.total:
            self._done = 0

    def close(self) -> None:
        """Ends the bar; there is nothing to tidy."""
