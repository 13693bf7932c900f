"""Composes, types and freezes everything that a command asks for before anything runs."""

from __future__ import annotations

import copy
import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from repro.config.identity import identity, science
from repro.config.nearest import suggestion
from repro.config.overrides import Setting, Sweep, parse_words
from repro.config.schema import NOT_IDENTITY, SCALES, SCIENCE, SECTIONS, Experiment, Run
from repro.config.seeds import parse_seeds
from repro.config.tasks import check_kinds, rules
from repro.config.tree import Choices, Tree
from repro.config.typed import type_experiment, type_run, type_section
from repro.errors import ConfigError
from repro.experiments.registry import known
from repro.jobs import Cell, SeedPair

ABOUT = tuple(item.name for item in dataclasses.fields(Experiment))
RUN = tuple(item.name for item in dataclasses.fields(Run))
TOP = tuple(dict.fromkeys(section.partition(".")[0] for section in SECTIONS))
KNOWN = {
    *TOP,
    *RUN,
    *ABOUT,
    "task",
    "seeds",
    "model_seeds",
    "shorthands",
    "for_model",
    "sweep",
    "cost",
    "scales",
}
NO_EXPERIMENT = ""
_PARTS = [*TOP, *RUN, "task"]


@dataclass(frozen=True)
class Composition:
    """An experiment at a scale: its frozen cells, and what surrounds them.

    `run` holds device, threads, keep_arrays and a training's checkpoint_minutes; `launcher` its
    typed section; `notes` what a table prints beneath itself: deviations, then reductions.
    """

    experiment: str
    scale: str
    task: str
    about: Experiment
    reductions: tuple[str, ...]
    cells: tuple[Cell, ...]
    run: dict[str, Any]
    launcher: dict[str, Any]
    results: Path
    data: Path
    locks: Path | None
    spill: Path

    @property
    def notes(self) -> list[str]:
        """Deviations and reductions, in this order."""
        return [*self.about.deviations, *self.reductions]


@dataclass(frozen=True)
class Resolved:
    """One resolved and typed combination of a sweep."""

    config: dict[str, Any]  # the science config
    run: dict[str, Any]
    launcher: dict[str, Any]
    paths: dict[str, Any]


def compose_all(words: Sequence[str], need_experiment: bool = False) -> list[Composition]:
    """Every experiment and scale that the overrides ask for; all experiments where none is named.

    Raises:
        ConfigError: anything that cannot be run, with the nearest valid name or value.
    """
    return compose_tree(Tree(), words, need_experiment)


def compose_tree(
    tree: Tree, words: Sequence[str], need_experiment: bool = False
) -> list[Composition]:
    """As `compose_all`, from a given conf tree."""
    settings = read_settings(tree, words)
    names, scales = settings.pop("experiment", ()), settings.pop("scale", ())
    if need_experiment and not names:
        listed = ", ".join([*tree.experiments, "all"])
        raise ConfigError(f"run needs an experiment; add experiment=NAME with one of {listed}")
    if not names or "all" in names:
        names = tuple(tree.experiments)
    unused = set(settings)
    found = [
        _composition(tree, name, scale, settings, unused)
        for name, scale in itertools.product(names, scales or (_default_scale(tree),))
    ]
    _refuse_unused(unused, names)
    return found


def compose_defaults(tree: Tree, words: Sequence[str]) -> Composition:
    """The tree without an experiment: its defaults, changed by the overrides."""
    settings = read_settings(tree, words)
    scale = settings.pop("scale", (_default_scale(tree),))[0]
    settings.pop("experiment", None)
    unused = set(settings)
    found = _composition(tree, NO_EXPERIMENT, scale, settings, unused)
    _refuse_unused(unused, ["the defaults"])
    return found


