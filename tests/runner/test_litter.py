"""Temporary files go when their writer is provably dead, and only then."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from repro import atomic
from repro.atomic import abandoned, partial_name
from repro.runner.litter import sweep
from repro.runner.store import Store

DIE = """
import os, signal, sys
from pathlib import Path
from repro.atomic import write_atomic
write_atomic(Path(sys.argv[1]), lambda file: os.kill(os.getpid(), signal.SIGKILL))
"""


def test_what_a_killed_writer_leaves_is_swept_and_what_a_living_one_writes_stays(
    store: Store,
) -> None:
    target = store.paths.arrays / "x.npz"
    subprocess.run([sys.executable, "-c", DIE, str(target)], check=False)
    [dead] = store.paths.arrays.iterdir()
    assert abandoned(dead)
    mine = store.paths.arrays / partial_name("y.npz")
    mine.write_text("")
    assert not abandoned(mine)
    folder = dead.with_name(dead.name.replace("x.npz", "folder"))
    folder.mkdir()
    assert sweep(store.paths) == 2
    assert list(store.paths.arrays.iterdir()) == [mine]


def test_another_machines_file_and_other_names_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    monkeypatch.setattr(os, "getpid", lambda: gone.pid)
    here = tmp_path / partial_name("x")
    monkeypatch.setattr(atomic, "_machine", lambda: "0" * 8)
    there = tmp_path / partial_name("x")
    monkeypatch.undo()
    assert abandoned(here)
    assert not abandoned(there)
    assert not abandoned(tmp_path / ".x.0123.tmp")
    assert not abandoned(tmp_path / "x.tmp")
