"""Composes, types and freezes everything that a command asks for before anything runs."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repro.config.arms import Arm, read_arms, refuse_seedless, refuse_twins, refuse_varied
from repro.config.cost import mib_per_seed, seconds_per_seed
from repro.config.experiment import (
    about,
    block,
    cost,
    for_model,
    refuse_unknown_top,
    settings,
    sweep,
)
from repro.config.folders import folder, folder_words
from repro.config.identity import identity
from repro.config.overrides import SEED_KEYS, Setting, parse_words
from repro.config.resolve import Settled, resolve
from repro.config.schema import SCALES, Cost, Experiment
from repro.config.seeds import parse_seeds
from repro.config.shapes import refuse_shapes
from repro.config.tree import Choices, Tree
from repro.config.where import experiment_file, within, within_experiment
from repro.errors import ConfigError
from repro.jobs import Cell, SeedPair
from repro.nearest import suggestion

NO_EXPERIMENT = ""


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
    offline: bool = False
    folders: tuple[str, ...] = ()  # the words that named folders, as they were given
    chosen: tuple[str, ...] = ()  # the words that said which of the experiment's runs

    @property
    def notes(self) -> list[str]:
        """Deviations and reductions, in this order."""
        return [*self.about.deviations, *self.reductions]

    def told(self, command: str) -> str:
        """A command to print, with the folders of the one that was given: it finds the same."""
        return " ".join([command, *map(shlex.quote, self.folders)])


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
    given = read_settings(tree, words)
    names, scales = given.pop("experiment", ()), given.pop("scale", ())
    if need_experiment and not names:
        listed = ", ".join([*tree.experiments, "all"])
        raise ConfigError(f"run needs an experiment; add experiment=NAME with one of {listed}")
    if not names or "all" in names:
        names = tuple(tree.experiments)
    unused = set(given)
    found = []
    for name, scale in itertools.product(names, scales or (_default_scale(tree),)):
        with within_experiment(name, scale):
            found.append(_composition(tree, name, scale, given, unused))
    _refuse_unused(unused, names)
    return found


def named_experiments(words: Sequence[str]) -> tuple[str, ...]:
    """The experiments that the overrides name, `all` as it is; none where they name none.

    Raises:
        ConfigError: as `read_settings`.
    """
    return read_settings(Tree(), words).get("experiment", ())


def means_all(words: Sequence[str]) -> bool:
    """Whether the overrides ask for every experiment, by name or by naming none."""
    named = named_experiments(words)
    return not named or "all" in named


def compose_defaults(tree: Tree, words: Sequence[str]) -> Composition:
    """The tree without an experiment: its defaults, changed by the overrides."""
    given = read_settings(tree, words)
    scale, *others = given.pop("scale", (_default_scale(tree),))
    if others:
        raise ConfigError(
            f"scale={_spelt((scale, *others))} names several; without an experiment write one,"
            f" as in scale={scale}"
        )
    given.pop("experiment", None)
    unused = set(given)
    found = _composition(tree, NO_EXPERIMENT, scale, given, unused)
    _refuse_unused(unused, ["the defaults"])
    return found


def read_settings(tree: Tree, words: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    """Checked values of each key on the command line.

    Raises:
        ConfigError: an unknown key, choice or scale, or two values for one key.
    """
    for word in words:
        tree.vocabulary.refuse_bare(word)
    pairs = parse_words(words)
    found = [tree.vocabulary.setting(key, value) for key, value in pairs]
    merged = _merge(found)
    for one in found:
        if one.values != merged[one.key]:
            both = " and as ".join(_spelt(values) for values in (one.values, merged[one.key]))
            raise ConfigError(f"{one.key} is given twice, as {both}; leave one of them out")
    for scale in merged.get("scale", ()):
        if scale not in SCALES:
            raise ConfigError(f"scale={scale} does not exist; {suggestion(str(scale), SCALES)}")
    return merged


def _composition(
    tree: Tree, name: str, scale: str, command: Mapping[str, Any], unused: set[str]
) -> Composition:
    base = tree.compose(_choice(name))
    refuse_unknown_top(tree, base, name)
    with within(experiment_file(name)):
        refuse_shapes(base)
    said = about(tree, base, name)
    changes = block(base, name, scale)
    reductions = tuple(changes.pop("reductions", None) or ())
    arms = read_arms(tree, base, name, changes, command.get("arm", ()))
    given = {key: values for key, values in command.items() if key != "arm"}
    merged = _merge(
        [
            *sweep(tree, base, name),
            *settings(tree, changes, f"scales.{scale} of experiment {name}"),
            *(Setting(key, values) for key, values in given.items()),
        ]
    )
    seeds = _seed_pairs(base, merged)
    refuse_seedless(arms, seeds, given)
    unused -= {"seeds", "model_seeds", "arm"}
    refuse_varied(arms, {k: v for k, v in merged.items() if k not in given}, name)
    own = Own(name, for_model(tree, base, name), str(base["model"].get("name")), given)
    resolved = []
    for arm, point in itertools.product(arms, _points(merged)):
        with within_experiment(name, scale, arm.name):
            one = resolve(tree, _choice(name), scale, own.values(point, arm), unused)
        resolved.append((arm, one))
    priced = cost(base, name) if name else None
    cells = [_cell(name, scale, arm, one.config, seeds, priced) for arm, one in resolved]
    cells = [cell for cell in cells if cell.seeds]
    if not cells:
        raise ConfigError(f"no arm of experiment {name} is run with these seeds; choose others")
    refuse_twins(cells, {arm.name: sorted(arm.values.keys() & given.keys()) for arm in arms})
    first = resolved[0][1]
    return Composition(
        experiment=name,
        scale=scale,
        task=first.config["task"],
        about=said,
        reductions=reductions,
        cells=tuple({cell.id: cell for cell in cells}.values()),
        run=first.run,
        launcher=first.launcher,
        results=folder(first.paths, "results"),
        data=folder(first.paths, "data"),
        locks=None if first.paths["locks"] is None else folder(first.paths, "locks"),
        spill=folder(first.paths, "spill"),
        offline=first.paths["offline"],
        folders=folder_words(given),
        chosen=tuple(
            f"{key}={_spelt(values)}"
            for key, values in command.items()
            if key in ("arm", *SEED_KEYS) or tree.vocabulary.is_science(key)
        ),
    )


@dataclass(frozen=True)
class Own:
    """What an experiment's models and arms have of their own."""

    experiment: str
    models: Mapping[str, Mapping[str, Any]]
    model: str  # where no point and no arm chooses one
    given: Collection[str]  # keys of the command line, which win over an arm's

    def values(self, point: Mapping[str, Any], arm: Arm) -> Settled:
        """The values of a point of the sweep by precedence, and which of them must be taken."""
        kept = {key: value for key, value in arm.values.items() if key not in self.given}
        model = self.models.get({**point, **kept}.get("model", self.model), {})
        name = self.experiment
        where = {key: f"for_model of experiment {name} sets {key}" for key in model}
        where |= {key: f"arm {arm.name} of experiment {name} sets {key}" for key in kept}
        sure = {key: text for key, text in where.items() if key in kept or key not in point}
        return Settled({**model, **point, **kept}, sure)


