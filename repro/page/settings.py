"""What conf/report.yaml says of the report: its order, its headline claims, its audit."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from repro.errors import ConfigError
from repro.nearest import suggestion
from repro.reading import read_yaml

WORDS_FIT = 64  # a line of the README's table


@dataclass(frozen=True)
class Group:
    """Arms of an experiment against one of them, by a metric; `labels` are words for arms.

    `metrics` are further lines: another metric of the baseline's own rows in place of the first.
    """

    label: str
    experiment: str
    baseline: str
    metric: str
    where: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    leave_out: tuple[str, ...] = ()
    metrics: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Audit:
    """The forest plot: its title, a sentence on how to read it, its metric and groups."""

    title: str
    about: str
    metric: str
    groups: tuple[Group, ...]


@dataclass(frozen=True)
class Step:
    """One line of a lead: the first selection of a claim less the second, paired."""

    claim: str
    first: str
    second: str


@dataclass(frozen=True)
class Ladder:
    """A group of a lead's lines, by label."""

    label: str
    steps: Mapping[str, Step]


@dataclass(frozen=True)
class Lead:
    """What is left of a lead when one thing after another is changed; `axis` names the effect."""

    title: str
    about: str
    axis: str
    groups: tuple[Ladder, ...]


@dataclass(frozen=True)
class Settings:
    """Everything that the report may be told; `papers` are file stems.

    `headline` has claim ids, and what the README calls each in at most `WORDS_FIT` characters;
    `measures` what the numbers of a metric are in, by the last part of its path.
    """

    title: str
    about: str
    headline: Mapping[str, str]
    papers: tuple[str, ...]
    figures_per_experiment: int
    image_width: int
    lead: Lead
    audit: Audit
    measures: Mapping[str, str] = field(default_factory=dict)


def read_settings(
    file: Path,
    claims: Mapping[str, Collection[str]],
    papers: Collection[str],
    experiments: Mapping[str, Collection[str]],
) -> Settings:
    """Read the report's settings; `experiments` have their arms, `claims` their selections.

    Raises:
        ConfigError: for a key or name that does not exist, with the nearest one.
    """
    raw = _typed(read_yaml(file), Settings, file.name)
    for name, text in _mapping(raw["headline"], f"{file.name}, headline").items():
        _word(name, claims, f"{file.name}, headline")
        if not isinstance(text, str) or len(text) > WORDS_FIT:
            raise ConfigError(
                f"{file.name}, headline.{name}: say the claim in at most {WORDS_FIT} characters"
            )
    _mapping(raw.get("measures", {}), f"{file.name}, measures")
    for name in raw["papers"]:
        _word(name, papers, f"{file.name}, papers")
    audit = _typed(raw["audit"], Audit, f"{file.name}, audit")
    groups = tuple(
        _group(one, f"{file.name}, audit.groups[{i}]", experiments)
        for i, one in enumerate(audit.pop("groups"))
    )
    named = {
        "papers": tuple(raw["papers"]),
        "lead": _lead(raw["lead"], f"{file.name}, lead", claims),
        "audit": Audit(**audit, groups=groups),
    }
    return Settings(**raw | named)


def _lead(raw: object, where: str, claims: Mapping[str, Collection[str]]) -> Lead:
    found = _typed(raw, Lead, where)
    ladders = []
    for i, one in enumerate(found["groups"]):
        ladder = _typed(one, Ladder, f"{where}.groups[{i}]")
        steps = {
            str(label): _step(step, f"{where}, {label}", claims)
            for label, step in _mapping(ladder["steps"], where).items()
        }
        ladders.append(Ladder(ladder["label"], steps))
    return Lead(**found | {"groups": tuple(ladders)})


def _step(raw: object, where: str, claims: Mapping[str, Collection[str]]) -> Step:
    found = Step(**_typed(raw, Step, where))
    _word(found.claim, claims, where)
    for selection in (found.first, found.second):
        _word(selection, claims[found.claim], where)
    return found


def _group(raw: object, where: str, experiments: Mapping[str, Collection[str]]) -> Group:
    found = _typed(raw, Group, where)
    _word(found["experiment"], experiments, where)
    arms = experiments[found["experiment"]]
    for arm in (found["baseline"], *found.get("labels", {}), *found.get("leave_out", ())):
        _word(arm, arms, where)
    return Group(**found | {"leave_out": tuple(found.get("leave_out", ()))})


def _mapping(raw: object, where: str) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise ConfigError(f"{where} is {raw!r}; write NAME: VALUE, a line each")
    return raw


def _typed(raw: object, kind: type, where: str) -> dict[str, Any]:
    fields = {one.name: one for one in dataclasses.fields(kind)}
    if not isinstance(raw, dict):
        raise ConfigError(f"{where} is {raw!r}; write its keys {', '.join(fields)}")
    for key in raw:
        _word(key, fields, where)
    for name, one in fields.items():
        plain = one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING
        if plain and name not in raw:
            raise ConfigError(f"{where} has no `{name}`; add it")
    return dict(raw)


def _word(word: object, valid: Collection[str], where: str) -> None:
    if word not in valid:
        raise ConfigError(f"{where}: {word} does not exist; {suggestion(str(word), valid)}")
