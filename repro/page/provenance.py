"""Where the rows behind a report come from: revisions, versions, devices, hours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Work:
    """The runs of a task at a scale: rows, diverged ones, hours of computing."""

    scale: str
    task: str
    rows: int
    diverged: int
    hours: float


@dataclass(frozen=True)
class Provenance:
    """What made the rows; each count is of rows, most frequent first."""

    work: tuple[Work, ...]
    revisions: tuple[tuple[str, int], ...]
    versions: tuple[tuple[str, int], ...]
    devices: tuple[tuple[str, int], ...]


def provenance(rows: Mapping[str, Iterable[Mapping[str, Any]]]) -> Provenance:
    """Sum up rows by scale; each row and each job once, however many experiments share them."""
    unique = {
        (scale, row["task"], row["id"], row["data_seed"], row["model_seed"]): row
        for scale, found in rows.items()
        for row in found
    }
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for key, row in sorted(unique.items()):
        groups.setdefault((key[0], key[1]), []).append(row)
    about = [row["provenance"] for row in unique.values()]
    return Provenance(
        tuple(_work(scale, task, found, rows) for (scale, task), found in groups.items()),
        _counts(_revision(one) for one in about),
        _counts(_versions(one) for one in about),
        _counts(str(one.get("device", "unknown")) for one in about),
    )


def _work(scale: str, task: str, rows: list[Mapping[str, Any]], shown: Collection[str]) -> Work:
    """Sum up a task's rows; those taken over from a scale that is shown took their hours there."""
    jobs: dict[tuple[Any, ...], float] = {}
    for row in rows:
        about = row["provenance"]
        if about.get("taken_over_from") in shown:
            continue
        pack = str(about.get("pack") or (row["data_seed"], row["model_seed"]))
        jobs[(row["id"], about.get("started"), pack)] = float(about.get("seconds") or 0.0)
    diverged = sum(row["status"] != "done" for row in rows)
    return Work(scale, task, len(rows), diverged, sum(jobs.values()) / 3600)


def _revision(about: Mapping[str, Any]) -> str:
    revision = about.get("revision")
    return "unknown" if not revision else revision[:12] + (" (changed)" if about["dirty"] else "")


def _versions(about: Mapping[str, Any]) -> str:
    found = about.get("versions") or {}
    return ", ".join(f"{name} {version}" for name, version in found.items()) or "unknown"


def _counts(values: Iterable[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(Counter(values).items(), key=lambda pair: (-pair[1], pair[0])))
