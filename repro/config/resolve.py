"""Resolves one combination of a sweep: its sections composed, changed, typed and frozen."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from repro.config.experiment import RUN_KEYS, TOP
from repro.config.identity import science
from repro.config.references import followed
from repro.config.schema import NOT_IDENTITY, SCIENCE, SECTIONS
from repro.config.shapes import refuse_sections
from repro.config.tasks import check_kinds, rules
from repro.config.tree import Choices, Tree
from repro.config.typed import type_run, type_section
from repro.errors import ConfigError
from repro.experiments.registry import known
from repro.nearest import suggestion

_PARTS = [*TOP, *RUN_KEYS, "task"]


@dataclass(frozen=True)
class Resolved:
    """One resolved and typed combination of a sweep."""

    config: dict[str, Any]  # the science config
    run: dict[str, Any]
    launcher: dict[str, Any]
    paths: dict[str, Any]


@dataclass(frozen=True)
class Settled:
    """Values by key or group, and for those that a cell has to take, what to say if not."""

    values: Mapping[str, Any]
    sure: Mapping[str, str]


def resolve(
    tree: Tree, experiment: Choices, scale: str, settled: Settled, unused: set[str]
) -> Resolved:
    """One point of the sweep, with what its model's and its arm's cells have of their own.

    Raises:
        ConfigError: values that its task does not take or that do not go together.
    """
    values = settled.values
    groups = {key: value for key, value in values.items() if key in tree.vocabulary.groups}
    unused -= set(groups)
    composed = tree.varied(experiment, groups)
    config = copy.deepcopy({part: composed[part] for part in _PARTS if part in composed})
    for key, value in values.items():
        if key not in groups and _takes(config, key):
            _set(config, key, value)
            unused.discard(key)
        elif key not in groups and key in settled.sure:
            raise ConfigError(f"{settled.sure[key]}, which {_lacking(config, key)}")
    config["scale"] = scale
    return _freeze(config)


def _lacking(config: Mapping[str, Any], key: str) -> str:
    """Whose a key is not, and what to do about it."""
    parent = key.rpartition(".")[0]
    if parent == "model":
        return "that model does not have; leave it out or name the other model"
    name = (_node(config, parent) or {}).get("name")
    word = parent.replace(".", "/")
    return f"{word}={name} does not have; leave one of the two out, or choose arms with arm="


def _takes(config: Mapping[str, Any], key: str) -> bool:
    """Whether a configuration has a key; one that is null counts."""
    parent, _, last = key.rpartition(".")
    node = _node(config, parent)
    return isinstance(node, dict) and last in node


def _set(config: Mapping[str, Any], key: str, value: object) -> None:
    parent, _, last = key.rpartition(".")
    _node(config, parent)[last] = value


def _node(config: Mapping[str, Any], key: str) -> Any:  # noqa: ANN401 - a section or a value
    """What stands under a dotted key; None where there is nothing, the whole for no key."""
    node: Any = config
    for name in key.split(".") if key else ():
        node = node.get(name) if isinstance(node, dict) else None
    return node


def _freeze(config: Mapping[str, Any]) -> Resolved:
    refuse_sections(config)
    task = _task(config["task"])
    check_kinds(task, config)
    found = followed(config)
    sections = {name: dict(found[name]) for name in TOP}
    typed = {name: _typed_section(name, values) for name, values in sections.items()}
    frozen = science({"task": task} | {name: typed[name] for name in SCIENCE})
    rules(task).validate(frozen)
    kept_out = {k: v for k, v in typed["training"].items() if k in NOT_IDENTITY["training"]}
    run = type_run({key: found[key] for key in RUN_KEYS})
    return Resolved(frozen, run | kept_out, typed["launcher"], typed["paths"])


def _typed_section(name: str, values: dict[str, Any]) -> dict[str, Any]:
    """A section typed together with the sections inside it, such as `training.schedule`."""
    inside = {
        key: type_section(f"{name}.{key}", values.pop(key))
        for key in list(values)
        if f"{name}.{key}" in SECTIONS
    }
    typed = type_section(name, values) | inside
    if isinstance(typed.get("at"), list):
        typed["at"] = sorted(set(typed["at"]))
    return typed


def _task(name: object) -> str:
    if not isinstance(name, str) or name not in known():
        raise ConfigError(f"task={name} does not exist; {suggestion(str(name), known())}")
    return name
