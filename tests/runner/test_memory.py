"""How many seeds fit follows from what is free; where nobody knows, nothing is assumed."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from repro.runner import cgroup, memory


@pytest.fixture
def meminfo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    path = tmp_path / "meminfo"
    monkeypatch.setattr(memory, "_MEMINFO", path)
    monkeypatch.setattr(cgroup, "_GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(cgroup, "_MOUNT", tmp_path / "mount")
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


V2 = ("0::/outer/inner\n", "", "memory.max", "memory.current", "")
V1 = ("4:cpu:/\n5:memory:/outer/inner\n", "memory/", "memory.limit_in_bytes",
      "memory.usage_in_bytes", "total_")  # fmt: skip


@pytest.mark.parametrize(("groups", "below", "limit", "used", "prefix"), [V2, V1])
def test_a_container_leaves_what_its_tightest_group_does(
    meminfo: Path, groups: str, below: str, limit: str, used: str, prefix: str
) -> None:
    meminfo.write_text("MemAvailable: 10240000 kB\n")
    meminfo.with_name("cgroup").write_text(groups)
    for name, bound, taken in (("outer", 1000, 700), ("outer/inner", 900, 100)):
        folder = meminfo.parent / "mount" / below / name
        folder.mkdir(parents=True)
        (folder / limit).write_text(f"{bound * 2**20}\n")
        (folder / used).write_text(f"{taken * 2**20}\n")
        (folder / "memory.stat").write_text(f"{prefix}active_file {50 * 2**20}\n")
    assert memory.free_mib() == 1000 - 700 + 50
    for text in ("max\n", f"{2**63 - 4096}\n"):
        for file in (meminfo.parent / "mount").rglob(limit):
            file.write_text(text)
        assert memory.free_mib() == 10_000


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
