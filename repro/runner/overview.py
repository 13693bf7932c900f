"""What a plan says: counts for machines, and compact tables and durations in words for people."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from repro.nested import flatten
from repro.runner.durations import remaining
from repro.runner.plan import PlannedCell, expected_seconds

WIDTH = 80  # where there is no terminal to ask
COUNTS = ("done", "missing", "failed", "diverged")


def entries(planned: Sequence[PlannedCell]) -> list[dict[str, Any]]:
    """One object an experiment and scale: row counts, and the expected seconds of what is left.

    `done` leaves the diverged rows out; `missing` seeds have neither a row nor a failure.
    """
    grouped: dict[tuple[str, str], list[PlannedCell]] = {}
    for one in planned:
        grouped.setdefault((one.cell.experiment, one.cell.scale), []).append(one)
    return [
        {"experiment": experiment, "scale": scale}
        | {name: sum(len(getattr(one, name)) for one in cells) for name in COUNTS}
        | {"expected_seconds": float(expected_seconds(cells))}
        for (experiment, scale), cells in grouped.items()
    ]


def status_table(planned: Sequence[PlannedCell]) -> str:
    """A line an experiment: its counts and the time left, and the files that tell of failures."""
    rows = [
        [entry["experiment"], entry["scale"], *(str(entry[name]) for name in COUNTS),
         remaining(entry["expected_seconds"])]
        for entry in entries(planned)
    ]  # fmt: skip
    table = aligned([["experiment", "scale", *COUNTS, "time left"], *rows], left=2)
    return "\n".join([table, *_in_all(planned), *_failure_lines(planned)])


def plan_table(planned: Sequence[PlannedCell]) -> str:
    """A block an experiment, a line a cell: what sets it apart, its counts and the time left."""
    grouped: dict[tuple[str, str], list[PlannedCell]] = {}
    for one in planned:
        grouped.setdefault((one.cell.experiment, one.cell.scale), []).append(one)
    blocks = [_block(cells) for cells in grouped.values()]
    return "\n\n".join([*blocks, *_in_all(planned), *_failure_lines(planned)])


def tell(text: str) -> None:
    """Prints at once; a reader that has seen enough, or a full disk, ends no run."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def aligned(rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Rows as aligned columns, the first `left` flush left, in lines no wider than the terminal.

    Texts that are too long for it are cut, or broken into lines where cut they would be the same.
    """
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    spare = shutil.get_terminal_size((WIDTH, 24)).columns - sum(widths) - 2 * (len(widths) - 1)
    widest = max(range(left), key=lambda index: widths[index])
    room = widths[widest] = max(10, widths[widest] + min(0, spare))
    alike = len({_cut(text, room) for text in columns[widest]}) < len(set(columns[widest]))
    broken = (_broken(row, widest, room) if alike else [row] for row in rows)
    return "\n".join(_line(row, widths, left) for lines in broken for row in lines)


def differing(configs: Iterable[Mapping[str, Any]]) -> list[str]:
    """For each config, the values that set it apart from the others, for example `model=iflow`."""
    flat = [flatten(config) for config in configs]
    names = [config["model.name"] for config in flat]
    keys = [key for key in dict.fromkeys(key for config in flat for key in config)
            if len({repr(c[key]) for c in flat if key in c}) > 1]  # fmt: skip
    own = [key for key in keys if not key.startswith("model.") or _within_a_model(key, flat)]
    labels = []
    for name, config in zip(names, flat, strict=True):
        words = [f"{key.rpartition('.')[2]}={config[key]}" for key in own if key in config]
        labels.append(" ".join([str(name), *words]))
    return labels


def _within_a_model(key: str, flat: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a model's key takes several values among the configs of one model."""
    found: dict[str, set[str]] = {}
    for config in flat:
        if key in config:
            found.setdefault(config["model.name"], set()).add(repr(config[key]))
    return any(len(values) > 1 for values in found.values())


def _block(cells: Sequence[PlannedCell]) -> str:
    composition = cells[0].composition
    head = f"{composition.experiment}, {composition.scale}: {_time_left(expected_seconds(cells))}"
    labels = _labels(cells)
    rows = [
        [label, one.cell.id, *(str(len(getattr(one, name))) for name in COUNTS),
         remaining(one.expected_seconds)]
        for label, one in zip(labels, cells, strict=True)
    ]  # fmt: skip
    return f"{head}\n{aligned([['cell', 'id', *COUNTS, 'time left'], *rows], left=2)}"


def _labels(cells: Sequence[PlannedCell]) -> list[str]:
    """What sets each cell apart: its arm, then what differs among the arm's cells.

    A model that all of them have is left out where something else is said of each.
    """
    by_arm: dict[str, list[PlannedCell]] = {}
    for one in cells:
        by_arm.setdefault(one.cell.arm, []).append(one)
    words = {
        one.cell.id: label
        for same in by_arm.values()
        for one, label in zip(same, differing(one.cell.config for one in same), strict=True)
    }
    full = [f"{one.cell.arm} {words[one.cell.id]}".strip() for one in cells]
    short = [f"{one.cell.arm} {words[one.cell.id].partition(' ')[2]}".strip() for one in cells]
    models = {one.cell.config["model"]["name"] for one in cells}
    return short if len(models) == 1 and all(short) else full


def _time_left(seconds: float) -> str:
    if seconds == 0:
        return "nothing left to do"
    about = "about " if seconds >= 0.5 else ""
    return f"{about}{remaining(seconds)} left"


def _in_all(planned: Sequence[PlannedCell]) -> list[str]:
    """The time left of several experiments, whose shared rows are made once."""
    several = len({(one.cell.experiment, one.cell.scale) for one in planned}) > 1
    return [f"in all: {_time_left(expected_seconds(planned))}"] if several else []


def _failure_lines(planned: Sequence[PlannedCell]) -> list[str]:
    files = {one.paths.failure(one.cell.id): len(one.failed) for one in planned if one.failed}
    return [f"{count} failed: see {os.path.relpath(file)}" for file, count in files.items()]


def _line(row: Sequence[str], widths: Sequence[int], left: int) -> str:
    cells = []
    for index, (text, width) in enumerate(zip(row, widths, strict=True)):
        short = _cut(text, width)
        cells.append(short.ljust(width) if index < left else short.rjust(width))
    return "  ".join(cells).rstrip()


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "~"


def _broken(row: Sequence[str], index: int, width: int) -> list[Sequence[str]]:
    """A row whose text at `index` goes over several lines, on which the others are empty."""
    first, *more = textwrap.wrap(row[index], width, break_on_hyphens=False) or [""]
    rest = [["" for _ in row] for _ in more]
    for line, text in zip(rest, more, strict=True):
        line[index] = text
    return [[*row[:index], first, *row[index + 1 :]], *rest]
