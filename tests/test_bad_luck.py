"""What a shell, a disk or a name can do to a command: it says one line, or just goes on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from repro.runner.paths import StorePaths
from repro.runner.store import Store

WORDS = "-m repro plan experiment=identifiability_2d model=ivae device=cpu"


def shell(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """What a command does in a folder, `repro` standing for the verb `plan`."""
    command = command.replace("repro", f"'{sys.executable}' {WORDS}", 1)
    root = Path(__file__).parents[1]
    extra = {"PYTHONPATH": str(root), "REPRO_RESULTS": str(folder / "none"), **environment}
    return subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, cwd=folder, timeout=120,
        env={**os.environ, **extra}, check=False,
    )  # fmt: skip


def test_closed_streams_are_no_error(tmp_path: Path) -> None:
    assert shell("repro >&- 2>&-", tmp_path).returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_output_that_does_not_fit_is_told_in_a_line(tmp_path: Path) -> None:
    answer = shell("repro > /dev/full", tmp_path)
    assert answer.returncode == 1
    [line] = answer.stderr.splitlines()
    assert line.startswith("repro: [Errno 28]")
    assert line.endswith("make room and give the same command again")


def test_the_readme_is_read_alike_whatever_the_locale(tmp_path: Path) -> None:
    root = Path(__file__).parents[1]
    read = "import sys; from pathlib import Path; from repro.page.readme import parts; "
    answer = subprocess.run(
        [sys.executable, "-c", read + "parts(Path(sys.argv[1]))", str(root / "README.md")],
        capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(root), "LC_ALL": "C", "PYTHONUTF8": "0",
             "PYTHONCOERCECLOCALE": "0"},
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr


def test_a_folder_s_name_may_be_in_any_letters(tmp_path: Path) -> None:
    folder = tmp_path / "ünï çödé, (日本)=1"
    answer = shell(f"repro 'paths.results={folder}'", tmp_path, LC_ALL="C", PYTHONUTF8="0",
                   PYTHONCOERCECLOCALE="0")  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    store = Store(StorePaths(Path(os.fsdecode(b"/\xff")), "smoke", locks=tmp_path))
    assert store.paths.lock_root.is_relative_to(tmp_path)
