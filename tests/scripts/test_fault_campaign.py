"""The campaign's judgement: what it counts as lost, duplicated and differing, and its table."""

import importlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from repro.runner.paths import StorePaths

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def campaign(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The campaign's modules."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    names = ("arena", "books", "faults")
    return SimpleNamespace(**{name: importlib.import_module(f"campaign.{name}") for name in names})


def write(paths: StorePaths, *seeds: int, metric: float = 0.5, torn: bytes = b"") -> None:
    paths.arrays.mkdir(parents=True, exist_ok=True)
    lines = []
    for seed in seeds:
        name = f"arrays/{'a' * 12}-{seed}-1.npz"
        np.savez(paths.root / name, z=np.full(3, seed))
        row = {"id": "a" * 12, "data_seed": seed, "model_seed": 1, "status": "done",
               "metrics": {"mcc": metric}, "arrays": name, "config": {},
               "provenance": {}}  # fmt: skip
        lines.append(json.dumps(row).encode() + b"\n")
    paths.rows("identifiability").write_bytes(b"".join(lines) + torn)


def test_rows_are_compared_to_the_last_bit(campaign: Any, tmp_path: Path) -> None:
    first, second = StorePaths(tmp_path / "1", "smoke"), StorePaths(tmp_path / "2", "smoke")
    write(first, 1, 2)
    write(second, 1, 2, 2, torn=b'{"id"')
    rows, repeated = campaign.arena.rows_of(first)
    others, repeated_there = campaign.arena.rows_of(second)
    assert (repeated, repeated_there) == (0, 1)
    assert rows.keys() == others.keys()
    differs = campaign.arena.differs
    key = ("a" * 12, 2, 1)
    assert not differs(rows[key], others[key])
    write(second, 1, 2, metric=np.nextafter(0.5, 1.0))
    assert differs(rows[key], campaign.arena.rows_of(second)[0][key])
    write(second, 1, 2)
    np.savez(second.arrays / f"{'a' * 12}-2-1.npz", z=np.full(3, 2.0000001))
    assert differs(rows[key], campaign.arena.rows_of(second)[0][key])


def test_rounds_are_kept_added_up_and_judged(campaign: Any, tmp_path: Path) -> None:
    books, names = campaign.books, [fault.name for fault in campaign.faults.FAULTS]
    assert len(set(names)) == 10
    good = books.Round(1, 0, hits={"SIGTERM": 1, "a held lock": 2}, resumed=3, commands=1)
    bad = books.Round(1, 1, hits={"SIGTERM": 1}, lost=1, duplicated=2, differing=3, commands=4)
    file = tmp_path / "log.jsonl"
    for one in (good, bad):
        books.add(file, one)
    with file.open("a") as log:
        log.write('{"seed"')
    assert books.read(file) == [good, bad]
    assert books.total([good, bad]) == "rounds 2 lost 1 duplicated 2 differing 3"
    assert books.clean([good])
    assert not books.clean([good, bad])
    assert not books.clean([books.Round(1, 2, stuck=1)])
    table = books.table([good, bad], names).splitlines()
    assert "| SIGTERM | 2 | 2 | 3 | 0 | 0 | 4 | 1 | 2 | 3 |" in table
    assert "| all rounds | 2 | 4 | 3 | 0 | 0 | 4 | 1 | 2 | 3 |" in table
    assert len(table) == 2 + len(names) + 1


def test_the_summary_of_a_log_is_its_exit_code(
    campaign: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    file = tmp_path / "log.jsonl"
    campaign.books.add(file, campaign.books.Round(1, 0, hits={"SIGTERM": 1}))
    script = importlib.import_module("fault_campaign")
    monkeypatch.setattr(sys, "argv", ["fault_campaign.py", "--summarise", str(file)])
    assert script.main() == 0
    assert capsys.readouterr().out.endswith("rounds 1 lost 0 duplicated 0 differing 0\n")
    campaign.books.add(file, campaign.books.Round(1, 1, hits={"SIGTERM": 1}, lost=1))
    assert script.main() == 1
