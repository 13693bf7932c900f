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
    assert memory.mib_a_worker(2, []) == 5_000


def test_a_part_of_the_memory_is_for_the_process_itself_and_for_others() -> None:
    assert memory.seeds_that_fit(100, 5_000) == (4_000 - memory.PROCESS_MIB) // 100
    assert memory.seeds_that_fit(100_000, 5_000) == 1


def test_where_nothing_is_known_nothing_is_said(meminfo: Path) -> None:
    assert memory.mib_a_worker(2, []) is None
    assert memory.seeds_that_fit(100, None) is None
    assert memory.seeds_that_fit(0, 5_000) is None


def test_workers_of_the_fullest_gpu_share_it(nvidia: Callable[[str], list[list[str]]]) -> None:
    asked = nvidia("80000\n40000\n")
    assert memory.mib_a_worker(3, ["0", "1", "0"]) == 20_000
    assert "--id=0,1" in asked[0]


def test_a_silent_gpu_is_unknown(nvidia: Callable[[str], list[list[str]]]) -> None:
    nvidia("[N/A]\n")
    assert memory.mib_a_worker(1, ["0"]) is None
