"""Failures as text: sections that a person reads and `parse` reads back."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from repro.jobs import SeedPair

_RULE = "==== failure"
_INDENT = "    "


@dataclass(frozen=True)
class Failure:
    """One failed attempt: the seeds it was to make rows of, and its traceback."""

    task: str
    seeds: tuple[SeedPair, ...]
    traceback: str
    when: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    details: Mapping[str, str] = field(default_factory=dict)


def _line(text: object) -> str:
    return " ".join(str(text).split())


def render(failure: Failure) -> str:
    """Returns the section of a failure; only its first lines start in the first column."""
    pairs = " ".join(f"{pair.data_seed}/{pair.model_seed}" for pair in failure.seeds)
    lines = [f"{_RULE} {failure.when}", f"task: {failure.task}", f"seeds (data/model): {pairs}"]
    lines += [f"{name}: {_line(text)}" for name, text in failure.details.items()]
    body = textwrap.indent(failure.traceback.rstrip("\n"), _INDENT, lambda line: True)
    return "\n".join(lines) + "\n" + body + "\n\n"


def _seeds(words: str) -> tuple[SeedPair, ...]:
    pairs = (word.split("/") for word in words.split())
    return tuple(SeedPair(int(data), int(model)) for data, model in pairs)


def _parse_section(section: str) -> Failure | None:
    when, *lines = section.split("\n")
    heads = dict(line.split(": ", 1) for line in lines if ": " in line and line[0] != " ")
    body = [line.removeprefix(_INDENT) for line in lines if line.startswith(_INDENT)]
    try:
        task, seeds = heads.pop("task"), _seeds(heads.pop("seeds (data/model)"))
    except (KeyError, ValueError):
        return None  # torn by a killed writer: its seeds have no row and count as missing
    return Failure(task, seeds, "\n".join(body), when.strip(), heads)


def parse(text: str) -> list[Failure]:
    """Returns the failures of a file in the order they happened; a torn section is left out."""
    sections = ("\n" + text).split(f"\n{_RULE}")[1:]
    return [found for found in map(_parse_section, sections) if found is not None]


def all_seeds(failures: Iterable[Failure]) -> set[tuple[str, SeedPair]]:
    """Returns every (task, seeds) that some failure names."""
    return {(failure.task, pair) for failure in failures for pair in failure.seeds}
