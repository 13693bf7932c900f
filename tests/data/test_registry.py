"""The registry against a real web server on this machine."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import os
import socket
import tarfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pooch
import pytest
from omegaconf import OmegaConf

from repro.data.checksums import FirstSeen
from repro.data.registry import Dataset, check, fetch, load_registry, read_idx
from repro.errors import DataError

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "conf" / "datasets.yaml"
SHARED = ROOT.parent / "shared" / "data"
CONTENT = bytes(range(256)) * 400


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        """Logs nothing."""


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    """A folder and the address that serves it."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def dead() -> str:
    """An address that refuses connections."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/file"


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _dataset(tmp_path: Path, entry: dict[str, Any]) -> Dataset:
    listing = tmp_path / "datasets.yaml"
    listing.write_text(OmegaConf.to_yaml({"tiny": {"description": "d", "licence": "l"} | entry}))
    return load_registry(listing)["tiny"]


def _one_file(tmp_path: Path, path: str, urls: list[str], sha256: str) -> Dataset:
    return _dataset(tmp_path, {"files": [{"path": path, "urls": urls, "sha256": sha256}]})


def _states(dataset: Dataset, root: Path) -> list[str]:
    return [file.state for file in check(dataset, root)]


def test_a_good_mirror_fills_the_root_and_is_not_asked_again(
    served: tuple[Path, str], tmp_path: Path
) -> None:
    folder, address = served
    (folder / "a.bin").write_bytes(CONTENT)
    dataset = _one_file(tmp_path, "deep/a.bin", [f"{address}/a.bin"], _sha(CONTENT))
    root = tmp_path / "root"
    assert _states(dataset, root) == ["missing"]
    assert fetch(dataset, root) == [root / "deep" / "a.bin"]
    assert _states(dataset, root) == ["present"]
    assert [p.name for p in (root / "deep").iterdir()] == ["a.bin"]
    (folder / "a.bin").unlink()
    assert fetch(dataset, root) == []


def test_dead_absent_and_damaged_mirrors_fall_to_the_next(
    served: tuple[Path, str], dead: str, tmp_path: Path
) -> None:
    folder, address = served
    (folder / "bad").write_bytes(CONTENT[:-1])
    (folder / "good").write_bytes(CONTENT)
    urls = [dead, f"{address}/absent", f"{address}/bad", "no address", f"{address}/good"]
    dataset = _one_file(tmp_path, "a.bin", urls, _sha(CONTENT))
    fetch(dataset, tmp_path / "root")
    assert (tmp_path / "root" / "a.bin").read_bytes() == CONTENT


def test_when_all_fail_each_mirror_and_the_way_by_hand_are_named(
    served: tuple[Path, str], dead: str, tmp_path: Path
) -> None:
    folder, address = served
    (folder / "bad").write_bytes(b"not it")
    urls = [dead, f"{address}/absent", f"{address}/bad"]
    dataset = _one_file(tmp_path, "sub/a.bin", urls, _sha(CONTENT))
    root = tmp_path / "root"
    with pytest.raises(DataError) as caught:
        fetch(dataset, root)
    message = str(caught.value)
    assert all(f"{url}: " in message for url in urls)
    assert "404" in message
    assert "is not the" in message
    assert f"place by hand:\n  {root / 'sub' / 'a.bin'}" in message
    assert message.endswith(f"{_sha(CONTENT)})")
    assert list((root / "sub").iterdir()) == []


@pytest.mark.parametrize("level", [0, 1, 9])
def test_gz_passes_however_it_was_compressed(
    served: tuple[Path, str], tmp_path: Path, level: int
) -> None:
    folder, address = served
    (folder / "a.gz").write_bytes(gzip.compress(CONTENT, level))
    dataset = _one_file(tmp_path, "a.gz", [f"{address}/a.gz"], _sha(CONTENT))
    fetch(dataset, tmp_path)
    assert _states(dataset, tmp_path) == ["present"]
    assert gzip.decompress((tmp_path / "a.gz").read_bytes()) == CONTENT


@pytest.mark.parametrize(
    "content",
    [gzip.compress(CONTENT)[:-20], gzip.compress(CONTENT[:-1]), CONTENT, b"",
     gzip.compress(CONTENT)[:40] + b"\xff" * 60 + gzip.compress(CONTENT)[100:]],
)  # fmt: skip
def test_damage_is_seen_and_mended_only_by_a_good_copy(
    served: tuple[Path, str], tmp_path: Path, content: bytes
) -> None:
    folder, address = served
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.gz").write_bytes(content)
    dataset = _one_file(tmp_path, "a.gz", [f"{address}/a.gz"], _sha(CONTENT))
    assert _states(dataset, root) == ["damaged"]
    with pytest.raises(DataError, match="no mirror"):
        fetch(dataset, root)
    assert (root / "a.gz").read_bytes() == content
    (folder / "a.gz").write_bytes(gzip.compress(CONTENT))
    fetch(dataset, root)
    assert _states(dataset, root) == ["present"]


def _tar(members: dict[str, bytes]) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return whole.getvalue()


def _archived(tmp_path: Path, address: str, packed: bytes, files: dict[str, bytes]) -> Dataset:
    listed = [{"path": p, "md5": hashlib.md5(c).hexdigest()} for p, c in files.items()]
    archive = {"urls": [f"{address}/x.tar.gz"], "sha256": _sha(packed)}
    return _dataset(tmp_path, {"archive": archive, "files": listed})


def test_an_archive_gives_only_the_files_that_are_wanted(
    served: tuple[Path, str], tmp_path: Path
) -> None:
    folder, address = served
    files = {"set/one": b"1" * 500, "set/two": b"2" * 500}
    packed = _tar(files | {"set/other": b"0", "../escape": b"!"})
    (folder / "x.tar.gz").write_bytes(packed)
    dataset = _archived(tmp_path, address, packed, files)
    root = tmp_path / "root"
    (root / "set").mkdir(parents=True)
    (root / "set" / "one").write_bytes(files["set/one"])
    assert _states(dataset, root) == ["present", "missing"]
    assert fetch(dataset, root) == [root / "set" / "two"]
    assert _states(dataset, root) == ["present", "present"]
    assert sorted(p.name for p in root.rglob("*")) == ["one", "set", "two"]


def test_an_archive_without_the_file_or_with_a_damaged_one_is_refused(
    served: tuple[Path, str], tmp_path: Path
) -> None:
    folder, address = served
    root = tmp_path / "root"
    for held, words in (({"set/one": b"1"}, "no file set/two"), ({"set/two": b"?"}, "damaged")):
        packed = _tar(held)
        (folder / "x.tar.gz").write_bytes(packed)
        dataset = _archived(tmp_path, address, packed, {"set/two": b"2"})
        with pytest.raises(DataError, match=rf"(?s){words}.*place by hand"):
            fetch(dataset, root)
        assert [p for p in root.rglob("*") if p.is_file()] == []


def test_progress_ends_full_and_nothing_is_printed(
    served: tuple[Path, str],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder, address = served
    (folder / "a.bin").write_bytes(CONTENT)
    dataset = _one_file(tmp_path, "a.bin", [f"{address}/a.bin"], _sha(CONTENT))
    calls: list[tuple[str, int, int]] = []
    fetch(dataset, tmp_path, lambda name, done, total: calls.append((name, done, total)))
    assert calls[-1] == ("a.bin", len(CONTENT), len(CONTENT))
    assert all(0 <= done <= total == len(CONTENT) for _, done, total in calls)
    assert capfd.readouterr() == ("", "")
    assert [record for record in caplog.records if record.name == "pooch"] == []


def test_a_full_disk_is_not_blamed_on_the_mirrors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", fill)
    dataset = _one_file(tmp_path, "a.bin", ["http://one", "http://two"], _sha(CONTENT))
    with pytest.raises(DataError, match=r"No space left.*make room.*set paths\.data"):
        fetch(dataset, tmp_path / "root")


def test_a_root_without_leave_to_write_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    dataset = _one_file(tmp_path, "a.bin", ["http://one"], _sha(CONTENT))
    with pytest.raises(DataError, match=r"no permission to write.*paths\.data"):
        fetch(dataset, tmp_path)


def test_a_root_that_cannot_be_made_is_named(served: tuple[Path, str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    dataset = _one_file(tmp_path, "a.bin", [served[1]], _sha(CONTENT))
    with pytest.raises(DataError, match=r"set paths\.data"):
        fetch(dataset, tmp_path / "file" / "root")


def _fetched_once(served: tuple[Path, str], tmp_path: Path) -> tuple[Dataset, Path]:
    """A data set without a published checksum, and the root to which it has been fetched."""
    folder, address = served
    (folder / "a.bin").write_bytes(CONTENT)
    file = {"path": "a.bin", "urls": [f"{address}/a.bin"], "first_seen": True}
    dataset, root = _dataset(tmp_path, {"files": [file]}), tmp_path / "root"
    fetch(dataset, root)
    return dataset, root


def test_without_a_published_checksum_the_first_download_is_held_to(
    served: tuple[Path, str], tmp_path: Path
) -> None:
    dataset, root = _fetched_once(served, tmp_path)
    assert (root / "a.bin.sha256").read_text() == f"{_sha(CONTENT)}  a.bin\n"
    assert [s.state for s in check(dataset, root)] == ["present"]
    (root / "a.bin").write_bytes(CONTENT[:-1])
    assert [s.state for s in check(dataset, root)] == ["damaged"]
    (root / "a.bin.sha256").unlink()  # as one placed by hand: taken as it is
    assert [s.state for s in check(dataset, root)] == ["present"]


def test_a_second_download_is_held_to_what_the_first_one_was(
    served: tuple[Path, str], tmp_path: Path
) -> None:
    folder, (dataset, root) = served[0], _fetched_once(served, tmp_path)
    (root / "a.bin").unlink()
    (folder / "a.bin").write_bytes(b"<html>The page has moved.</html>")
    note = root / "a.bin.sha256"
    with pytest.raises(DataError, match=f"if the file was published anew, delete {note}"):
        fetch(dataset, root)
    assert note.read_text().startswith(_sha(CONTENT))
    assert not (root / "a.bin").exists()
    (folder / "a.bin").write_bytes(CONTENT)
    assert fetch(dataset, root) == [root / "a.bin"]


def test_a_file_of_a_second_archive_is_held_to_what_the_first_one_had(
    served: tuple[Path, str], tmp_path: Path
) -> None:
    folder, address = served
    root = tmp_path / "root"

    def get(content: bytes) -> list[Path]:
        packed = _tar({"a.bin": content})
        (folder / "all.tar.gz").write_bytes(packed)
        archive = {"urls": [f"{address}/all.tar.gz"], "sha256": _sha(packed)}
        files = [{"path": "a.bin", "first_seen": True}]
        return fetch(_dataset(tmp_path, {"archive": archive, "files": files}), root)

    get(CONTENT)
    (root / "a.bin").unlink()
    with pytest.raises(DataError, match=r"delete .*a\.bin\.sha256"):
        get(CONTENT[:-1])
    assert get(CONTENT) == [root / "a.bin"]


def test_a_file_that_serves_as_well_is_found(tmp_path: Path) -> None:
    file = {"path": "a.zip", "instead": ["b.npz"], "urls": ["u"], "first_seen": True}
    dataset = _dataset(tmp_path, {"files": [file]})
    assert check(dataset, tmp_path)[0] == (tmp_path / "a.zip", "missing")
    (tmp_path / "b.npz").write_bytes(CONTENT)
    assert check(dataset, tmp_path)[0] == (tmp_path / "b.npz", "present")
    assert fetch(dataset, tmp_path) == []


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({}, "'files'"),
        ({"files": [{"urls": ["u"], "sha256": "0"}]}, "'path'"),
        ({"files": [{"path": "a", "sha256": "0"}]}, "'urls'"),
        ({"files": [{"path": "a", "urls": [], "sha256": "0"}]}, "no mirror"),
        ({"files": [{"path": "a", "urls": ["u"]}]}, "no checksum"),
        ({"files": [{"path": "../a", "urls": ["u"], "sha256": "0"}]}, "below the data root"),
        ({"files": [{"path": "/a", "urls": ["u"], "sha256": "0"}]}, "below the data root"),
    ],
)
def test_an_incomplete_entry_is_refused(tmp_path: Path, entry: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        _dataset(tmp_path, entry)


def test_an_unreadable_list_is_refused(tmp_path: Path) -> None:
    listing = tmp_path / "datasets.yaml"
    for content in (None, "a: [", "- a", "word", "a: 3"):
        if content is not None:
            listing.write_text(content)
        with pytest.raises(DataError, match=r"restore (or mend )?it|add it"):
            load_registry(listing)


def test_the_shipped_list_names_every_file_with_a_full_checksum_and_a_home() -> None:
    registry = load_registry(SHIPPED)
    published = {"mnist": 4, "fashion-mnist": 4, "cifar-10": 7}
    assert {name: len(registry[name].files) for name in published} == published
    for dataset in registry.values():
        places = [file.urls for file in dataset.files if not dataset.archive]
        checksums = [file.checksum for file in dataset.files]
        if dataset.archive:
            places, checksums = [dataset.archive.urls], [*checksums, dataset.archive.checksum]
        assert all(len(urls) >= 2 or dataset.name == "bsds300-images" for urls in places)
        assert all(url.startswith("http") for urls in places for url in urls)
        checksums = [c for c in checksums if not isinstance(c, FirstSeen)]
        assert all(len(c.digest) == {"sha256": 64, "md5": 32}[c.algorithm] for c in checksums)
        assert len({c.digest for c in checksums}) == len(checksums)
        assert dataset.description
        assert dataset.licence


@pytest.mark.skipif(not SHARED.is_dir(), reason="no folder of real data beside the project")
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar-10"])
def test_real_files_pass(name: str) -> None:
    dataset = load_registry(SHIPPED)[name]
    states = check(dataset, SHARED)
    assert {s.state for s in states} <= {"present", "missing"}
    assert any(s.state == "present" for s in states)
    if name != "cifar-10":
        assert read_idx(states[0].path).shape == (60_000, 28, 28)
        assert read_idx(states[3].path).shape == (10_000,)
