"""Downloads from a server that breaks off, changes its mind or lies, and from none at all."""

from __future__ import annotations

import hashlib
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from repro import atomic
from repro.data import mirrors
from repro.data.checksums import Checksum
from repro.data.mirrors import BREAKS, download
from repro.data.registry import Archive, DataFile, Dataset, fetch
from repro.errors import DataError

CONTENT = bytes(range(256)) * 400
SHA = hashlib.sha256(CONTENT).hexdigest()


class _Moody(BaseHTTPRequestHandler):
    """Sends at most `room` bytes a request; knows ranges if `ranges`; tags its file `tag`."""

    content, room, ranges, tag = CONTENT, 1 << 30, True, ""
    asked: list[str | None] = []  # noqa: RUF012 - set anew for each test

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.asked.append(wanted)
        start = 0
        unchanged = self.headers.get("If-Range") in (None, self.tag)
        if wanted and self.ranges and unchanged:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        body = self.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        if self.tag:
            self.send_header("ETag", self.tag)
        self.end_headers()
        self.wfile.write(body[: self.room])
        self.after()

    def after(self) -> None:
        """Does nothing."""

    def log_message(self, *words: object) -> None:
        """Logs nothing."""


@pytest.fixture
def moody(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[type[_Moody], str]]:
    """The server's handler, to be told how to behave, and its address."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(mirrors, "CHUNK_BYTES", 1000)
    handler = type("Handler", (_Moody,), {"asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield handler, f"http://127.0.0.1:{server.server_address[1]}/file"
        server.shutdown()
        thread.join()


def _get(url: str, folder: Path, **options: Any) -> Path:
    target = folder / "file"
    download([url], target, Checksum("sha256", SHA, False), "place by hand", **options)
    return target


def _left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_download_that_breaks_off_goes_on_from_there(
    moody: tuple[type[_Moody], str], tmp_path: Path
) -> None:
    handler, url = moody
    handler.room = 40_000
    calls: list[tuple[int, int]] = []
    target = _get(url, tmp_path, progress=lambda name, done, total: calls.append((done, total)))
    assert target.read_bytes() == CONTENT
    assert handler.asked == [None, "bytes=40000-", "bytes=80000-"]
    assert {total for _, total in calls} == {len(CONTENT)}
    assert calls[-1][0] == len(CONTENT)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    assert _left(tmp_path) == ["file"]


def test_a_server_without_ranges_is_asked_for_the_whole_again(
    moody: tuple[type[_Moody], str], tmp_path: Path
) -> None:
    handler, url = moody
    handler.ranges, handler.room = False, 40_000
    handler.after = lambda self: setattr(handler, "room", 1 << 30)  # type: ignore[method-assign]
    assert _get(url, tmp_path).read_bytes() == CONTENT
    assert handler.asked == [None, "bytes=40000-"]


def test_a_file_that_changed_meanwhile_is_not_patched_together(
    moody: tuple[type[_Moody], str], tmp_path: Path
) -> None:
    handler, url = moody
    handler.content, handler.room, handler.tag = b"?" * len(CONTENT), 40_000, '"old"'

    def renew(self: _Moody) -> None:
        handler.content, handler.room, handler.tag = CONTENT, 1 << 30, '"new"'

    handler.after = renew  # type: ignore[method-assign]
    assert _get(url, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("room", [0, 5000])
def test_a_mirror_that_keeps_breaking_off_is_given_up_and_nothing_left(
    moody: tuple[type[_Moody], str], tmp_path: Path, room: int
) -> None:
    handler, url = moody
    handler.room = room
    with pytest.raises(DataError, match=rf"(?s)no mirror.*{url}: .*place by hand"):
        _get(url, tmp_path)
    assert len(handler.asked) == (BREAKS + 1 if room else 1)
    assert _left(tmp_path) == []


def test_a_truncated_file_and_a_wrong_one_leave_nothing(
    moody: tuple[type[_Moody], str], tmp_path: Path
) -> None:
    handler, url = moody
    for content in (CONTENT[:-1], CONTENT[::-1]):
        handler.content = content
        with pytest.raises(DataError, match=r"(?s)sha256 .* is not the .*place by hand"):
            _get(url, tmp_path)
        assert _left(tmp_path) == []


def test_without_a_network_each_mirror_is_named(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/file"
    with pytest.raises(DataError, match=rf"(?s){url}: .*place by hand"):
        _get(url, tmp_path)
    assert _left(tmp_path) == []


@pytest.fixture
def little_room() -> Iterator[None]:
    """No file of this process may grow beyond 50 kB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_takes_no_more_is_one_error_and_the_old_file_stays(
    moody: tuple[type[_Moody], str], tmp_path: Path, little_room: None
) -> None:
    _, url = moody
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(DataError, match=r"cannot write .*too large.*set paths\.data"):
        _get(url, tmp_path)
    assert (tmp_path / "file").read_bytes() == b"old"
    assert _left(tmp_path) == ["file"]


def _dataset(url: str, archive: Archive | None = None) -> Dataset:
    file = DataFile("set/file", Checksum("sha256", SHA, False), (url,))
    return Dataset("tiny", "", "", (file,), archive)


def test_offline_asks_nobody_and_says_where_files_belong(
    moody: tuple[type[_Moody], str], tmp_path: Path
) -> None:
    handler, url = moody
    dataset = _dataset(url)
    with pytest.raises(DataError, match=rf"(?s)offline.*{tmp_path / 'set' / 'file'}"):
        fetch(dataset, tmp_path, offline=True)
    assert (handler.asked, _left(tmp_path)) == ([], [])
    fetch(dataset, tmp_path)
    assert fetch(dataset, tmp_path, offline=True) == []


def test_what_a_killed_download_left_is_swept_and_a_living_one_s_is_not(
    moody: tuple[type[_Moody], str], tmp_path: Path
) -> None:
    (tmp_path / "set").mkdir()
    child = [sys.executable, "-c", "import os; print(os.getpid())"]
    dead = int(subprocess.run(child, capture_output=True, check=True).stdout)
    mine = atomic.partial_name("file")
    theirs = mine.replace(f"-{os.getpid()}-", f"-{dead}-")
    for name in (mine, theirs):
        (tmp_path / "set" / name).write_bytes(b"half")
    (tmp_path / theirs).mkdir()
    (tmp_path / theirs / "archive").write_bytes(b"half")
    fetch(_dataset(moody[1]), tmp_path)
    assert _left(tmp_path / "set") == sorted([mine, "file"])
    assert _left(tmp_path) == ["set"]


def test_a_damaged_archive_leaves_nothing(moody: tuple[type[_Moody], str], tmp_path: Path) -> None:
    archive = Archive((moody[1],), Checksum("sha256", "0" * 64, False))
    with pytest.raises(DataError, match="no mirror gave a good copy"):
        fetch(_dataset(moody[1], archive), tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
