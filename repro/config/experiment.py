"""What an experiment file says: its words, its grid, its costs, and what each scale changes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from repro.config.defaults import has_header, without_header
from repro.config.overrides import OUTER_KEYS, Setting, Sweep
from repro.config.schema import SCALES, SECTIONS, Cost, Experiment, Run
from repro.config.shapes import ARMS, spelt
from repro.config.tree import Tree
from repro.config.typed import type_cost, type_experiment
from repro.config.where import experiment_file, within
from repro.errors import ConfigError
from repro.figures.registry import FIGURES
from repro.nearest import suggestion

WHOLE = "paper"  # the scale that changes nothing, whether a file says so or not
ABOUT = tuple(item.name for item in dataclasses.fields(Experiment))
RUN_KEYS = tuple(item.name for item in dataclasses.fields(Run))
TOP = tuple(dict.fromkeys(section.partition(".")[0] for section in SECTIONS))
KNOWN = {
    *TOP,
    *RUN_KEYS,
    *ABOUT,
    *ARMS,
    "task",
    "seeds",
    "model_seeds",
    "shorthands",
    "for_model",
    "sweep",
    "cost",
    "scales",
}


def refuse_unknown_top(tree: Tree, base: Mapping[str, Any], name: str) -> None:
    """Refuse a key that nothing reads.

    Raises:
        ConfigError: with the nearest key, or the line that the file has to begin with.
    """
    for key in base:
        if key not in KNOWN:
            if name and not has_header(tree.folder / "experiment" / f"{name}.yaml"):
                raise without_header(name)
            hint = suggestion(str(key), KNOWN)
            raise ConfigError(f"{key!s} in {experiment_file(name)} is not a key; {hint}")


def about(tree: Tree, base: Mapping[str, Any], name: str) -> Experiment:
    """What an experiment says in words, typed; nothing where there is none.

    Raises:
        ConfigError: a missing or wrong value, or a paper or figure that does not exist.
    """
    if not name:
        return Experiment("", "", "", None, "", [])
    with within(experiment_file(name)):
        typed = type_experiment({key: base[key] for key in ABOUT if key in base})
        papers = tree.choices("papers")
        if typed.paper not in papers:
            hint = suggestion(typed.paper, papers)
            raise ConfigError(f"paper={typed.paper} is not in conf/papers; {hint}")
        if typed.figures is not None and typed.figures not in FIGURES:
            hint = suggestion(typed.figures, FIGURES)
            raise ConfigError(f"figures={typed.figures} is not drawn by anything; {hint}")
    return typed


def cost(base: Mapping[str, Any], name: str) -> Cost:
    """What an experiment says of its cost, typed.

    Raises:
        ConfigError: an unknown key or a wrong value.
    """
    with within(experiment_file(name)):
        return type_cost(base.get("cost") or {})


def block(base: Mapping[str, Any], name: str, scale: str) -> dict[str, Any]:
    """What a scale changes, as key or group -> value.

    Raises:
        ConfigError: a scale that does not exist, or that the experiment does not have.
    """
    scales = base.get("scales") or {}
    for key in scales:
        if key not in SCALES:
            hint = suggestion(key, SCALES)
            raise ConfigError(f"scales.{key} of experiment {name} is no scale; {hint}")
    if name and scale not in scales and scale != WHOLE:
        own = "|".join(dict.fromkeys([*scales, WHOLE]))
        raise ConfigError(
            f"experiment {name} has no scale={scale}; choose scale={own}, or write what it changes"
            f" under scales in {experiment_file(name)}, `{scale}: {{}}` for nothing"
        )
    return dict(scales.get(scale) or {})


def for_model(tree: Tree, base: Mapping[str, Any], name: str) -> dict[str, dict[str, Any]]:
    """What an experiment sets for the cells of one model alone: model -> key or group -> value.

    Raises:
        ConfigError: an unknown model, or a key that is not one model's.
    """
    where = f"for_model of experiment {name}"
    blocks: dict[str, dict[str, Any]] = base.get("for_model") or {}
    models = tree.choices("model")
    for model in blocks:
        if model not in models:
            raise ConfigError(f"{where} names the model {model}; {suggestion(model, models)}")
    return {
        model: dict(
            own_value(tree, key, value, f"{where}, {model}") for key, value in (own or {}).items()
        )
        for model, own in blocks.items()
    }


def own_value(
    tree: Tree, key: str, value: object, where: str, whole: bool = False
) -> tuple[str, Any]:
    """A key or group and the one value that a part of an experiment's cells has for it.

    Only a part that is `whole` may choose its model.

    Raises:
        ConfigError: no key of the science config, or several values.
    """
    setting = _setting(tree, key, value, where)
    if not tree.vocabulary.is_science(setting.key) or (setting.key == "model" and not whole):
        part = "arm" if whole else "model"
        outside = "the arms" if whole else "for_model"
        raise ConfigError(f"{where}: {key} is the same for every {part}; set it outside {outside}")
    if len(setting.values) > 1:
        raise ConfigError(f"{where}: {key} takes one value; sweep it under `sweep` instead")
    return setting.key, setting.values[0]


def sweep(tree: Tree, base: Mapping[str, Any], name: str) -> list[Setting]:
    """The axes of an experiment's grid.

    Raises:
        ConfigError: as `settings`.
    """
    axes = {
        key: Sweep(tuple(values)) if isinstance(values, list) else values
        for key, values in (base.get("sweep") or {}).items()
    }
    return settings(tree, axes, f"sweep of experiment {name}")


def settings(tree: Tree, table: Mapping[str, Any], where: str) -> list[Setting]:
    """The keys and values of a part of an experiment's file.

    Raises:
        ConfigError: an unknown key or choice, or a key of the command line alone.
    """
    for key in table:
        if key in OUTER_KEYS:
            raise ConfigError(f"{where}: {key} is chosen on the command line; leave it out here")
    return [_setting(tree, key, value, where) for key, value in table.items()]


def _setting(tree: Tree, key: str, value: object, where: str) -> Setting:
    with within(where):
        group = tree.vocabulary.key(key)
        if isinstance(value, Mapping) and group in tree.vocabulary.groups:
            inner, one = next(iter(value.items()), ("KEY", "VALUE"))
            raise ConfigError(
                f"{key} takes no mapping, got {spelt(value)};"
                f" write each key with its dots, as in"
                f" `{group.replace('/', '.')}.{inner}: {spelt(one)}`"
            )
        return tree.vocabulary.setting(key, value)
