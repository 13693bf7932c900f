"""Rows as lines of JSON: written finite and whole, checked when they are read."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from repro.errors import StoreError
from repro.jobs import SeedPair

SCHEMA = 1
STATUSES = ("done", "diverged")
Row = dict[str, Any]
_MERGE_MARKS = (b"<<<<<<<", b"|||||||", b"=======", b">>>>>>>")

_TYPES: dict[str, type | tuple[type, ...]] = {
    "schema": int,
    "id": str,
    "task": str,
    "data_seed": int,
    "model_seed": int,
    "status": str,
    "metrics": dict,
    "arrays": (str, type(None)),
    "config": dict,
    "provenance": dict,
}


class RowKey(NamedTuple):
    """What no two rows of a task share."""

    id: str
    seeds: SeedPair


def key_of(row: Row) -> RowKey:
    """Returns the key of a valid row."""
    return RowKey(row["id"], SeedPair(row["data_seed"], row["model_seed"]))


def complaint(row: object) -> str | None:
    """Returns what is wrong with a row, or None."""
    if not isinstance(row, dict):
        return "it is not a JSON object"
    for name, kind in _TYPES.items():
        if name not in row:
            return f"it has no {name!r}"
        if not isinstance(row[name], kind) or isinstance(row[name], bool):
            return f"its {name!r} is a {type(row[name]).__name__}"
    if row["schema"] != SCHEMA:
        return f"its schema is {row['schema']}, and this version reads {SCHEMA}"
    if row["status"] not in STATUSES:
        return f"its status {row['status']!r} is none of {', '.join(STATUSES)}"
    return None


def plain(value: object, where: str) -> object:
    """Returns `value` in JSON's own types; a number that is not finite becomes null.

    JSON has no NaN, so null in a row's metrics means "not a finite number"; numpy values and
    arrays become numbers and lists.

    Raises:
        StoreError: JSON cannot hold the value.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return {name: plain(item, f"{where}.{name}") for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, where) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist(), where)
    raise StoreError(
        f"{where} holds a {type(value).__name__}, which JSON cannot. Have the task return "
        "numbers, strings, lists and dicts with string keys (arrays belong in Outcome.arrays)."
    )


def encode(row: Row, task: str) -> bytes:
    """Returns the row as one line, newline included.

    Raises:
        StoreError: The row is not valid, is of another task, or its config is not finite.
    """
    tidy: Row = {name: plain(value, name) for name, value in row.items() if name != "config"}
    tidy["config"] = row.get("config")
    wrong = complaint(tidy)
    if wrong is None and tidy["task"] != task:
        wrong = f"it is of the task {tidy['task']!r}, not {task!r}"
    try:
        line = json.dumps(tidy, allow_nan=False, ensure_ascii=False, separators=(", ", ": "))
    except (TypeError, ValueError) as error:
        wrong = wrong or f"its config is not plain JSON: {error}"
    if wrong is not None:
        raise StoreError(f"A row cannot be stored: {wrong}. Correct what the task returns.")
    return line.encode() + b"\n"


@dataclass(frozen=True)
class Parsed:
    """The rows of a file, the bytes of its torn last line, and how many rows are stale.

    A stale row has an older schema: it stays in the file but counts no longer.
    """

    rows: list[Row]
    torn: bytes
    stale: int = 0


def _decode(line: bytes) -> tuple[Row | None, str | None]:
    try:
        row = json.loads(line)
    except ValueError as error:
        return None, f"it is not JSON ({error})"
    return row, complaint(row)


def _is_stale(row: object) -> bool:
    """Whether a row has an older schema than this version reads."""
    return isinstance(row, dict) and type(row.get("schema")) is int and row["schema"] < SCHEMA


def _remedy(row: Row | None, lines: Sequence[bytes], place: int, path: Path) -> str:
    """What to do about a line that is not a row; one of a newer version is not to be deleted."""
    if lines[place].startswith(_MERGE_MARKS):
        return (
            "A git merge left its marks here: delete these alone, the "
            f"{sum(line.startswith(_MERGE_MARKS) for line in lines)} lines that begin with "
            "<<<<<<<, |||||||, ======= or >>>>>>>. The rows of both sides may stay; of a seed's "
            "rows the first one counts."
        )
    schema = row.get("schema") if isinstance(row, dict) else None
    if type(schema) is int and schema > SCHEMA:
        return (
            f"A newer version of repro wrote it: update repro, or write to other results than "
            f"{path.parent.parent} with paths.results=FOLDER."
        )
    return (
        "Restore this line from version control, or delete it and run the same command again to "
        "make its row anew."
    )


def parse(content: bytes, path: Path, first: int = 1) -> Parsed:
    """Returns the rows in `content`; `path` and the number of its `first` line are for messages.

    A last line without its newline is torn, the trace of a killed writer, unless it is whole: a
    part of a row is never JSON.

    Raises:
        StoreError: A line that was finished is not a row.
    """
    *lines, last = content.split(b"\n")
    torn = last if _decode(last)[0] is None else b""
    if not torn and last:
        lines.append(last)
    rows: list[Row] = []
    stale = 0
    for place, line in enumerate(lines):
        row, wrong = _decode(line)
        if _is_stale(row):
            stale += 1
            continue
        if row is None or wrong is not None:
            remedy = _remedy(row, lines, place, path)
            raise StoreError(f"{path}:{first + place}: not a row, because {wrong}. {remedy}")
        rows.append(row)
    return Parsed(rows, torn, stale)
