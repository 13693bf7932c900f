"""Turns loose values into a section's typed ones, or refuses them with the nearest valid value."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from repro.config.schema import SECTIONS, Cost, Experiment, Run
from repro.config.seeds import parse_choice
from repro.config.shapes import spelt
from repro.errors import ConfigError
from repro.nearest import suggestion

KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "list[int]": "a list of whole numbers such as [1,2]",
    "list[str]": "a list of texts",
    "dict[str, float]": "a mapping from names to numbers",
}


def type_section(section: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a section such as `data`, `training.schedule` or `model`, typed by its `name`.

    Raises:
        ConfigError: an unknown name or key, a wrong type or a value out of its limits.
    """
    return typed(section, variant(section, values), values)


def variant(section: str, values: Mapping[str, Any]) -> type:
    """The dataclass that the `name` in `values` asks for.

    Raises:
        ConfigError: no such name in the section.
    """
    variants = SECTIONS[section]
    name = "" if "" in variants and "name" not in values else str(values.get("name"))
    if name not in variants:
        named = list(filter(None, variants))
        hint = suggestion(name, named) if named else f"leave {section}.name out"
        raise ConfigError(
            f"{section}.name={name} is unknown; {hint}; a new kind needs its line in SECTIONS of"
            " repro/config/schema/__init__.py"
        )
    return variants[name]


def type_run(values: Mapping[str, Any]) -> dict[str, Any]:
    """Scale, device, threads and whose arrays are kept, typed.

    Raises:
        ConfigError: as `type_section`.
    """
    found = typed("", Run, values)
    choices = ("keep_arrays", "keep_model_seeds")
    return found | {key: parse_choice(found[key], key) for key in choices}


def type_experiment(values: Mapping[str, Any]) -> Experiment:
    """What an experiment file says in words, typed.

    Raises:
        ConfigError: as `type_section`.
    """
    return Experiment(**typed("", Experiment, values))


def type_cost(values: Mapping[str, Any]) -> Cost:
    """What an experiment file says of its cost, typed; what it leaves out is empty.

    Raises:
        ConfigError: as `type_section`.
    """
    empty: dict[str, Any] = {item.name: {} for item in dataclasses.fields(Cost)}
    return Cost(**typed("cost", Cost, empty | {"times": None} | dict(values)))


def typed(prefix: str, kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values of a dataclass in the order of its fields, each of its type and in its limits.

    Raises:
        ConfigError: an unknown or missing key, a wrong type or a value out of its limits.
    """
    kept = (prefix, kind, repr(values))  # repr tells 1, 1.0, True and "1" apart
    if kept not in _TYPED:
        _TYPED[kept] = _typed(prefix, kind, values)
    return copy.deepcopy(_TYPED[kept])


_TYPED: dict[tuple[str, type, str], dict[str, Any]] = {}  # a sweep repeats most of its sections


def _typed(prefix: str, kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    fields = {item.name: item for item in dataclasses.fields(kind)}
    for key in values:
        if key not in fields:
            hint = suggestion(_join(prefix, key), [_join(prefix, name) for name in fields])
            raise ConfigError(f"{_join(prefix, key)} is not a key; {hint}")
    node = OmegaConf.structured(kind)
    for item in fields.values():
        _assign(node, prefix, item, values)
    result = cast(dict[str, Any], OmegaConf.to_container(node))
    for name, item in fields.items():
        _check_limits(_join(prefix, name), result[name], item.metadata)
    return result


def _assign(
    node: DictConfig, prefix: str, item: dataclasses.Field[Any], values: Mapping[str, Any]
) -> None:
    key = _join(prefix, item.name)
    if item.name not in values:
        raise ConfigError(f"{key} is missing; give it a value in conf/ or as {key}=VALUE")
    value = _whole(values[item.name], str(item.type))
    try:
        node[item.name] = value
    except OmegaConfBaseException:
        wanted, _, optional = str(item.type).partition(" | ")
        kind = KINDS[wanted] + (" or null" if optional else "")
        example = f"write for example {key}={_example(wanted, item.metadata)}"
        raise ConfigError(f"{key} must be {kind}, got {spelt(value)}; {example}") from None


def _whole(value: object, kind: str) -> object:
    """Whole numbers written as 3.0 are 3 where whole numbers are wanted."""
    if isinstance(value, list):
        return [_whole(item, kind) for item in value]
    if "int" in kind and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _check_limits(key: str, value: object, limits: Mapping[str, Any]) -> None:
    for name, item in value.items() if isinstance(value, dict) else ():
        _check_limits(_join(key, name), item, limits)
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str) and "choices" in limits:
            _check_choice(key, item, limits["choices"])
        elif isinstance(item, (int, float)) and not isinstance(item, bool):
            _check_number(key, item, limits)


def _check_choice(key: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        hint = suggestion(value, choices).replace("name", "value")
        raise ConfigError(f"{key} must be one of {', '.join(choices)}, got {value}; {hint}")


def _check_number(key: str, value: float, limits: Mapping[str, Any]) -> None:
    tests = {
        "at_least": lambda bound: value >= bound,
        "at_most": lambda bound: value <= bound,
        "above": lambda bound: value > bound,
        "below": lambda bound: value < bound,
    }
    if value in (float("inf"), float("-inf")) or value != value:
        raise ConfigError(f"{key} must be finite, got {value}; write a finite number")
    for limit, holds in tests.items():
        if limit in limits and not holds(limits[limit]):
            near = limits[limit] if limit.startswith("at_") else limits["example"]
            raise ConfigError(
                f"{key} must be {limit.replace('_', ' ')} {limits[limit]}, got {value};"
                f" the nearest valid value is {near}"
            )


def _join(prefix: str, name: object) -> str:
    return f"{prefix}.{name}" if prefix else str(name)


def _example(kind: str, limits: Mapping[str, Any]) -> str:
    if kind == "bool":
        return "true"
    if kind.startswith("dict"):
        return "{name: 1.0}"
    if kind == "str":
        return str(limits.get("example", "NAME"))
    if kind == "list[str]":
        return f'["{limits.get("example", "TEXT")}"]'
    number = limits.get("example", limits.get("at_least", 1))
    return f"[{number}]" if kind.startswith("list") else str(number)
