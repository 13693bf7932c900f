"""How many seeds fit follows from what is free; where nobody knows, nothing is assumed."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from repro.runner import memory


@pytest.fixture
def meminfo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    path = tmp_path / "meminfo"
    monkeypatch.setattr(memory, "_MEMINFO", path)
    return path


@pytest.fixture
def nvidia(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[list[str]]]:
    """Returns a call that makes nvidia-smi answer, and gives back what it is asked."""

    def answer(text: str) -> list[list[str]]:
        asked: list[list[str]] = []

        def run(command: list[str], **options: Any) -> Any:
            asked.append(command)
            return subprocess.CompletedProcess(command, 0, stdout=text)

        monkeypatch.setattr(memory.subprocess, "run", run)
        return asked

    return answer


def test_the_cpu_s_workers_share_what_is_available(meminfo: Path) -> None:
    meminfo.write_text("MemTotal: 32000000 kB\nMemAvailable: 10240000 kB\nCached: 5 kB\n")
    assert memory.free_mib() == 10_000
    assert memory.seeds_that_fit(100, workers=2, gpus=[]) == (4000 - memory.PROCESS_MIB) // 100
    assert memory.seeds_that_fit(100_000, workers=2, gpus=[]) == 1


def test_where_nothing_is_known_nothing_is_said(meminfo: Path) -> None:
    assert memory.seeds_that_fit(100, workers=2, gpus=[]) is None
    meminfo.write_text("MemAvailable: 10240000 kB\n")
    assert memory.seeds_that_fit(0, workers=2, gpus=[]) is None


def test_workers_of_the_fullest_gpu_share_it(nvidia: Callable[[str], list[list[str]]]) -> None:
    asked = nvidia("80000\n40000\n")
    fit = memory.seeds_that_fit(50, workers=3, gpus=["0", "1", "0"])
    assert fit == (16000 - memory.PROCESS_MIB) // 50
    assert "--id=0,1" in asked[0]


def test_a_silent_gpu_is_unknown(nvidia: Callable[[str], list[list[str]]]) -> None:
    nvidia("[N/A]\n")
    assert memory.seeds_that_fit(50, workers=1, gpus=["0"]) is None
