"""Downloads that try one mirror after another and keep only what passes its checksum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from repro.data.atomic import replacing
from repro.data.checksums import Checksum
from repro.errors import DataError

Progress = Callable[[str, int, int], None]  # file name, bytes so far, bytes in all (0: unknown)

CHUNK_BYTES = 1 << 16
TIMEOUT_SECONDS = 30


class _MirrorFailed(Exception):
    """Why one mirror gave no usable copy."""


def quiet(name: str, done: int, total: int) -> None:
    """Reports no progress."""


def download(
    urls: Sequence[str], target: Path, checksum: Checksum, by_hand: str, progress: Progress = quiet
) -> None:
    """Puts at `target` the first copy that passes `checksum`, trying the mirrors in order.

    Args:
        urls: the mirrors, best first.
        target: where the file belongs; its folder exists.
        checksum: what the copy must hash to.
        by_hand: how to do without the mirrors, the last words of the error.
        progress: called with the file's name, the bytes so far and the bytes in all.

    Raises:
        DataError: if no mirror has a good copy; it names each mirror tried and what was wrong.
    """
    failures = []
    for url in urls:
        try:
            _download_from(url, target, checksum, progress)
        except _MirrorFailed as reason:
            failures.append(f"\n  {url}: {reason}")
        else:
            return
    raise DataError(f"no mirror gave a good copy of {target.name}:{''.join(failures)}\n{by_hand}")


def _download_from(url: str, target: Path, checksum: Checksum, progress: Progress) -> None:
    with replacing(target) as partial:
        _copy(url, partial, _Meter(target.name, progress))
        problem = checksum.problem(partial)
        if problem:
            raise _MirrorFailed(problem)


def _copy(url: str, partial: Path, meter: _Meter) -> None:
    import pooch  # brings an HTTP client that nothing but a download needs

    # Identity encoding: a client that gunzips on the way would store a .gz that is none.
    fetch = pooch.HTTPDownloader(
        progressbar=meter,
        chunk_size=CHUNK_BYTES,
        timeout=TIMEOUT_SECONDS,
        headers={"Accept-Encoding": "identity", "Connection": "close"},
    )
    try:
        fetch(url, str(partial), None)
    except OSError as error:
        if error.errno is not None:  # this machine's disk; the HTTP client's errors carry none
            raise _disk_trouble(partial.parent, error) from error
        raise _MirrorFailed(_first_line(error)) from error


def _disk_trouble(folder: Path, error: OSError) -> DataError:
    return DataError(f"cannot write in {folder} ({error.strerror}); make room or set paths.data")


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0][:160]


class _Meter:
    """The progress bar that pooch asks for, passing bytes on to a plain function."""

    def __init__(self, name: str, report: Progress) -> None:
        self.total = 0
        self._name = name
        self._report = report
        self._done = 0

    def update(self, count: int) -> None:
        self._done += count
        if self.total:
            self._done = min(self._done, self.total)
        self._report(self._name, self._done, self.total)

    def reset(self) -> None:
        """Starts the count anew, as pooch does before it reports a full bar."""
        if self.total:
            self._done = 0

    def close(self) -> None:
        """Ends the bar; there is nothing to tidy."""
