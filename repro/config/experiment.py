"""What an experiment file says: its words, its grid, its costs, and what each scale changes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from repro.config.nearest import suggestion
from repro.config.overrides import Setting, Sweep
from repro.config.schema import SCALES, SECTIONS, Experiment, Run
from repro.config.tree import Tree
from repro.config.typed import type_experiment
from repro.errors import ConfigError

COST = ("seconds_per_update", "seconds_per_seed", "times", "mib_per_seed")
ABOUT = tuple(item.name for item in dataclasses.fields(Experiment) if item.name not in COST)
RUN_KEYS = tuple(item.name for item in dataclasses.fields(Run))
TOP = tuple(dict.fromkeys(section.partition(".")[0] for section in SECTIONS))
ARMS = ("arms", "arm_seeds", "arm_model_seeds")
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


def refuse_unknown_top(base: Mapping[str, Any], name: str) -> None:
    """Refuse a key that nothing reads.

    Raises:
        ConfigError: with the nearest key.
    """
    for key in base:
        if key not in KNOWN:
            where = f"conf/experiment/{name}.yaml" if name else "conf/config.yaml"
            raise ConfigError(f"{key!s} in {where} is not a key; {suggestion(str(key), KNOWN)}")


def about(tree: Tree, base: Mapping[str, Any], name: str) -> Experiment:
    """What an experiment says besides its science, typed; nothing where there is none.

    Raises:
        ConfigError: a missing or wrong value, or a paper that conf/papers does not have.
    """
    if not name:
        return Experiment("", "", "", None, "", [], {}, {}, None, {})
    where = f"conf/experiment/{name}.yaml"
    found = {key: base[key] for key in ABOUT if key in base}
    cost = base.get("cost") or {}
    for key in cost:
        if key not in COST:
            raise ConfigError(f"{where}: cost.{key} is not a key; {suggestion(key, COST)}")
    empty: dict[str, Any] = {"times": None}
    found |= {key: cost.get(key, empty.get(key, {})) for key in COST}
    try:
        typed = type_experiment(found)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
    papers = tree.choices("papers")
    if typed.paper not in papers:
        hint = suggestion(typed.paper, papers)
        raise ConfigError(f"{where}: paper={typed.paper} is not in conf/papers; {hint}")
    return typed


def block(base: Mapping[str, Any], name: str, scale: str) -> dict[str, Any]:
    """What a scale changes, as key or group -> value.

    Raises:
        ConfigError: a scale that does not exist.
    """
    scales = base.get("scales") or {}
    for key in scales:
        if key not in SCALES:
            hint = suggestion(key, SCALES)
            raise ConfigError(f"scales.{key} of experiment {name} is no scale; {hint}")
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
        model: dict(own_value(tree, key, value, f"{where}, {model}") for key, value in own.items())
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
    setting = tree.vocabulary.setting(key, value)
    if not tree.vocabulary.is_science(setting.key) or (setting.key == "model" and not whole):
        part = "arm" if whole else "model"
        outside = "the arms" if whole else "for_model"
        raise ConfigError(f"{where}: {key} is the same for every {part}; set it outside {outside}")
    if len(setting.values) > 1:
        raise ConfigError(f"{where}: {key} takes one value; sweep it under `sweep` instead")
    return setting.key, setting.values[0]


def sweep(tree: Tree, base: Mapping[str, Any]) -> list[Setting]:
    """The axes of an experiment's grid."""
    axes = base.get("sweep") or {}
    return [
        tree.vocabulary.setting(key, Sweep(tuple(values)) if isinstance(values, list) else values)
        for key, values in axes.items()
    ]
