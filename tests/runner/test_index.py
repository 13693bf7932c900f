"""The index of a file equals the file, however the file has come about."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from repro.errors import StoreError
from repro.runner import index as index_module
from repro.runner import rows
from repro.runner.index import RowIndex

ID = "0123456789ab"


def line(seed: int, status: str = "done", schema: int = 1) -> bytes:
    row = {"schema": schema, "id": ID, "task": "fake", "data_seed": seed, "model_seed": 1,
           "status": status, "metrics": {}, "arrays": None, "config": {},
           "provenance": {}}  # fmt: skip
    return json.dumps(row).encode() + b"\n"


@pytest.fixture
def index(tmp_path: Path) -> RowIndex:
    return RowIndex(tmp_path / "fake.jsonl")


def seeds(index: RowIndex) -> list[int]:
    index.read()
    return sorted(pair.data_seed for pair in index.statuses.get(ID, {}))


def test_only_new_lines_are_parsed(index: RowIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    real: Callable[..., Any] = index_module.parse

    def parse(content: bytes, path: Path, first: int = 1) -> Any:
        seen.append(content.count(b"\n"))
        return real(content, path, first)

    monkeypatch.setattr(index_module, "parse", parse)
    index.path.write_bytes(line(1) + line(2))
    assert seeds(index) == [1, 2]
    with index.path.open("ab") as file:
        file.write(line(3))
    assert not index.unchanged()
    assert seeds(index) == [1, 2, 3]
    assert index.unchanged()
    assert seen == [2, 1]


def test_a_file_that_was_cut_replaced_or_rewritten_is_read_anew(index: RowIndex) -> None:
    index.path.write_bytes(line(1) + line(2))
    assert seeds(index) == [1, 2]
    index.path.write_bytes(line(1))
    assert seeds(index) == [1]
    index.path.write_bytes(line(7) + line(8) + line(9))
    assert seeds(index) == [7, 8, 9]
    other = index.path.with_name("other")
    other.write_bytes(line(7) + line(8) + line(9) + line(4))
    other.replace(index.path)
    assert seeds(index) == [4, 7, 8, 9]
    index.path.unlink()
    assert seeds(index) == []


def test_a_line_that_ends_later_counts_once(index: RowIndex) -> None:
    index.path.write_bytes(line(1) + line(2)[:-1])
    assert index.read() == b""
    assert seeds(index) == [1, 2]
    assert index.end == len(line(1))
    index.path.write_bytes(line(1) + line(2)[:9])
    assert index.read() == line(2)[:9]
    index.path.write_bytes(line(1) + line(2) + line(3))
    assert seeds(index) == [1, 2, 3]


def test_a_bad_line_is_named_by_its_place_in_the_file(index: RowIndex) -> None:
    index.path.write_bytes(line(1) + line(2))
    index.read()
    with index.path.open("ab") as file:
        file.write(b"{}\n")
    with pytest.raises(StoreError, match=r"fake\.jsonl:3: "):
        index.read()


def test_rows_of_an_older_schema_are_stale_and_those_of_a_newer_are_refused(
    index: RowIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "SCHEMA", 2)
    index.path.write_bytes(line(1) + line(2, schema=2) + line(3)[:-1])
    assert seeds(index) == [2]
    assert (index.stale, index.read(), index.stale) == (1, b"", 1)
    index.path.write_bytes(line(1) + line(2, schema=2) + line(3))
    assert seeds(index) == [2]
    assert index.stale == 2
    index.path.write_bytes(line(1, schema=3))
    with pytest.raises(StoreError, match="newer version of repro"):
        index.read()