def _choice(name: str) -> Choices:
    return (("experiment", name),) if name else ()


def _default_scale(tree: Tree) -> str:
    return str(tree.root.get("scale", "quick"))


def _merge(found: Iterable[Setting]) -> dict[str, tuple[Any, ...]]:
    return {setting.key: setting.values for setting in found}


def _spelt(values: Sequence[Any]) -> str:
    return ",".join(_spelt_one(value) for value in values)


def _spelt_one(value: object) -> str:
    """A value as an override has it."""
    if isinstance(value, list | tuple):
        return f"[{_spelt(value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else str(value)


def _refuse_unused(unused: set[str], names: Iterable[str]) -> None:
    if unused:
        key = sorted(unused)[0]
        section = key.partition(".")[0]
        raise ConfigError(
            f"{key} is a key of another {section} than those of {', '.join(names)};"
            f" choose that {section} with {section}=NAME or leave {key} out"
        )


def _seed_pairs(
    base: Mapping[str, Any], values: dict[str, tuple[Any, ...]]
) -> tuple[SeedPair, ...]:
    data, model = (
        parse_seeds(values.pop(key, (base.get(key),))[0], key) for key in ("seeds", "model_seeds")
    )
    return tuple(SeedPair(d, m) for m in model for d in data)


def _points(axes: Mapping[str, tuple[Any, ...]]) -> list[dict[str, Any]]:
    """The cross product of all axes, as Hydra's multirun makes it."""
    return [dict(zip(axes, point, strict=True)) for point in itertools.product(*axes.values())]


def _cell(
    name: str,
    scale: str,
    arm: Arm,
    config: dict[str, Any],
    seeds: tuple[SeedPair, ...],
    priced: Cost | None,
) -> Cell:
    return Cell(
        experiment=name,
        scale=scale,
        id=identity(config),
        task=config["task"],
        config=config,
        seeds=arm.seeds(seeds),
        seconds_per_seed=seconds_per_seed(priced, name, arm.name, config) if priced else 0.0,
        mib_per_seed=mib_per_seed(priced, arm.name, config) if priced else 0.0,
        arm=arm.name,
    )
