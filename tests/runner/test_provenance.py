"""Where rows come from: known without torch, silent about hosts and paths, never a failure."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from repro.runner import provenance

ASK = """
import sys
from repro.runner import provenance
provenance.describe("cpu", provenance.now(), 1.0)
assert "torch" not in sys.modules
"""


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Forgets what has been asked before."""
    provenance.revision.cache_clear()
    yield
    provenance.revision.cache_clear()


def test_no_git_is_no_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.revision() == (None, None)


def test_a_checkout_names_its_commit_and_only_changed_code_makes_it_dirty(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def git(*words: object) -> None:
        who = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "init.defaultBranch=m"]
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True)

    package = tmp_path / "repro"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.setattr(provenance, "_PACKAGE", package)
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    git("init")
    assert provenance.revision() == (None, None), "not tracked: some other project's checkout"
    git("add", ".")
    git("commit", "-m", "first")
    provenance.revision.cache_clear()
    (tmp_path / "results.jsonl").write_text("{}")
    commit, dirty = provenance.revision()
    assert len(commit) == 40
    assert dirty is False
    (package / "__init__.py").write_text("x = 1")
    provenance.revision.cache_clear()
    assert provenance.revision() == (commit, True)


def test_a_description_is_json_and_names_no_host_and_no_path() -> None:
    found = provenance.describe("cpu", provenance.now(), 1.23456)
    text = json.dumps(found)
    assert socket.gethostname() not in text
    assert "/" not in text
    assert found["seconds"] == 1.235
    assert set(found["versions"]) == {"python", "torch", "numpy", "scipy"}
    assert found["versions"]["python"].startswith(f"{sys.version_info.major}.")


def test_nothing_of_it_needs_torch() -> None:
    subprocess.run([sys.executable, "-c", ASK], check=True, capture_output=True)