def read_settings(tree: Tree, words: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    """Checked values of each key on the command line; a later word for a key replaces the earlier.

    Raises:
        ConfigError: an unknown key, choice or scale.
    """
    pairs = parse_words(words)
    settings = [tree.vocabulary.setting(key, value) for key, value in pairs]
    merged = _merge(settings)
    for scale in merged.get("scale", ()):
        if scale not in SCALES:
            raise ConfigError(f"scale={scale} does not exist; {suggestion(str(scale), SCALES)}")
    return merged


def _composition(
    tree: Tree, name: str, scale: str, command: Mapping[str, Any], unused: set[str]
) -> Composition:
    base = tree.compose(_choice(name))
    _refuse_unknown_top(base, name)
    about = _about(base, name)
    own = _for_model(tree, base, name)
    block = _block(base, name, scale)
    reductions = tuple(block.pop("reductions", ()))
    settings = _merge(
        [
            *_sweep(tree, base),
            *(tree.vocabulary.setting(key, value) for key, value in block.items()),
            *(Setting(key, values) for key, values in command.items()),
        ]
    )
    seeds = _seed_pairs(base, settings)
    unused -= {"seeds", "model_seeds"}
    model = str(base["model"]["name"])
    resolved = [
        _resolve(tree, name, scale, point, own.get(point.get("model", model), {}), unused)
        for point in _points(settings)
    ]
    cells = [_cell(name, scale, one.config, seeds, about) for one in resolved]
    first = resolved[0]
    return Composition(
        experiment=name,
        scale=scale,
        task=first.config["task"],
        about=about,
        reductions=reductions,
        cells=tuple({cell.id: cell for cell in cells}.values()),
        run=first.run,
        launcher=first.launcher,
        results=_folder(first.paths["results"]),
        data=_folder(first.paths["data"]),
        locks=None if first.paths["locks"] is None else _folder(first.paths["locks"]),
        spill=_folder(first.paths["spill"]),
    )


def _folder(name: str) -> Path:
    return Path(name).expanduser().absolute()


def _choice(name: str) -> Choices:
    return (("experiment", name),) if name else ()


def _default_scale(tree: Tree) -> str:
    return str(tree.root.get("scale", "quick"))


def _merge(settings: Iterable[Setting]) -> dict[str, tuple[Any, ...]]:
    return {setting.key: setting.values for setting in settings}


def _refuse_unused(unused: set[str], names: Iterable[str]) -> None:
    if unused:
        key = sorted(unused)[0]
        section = key.partition(".")[0]
        raise ConfigError(
            f"{key} is a key of another {section} than those of {', '.join(names)};"
            f" choose that {section} with {section}=NAME or leave {key} out"
        )


def _refuse_unknown_top(base: DictConfig, name: str) -> None:
    for key in base:
        if key not in KNOWN:
            where = f"conf/experiment/{name}.yaml" if name else "conf/config.yaml"
            raise ConfigError(f"{key!s} in {where} is not a key; {suggestion(str(key), KNOWN)}")


def _about(base: DictConfig, name: str) -> Experiment:
    if not name:
        return Experiment("", "", None, "", [], {}, {})
    found = {key: base[key] for key in ABOUT if key in base}
    cost = base.get("cost") or {}
    for measured in ("seconds_per_update", "mib_per_seed"):
        found[measured] = cost.get(measured, {})
    try:
        return type_experiment(found)
    except ConfigError as error:
        raise ConfigError(f"conf/experiment/{name}.yaml: {error}") from None


def _block(base: DictConfig, name: str, scale: str) -> dict[str, Any]:
    scales = _plain(base.get("scales")) or {}
    for key in scales:
        if key not in SCALES:
            hint = suggestion(key, SCALES)
            raise ConfigError(f"scales.{key} of experiment {name} is no scale; {hint}")
    return dict(scales.get(scale) or {})


def _for_model(tree: Tree, base: DictConfig, name: str) -> dict[str, dict[str, Any]]:
    """What an experiment sets for the cells of one model alone: model -> key or group -> value."""
    where = f"for_model of experiment {name}"
    blocks: dict[str, dict[str, Any]] = _plain(base.get("for_model")) or {}
    models = tree.choices("model")
    for model in blocks:
        if model not in models:
            raise ConfigError(f"{where} names the model {model}; {suggestion(model, models)}")
    return {
        model: dict(
            _own_value(tree, key, value, f"{where}, {model}") for key, value in own.items()
        )
        for model, own in blocks.items()
    }


def _own_value(tree: Tree, key: str, value: object, where: str) -> tuple[str, Any]:
    setting = tree.vocabulary.setting(key, value)
    if not tree.vocabulary.is_science(setting.key) or setting.key == "model":
        raise ConfigError(f"{where}: {key} is the same for every model; set it outside for_model")
    if len(setting.values) > 1:
        raise ConfigError(f"{where}: {key} takes one value; sweep it under `sweep` instead")
    return setting.key, setting.values[0]


def _sweep(tree: Tree, base: DictConfig) -> list[Setting]:
    axes = _plain(base.get("sweep")) or {}
    return [
        tree.vocabulary.setting(key, Sweep(tuple(values)) if isinstance(values, list) else values)
        for key, values in axes.items()
    ]


def _plain(node: object) -> Any:  # noqa: ANN401 - whatever YAML holds
    return OmegaConf.to_container(node) if OmegaConf.is_config(node) else node


def _seed_pairs(base: DictConfig, settings: dict[str, tuple[Any, ...]]) -> tuple[SeedPair, ...]:
    data, model = (
        parse_seeds(settings.pop(key, (_plain(base.get(key)),))[0], key)
        for key in ("seeds", "model_seeds")
    )
    return tuple(SeedPair(d, m) for m in model for d in data)


def _points(settings: Mapping[str, tuple[Any, ...]]) -> list[dict[str, Any]]:
    """The cross product of all axes, as Hydra's multirun makes it."""
    return [
        dict(zip(settings, point, strict=True)) for point in itertools.product(*settings.values())
    ]


def _resolve(
    tree: Tree,
    name: str,
    scale: str,
    point: Mapping[str, Any],
    own: Mapping[str, Any],
    unused: set[str],
) -> Resolved:
    """One point of the sweep on top of what its model's cells have of their `own`."""
    values = {**own, **point}
    groups = {key: value for key, value in values.items() if key in tree.vocabulary.groups}
    unused -= set(groups)
    config = copy.deepcopy(OmegaConf.masked_copy(tree.varied(_choice(name), groups), _PARTS))
    for key, value in values.items():
        if key not in groups and _takes(config, key):
            _set(config, key, value)
            unused.discard(key)
        elif key not in groups and key not in point:
            raise ConfigError(
                f"for_model of experiment {name} sets {key}, which that model does not have;"
                " leave it out or name the other model"
            )
    config["scale"] = scale
    return _freeze(config)


def _takes(config: DictConfig, key: str) -> bool:
    parent, _, last = key.rpartition(".")
    node = OmegaConf.select(config, parent) if parent else config
    return isinstance(node, DictConfig) and last in node.keys()  # noqa: SIM118 - null counts


def _set(config: DictConfig, key: str, value: object) -> None:
    try:
        OmegaConf.update(config, key, value, merge=False)
    except OmegaConfBaseException:
        raise ConfigError(f"{key} does not take {value}; write {key}=VALUE") from None


def _freeze(config: DictConfig) -> Resolved:
    plain = _resolved_container(config)
    sections = {name: dict(plain[name]) for name in TOP}
    task = _task(plain["task"])
    check_kinds(task, sections)
    typed = {name: _typed_section(name, values) for name, values in sections.items()}
    frozen = science({"task": task} | {name: typed[name] for name in SCIENCE})
    rules(task).validate(frozen)
    kept_out = {k: v for k, v in typed["training"].items() if k in NOT_IDENTITY["training"]}
    run = type_run({key: plain[key] for key in RUN})
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


def _resolved_container(config: DictConfig) -> dict[str, Any]:
    try:
        return OmegaConf.to_container(config, resolve=True)  # type: ignore[return-value]
    except OmegaConfBaseException as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"a reference in the configuration leads nowhere ({reason}); write a plain value"
        ) from None


def _task(name: object) -> str:
    if name not in known():
        raise ConfigError(f"task={name} does not exist; {suggestion(str(name), known())}")
    return str(name)


def _cell(
    name: str, scale: str, config: dict[str, Any], seeds: tuple[SeedPair, ...], about: Experiment
) -> Cell:
    model = config["model"]["name"]
    if name and model not in about.seconds_per_update:
        raise ConfigError(
            f"experiment {name} states no cost for {model};"
            f" add cost.seconds_per_update.{model} to conf/experiment/{name}.yaml"
        )
    seconds = about.seconds_per_update.get(model, 0.0) * rules(config["task"]).updates(config)
    memory = about.mib_per_seed.get(model, 0.0)
    return Cell(name, scale, identity(config), config["task"], config, seeds, seconds, memory)
