"""Locks end with their process, name their holder, and are never held twice."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import portalocker
import pytest

from repro.errors import StoreError
from repro.runner import locking
from repro.runner.locking import check_locks, claim, holder, locked

HOLD = """
import sys, time
from pathlib import Path
from repro.runner.locking import claim
taken = claim(Path(sys.argv[1]))
sys.stdout.write("taken" if taken else "refused")
sys.stdout.flush()
time.sleep(60)
"""


@pytest.fixture
def rival(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A process that holds a claim."""
    path = tmp_path / "claims" / "x.lock"
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout.read(5) == b"taken"
        yield process, path
        process.kill()


def test_a_claim_is_exclusive_and_names_its_holder(
    rival: tuple[subprocess.Popen[bytes], Path],
) -> None:
    process, path = rival
    assert claim(path) is None
    assert holder(path).pid == process.pid
    assert str(process.pid) in str(holder(path))


def test_kill_9_frees_the_claim_at_once(rival: tuple[subprocess.Popen[bytes], Path]) -> None:
    process, path = rival
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert holder(path) is None
    with claim(path) as taken:
        assert taken is not None
        assert holder(path).pid == os.getpid()


def test_waiting_for_a_lock_ends_with_an_error_that_names_the_holder(
    rival: tuple[subprocess.Popen[bytes], Path],
) -> None:
    process, path = rival
    said = rf"held after 0\.1 s by process {process.pid} on"
    with pytest.raises(StoreError, match=said), locked(path, timeout=0.1):
        pytest.fail("the lock was held twice")


def test_a_released_claim_is_free_and_its_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    first = claim(path)
    assert claim(path) is None
    first.release()
    first.release()
    assert path.exists()
    assert holder(path) is None
    second = claim(path)
    assert second is not None
    first.release()
    assert claim(path) is None
    second.release()


def test_a_forked_child_neither_keeps_nor_frees_its_parents_claim(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    mine = claim(path)
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        mine.release()
        os.write(writer, b"1" if claim(path) is None else b"0")
        signal.pause()
        os._exit(0)
    try:
        assert os.read(reader, 1) == b"1"
        assert holder(path).pid == os.getpid()
        mine.release()
        again = claim(path)
        assert again is not None
        again.release()
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(reader)
        os.close(writer)


def test_a_filesystem_without_locks_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        error = OSError(errno.ENOLCK, "No locks available")
        raise portalocker.LockException(error, str(error))

    monkeypatch.setattr("portalocker.portalocker.lock", refuse)
    with pytest.raises(StoreError, match=r"no working file locks .*No locks.*Put the lock files"):
        claim(tmp_path / "x.lock")


def test_a_folder_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"paths\.results"):
        claim(tmp_path / "file" / "x.lock")


def test_the_probe_passes_here_and_leaves_nothing(tmp_path: Path) -> None:
    check_locks(tmp_path / "claims")
    assert list((tmp_path / "claims").iterdir()) == []


def test_the_probe_says_what_is_wrong_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"^Cannot use the lock file .*paths.locks=FOLDER"):
        check_locks(tmp_path / "file")


def test_the_probe_tells_locks_that_exclude_nobody_from_locks_that_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locking, "_PROBE", "import sys; sys.exit(3)")
    with pytest.raises(StoreError, match="granted twice"):
        check_locks(tmp_path)
    monkeypatch.setattr(locking, "_PROBE", "import sys; sys.exit(4)")
    with pytest.raises(StoreError, match="that nobody holds was refused"):
        check_locks(tmp_path)
    monkeypatch.setattr(locking, "_PROBE", "import time; print(flush=True); time.sleep(60)")
    with pytest.raises(StoreError, match=r"no answer within 0\.2 s"):
        check_locks(tmp_path, deadline=0.2)


def test_a_probe_that_is_slow_to_start_is_no_hanging_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = f"import time\ntime.sleep(0.7)\n{locking._PROBE}"
    monkeypatch.setattr(locking, "_PROBE", slow)
    check_locks(tmp_path, deadline=0.6)
