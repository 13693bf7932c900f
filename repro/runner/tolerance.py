"""How near a rerun has to come to its stored row: the rules of conf/verify.yaml."""

from __future__ import annotations

import dataclasses
import fnmatch
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from repro.errors import ConfigError
from repro.nearest import suggestion
from repro.nested import flatten
from repro.reading import read_yaml


@dataclass(frozen=True)
class Tolerance:
    """A rule: which rows it is for, and how far their metrics may be from the stored ones.

    `tolerances` give the largest absolute difference by pattern of a metric's dotted path;
    `other` holds for the rest: within `absolute` or `relative`, whichever is larger.
    """

    because: str
    other: Mapping[str, float]
    tolerances: Mapping[str, float] = field(default_factory=dict)
    task: str | None = None
    where: Mapping[str, Any] = field(default_factory=dict)

    def fits(self, row: Mapping[str, Any]) -> bool:
        """Whether the rule is for this row."""
        flat = flatten(row["config"])
        here = self.task is None or row["task"] == self.task
        return here and all(flat.get(key) == value for key, value in self.where.items())

    def allowed(self, path: str, stored: float) -> float:
        """The largest difference from a stored number that passes."""
        for pattern, absolute in self.tolerances.items():
            if fnmatch.fnmatchcase(path, pattern):
                return float(absolute)
        return max(float(self.other["absolute"]), float(self.other["relative"]) * abs(stored))


@dataclass(frozen=True)
class Rules:
    """All rules, the last one being for every row; what is cheap, and what is not compared."""

    cheap_seconds: float
    ignored: tuple[str, ...]
    rules: tuple[Tolerance, ...]

    def rule_for(self, row: Mapping[str, Any]) -> Tolerance:
        """The first rule that fits a row."""
        return next(rule for rule in self.rules if rule.fits(row))


@dataclass(frozen=True)
class Compared:
    """A metric of a rerun beside the stored one; `allowed` is the largest passing difference."""

    path: str
    stored: float
    found: float
    allowed: float

    @property
    def difference(self) -> float:
        """Found minus stored; 0 where neither is finite, infinite where only one is."""
        if math.isfinite(self.stored) and math.isfinite(self.found):
            return self.found - self.stored
        return 0.0 if math.isfinite(self.stored) == math.isfinite(self.found) else math.inf

    @property
    def passes(self) -> bool:
        """Whether the difference is allowed."""
        return abs(self.difference) <= self.allowed


def load_rules(file: Path) -> Rules:
    """Read conf/verify.yaml.

    Raises:
        ConfigError: for a key that is missing or does not exist.
    """
    raw = read_yaml(file)
    _refuse(raw, ("cheap_seconds", "ignored", "rules", "default"), file.name)
    rules = [_rule(one, f"{file.name}, rule {i}") for i, one in enumerate(raw["rules"], 1)]
    rules.append(_rule(raw["default"], f"{file.name}, default"))
    return Rules(float(raw["cheap_seconds"]), tuple(raw["ignored"]), tuple(rules))


def compare(stored: Mapping[str, Any], found: Mapping[str, Any], rules: Rules) -> list[Compared]:
    """Every number of a stored row beside the rerun's; a missing one counts as not finite."""
    rule = rules.rule_for(stored)
    again = dict(_numbers(found["metrics"]))
    return [
        Compared(path, value, again.get(path, math.nan), rule.allowed(path, value))
        for path, value in _numbers(stored["metrics"])
        if not any(fnmatch.fnmatchcase(path, pattern) for pattern in rules.ignored)
    ]


def _numbers(metrics: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Every number below metrics by its path; the elements of a list by their place."""
    for path, value in flatten(metrics).items():
        if isinstance(value, list):
            yield from _numbers({f"{path}.{i}": item for i, item in enumerate(value)})
        elif value is None:
            yield path, math.nan
        elif isinstance(value, int | float):
            yield path, float(value)


def _rule(raw: object, where: str) -> Tolerance:
    names = [one.name for one in dataclasses.fields(Tolerance)]
    if not isinstance(raw, dict) or not {"because", "other"} <= raw.keys():
        raise ConfigError(f"{where} needs `other` and `because`; add them")
    _refuse(raw, names, where)
    if not isinstance(raw["other"], dict) or set(raw["other"]) != {"absolute", "relative"}:
        raise ConfigError(f"{where}: other needs `absolute` and `relative`; add them")
    return Tolerance(**raw)


def _refuse(raw: object, valid: list[str] | tuple[str, ...], where: str) -> None:
    if not isinstance(raw, dict):
        raise ConfigError(f"{where} is {raw!r}; write its keys {', '.join(valid)}")
    for key in raw:
        if key not in valid:
            raise ConfigError(f"{where}: {key} does not exist; {suggestion(str(key), valid)}")
