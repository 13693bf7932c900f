"""Arms: the variants that an experiment compares, each a few values of the config, never code."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from repro.config.experiment import own_value
from repro.config.seeds import parse_seeds, spell_seeds
from repro.config.shapes import ARMS
from repro.config.tree import Tree
from repro.errors import ConfigError
from repro.jobs import Cell, SeedPair
from repro.nearest import suggestion

NO_ARM = ""


@dataclass(frozen=True)
class Arm:
    """One variant: its values by key or group; the seeds it is limited to (None: it is not)."""

    name: str = NO_ARM
    values: Mapping[str, Any] = field(default_factory=dict)
    data_seeds: frozenset[int] | None = None
    model_seeds: frozenset[int] | None = None

    def seeds(self, asked: Iterable[SeedPair]) -> tuple[SeedPair, ...]:
        """Those of the seeds asked for that the arm is run with."""
        return tuple(
            pair
            for pair in asked
            if (self.data_seeds is None or pair.data_seed in self.data_seeds)
            and (self.model_seeds is None or pair.model_seed in self.model_seeds)
        )


def read_arms(
    tree: Tree, base: Mapping[str, Any], name: str, changes: dict[str, Any], chosen: Sequence[Any]
) -> list[Arm]:
    """The arms of an experiment at a scale, those `chosen` alone; one of no name without any.

    What `changes`, the scale's block, says of arms is taken out of it: values of `arms` replace
    those of the same key, `arm_seeds` and `arm_model_seeds` those of the same arm, and `arm`
    chooses as the command line does.

    Raises:
        ConfigError: an unknown arm, or a key that is no arm's.
    """
    tables = {}
    for word in ARMS:
        tables[word] = _merged(base.get(word) or {}, changes.pop(word, None) or {})
    arms = tables["arms"]
    by_scale = changes.pop("arm", None)
    wanted = [str(one) for one in chosen] or _listed(by_scale) or list(arms)
    for where, names in (("arm=", wanted), *((f"{word}: ", tables[word]) for word in tables)):
        _refuse_unknown(names, arms, name, where)
    return [
        Arm(
            one,
            dict(
                own_value(tree, key, value, f"arm {one} of experiment {name}", whole=True)
                for key, value in (arms[one] or {}).items()
            ),
            _limit(tables["arm_seeds"], one, "arm_seeds"),
            _limit(tables["arm_model_seeds"], one, "arm_model_seeds"),
        )
        for one in dict.fromkeys(wanted)
    ] or [Arm()]


def refuse_varied(arms: Iterable[Arm], axes: Mapping[str, Sequence[Any]], name: str) -> None:
    """Refuse an arm that sets a key which the grid varies.

    Raises:
        ConfigError: naming arm and key.
    """
    for arm in arms:
        for key in arm.values:
            if len(axes.get(key, ())) > 1:
                raise ConfigError(
                    f"arm {arm.name} of experiment {name} sets {key}, which the sweep varies;"
                    " give it in one of the two places"
                )


def refuse_seedless(
    arms: Iterable[Arm], seeds: Sequence[SeedPair], given: Collection[str]
) -> None:
    """Refuse an arm that is limited to seeds which its experiment does not have.

    Seeds that are `given` on the command line may pass arms by.

    Raises:
        ConfigError: naming the arm and the experiment's seeds.
    """
    for arm in arms:
        for key, limit, own in (
            ("seeds", arm.data_seeds, {pair.data_seed for pair in seeds}),
            ("model_seeds", arm.model_seeds, {pair.model_seed for pair in seeds}),
        ):
            if key not in given and limit is not None and limit.isdisjoint(own):
                raise ConfigError(
                    f"arm_{key}.{arm.name}={spell_seeds(limit)} has none of"
                    f" {key}={spell_seeds(own)}, so that the arm is never run; name some of"
                    " these, or choose the other arms with `arm:`"
                )


def refuse_twins(cells: Iterable[Cell], overruled: Mapping[str, Sequence[str]]) -> None:
    """Refuse two arms of an experiment that are the same run.

    `overruled` holds by arm the keys of its own that the command sets.

    Raises:
        ConfigError: naming both.
    """
    seen: dict[str, Cell] = {}
    for cell in cells:
        other = seen.setdefault(cell.id, cell)
        if other.arm == cell.arm:
            continue
        keys = overruled.get(cell.arm) or overruled.get(other.arm) or ()
        with_key = f" with {', '.join(keys)} from the command" if keys else ""
        remedy = f"leave {keys[0]} out here" if keys else "let their values differ"
        raise ConfigError(
            f"the arms {other.arm} and {cell.arm} of experiment {cell.experiment} are the same"
            f" run ({cell.id}) at scale={cell.scale}{with_key}; {remedy}, or choose one with"
            f" arm={other.arm}"
        )


def _merged(table: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A table with a scale's changes to it, a level down where both hold mappings."""
    merged = dict(table)
    for name, value in changes.items():
        inner = merged.get(name)
        both = isinstance(inner, Mapping) and isinstance(value, Mapping)
        merged[name] = {**inner, **value} if both and inner is not None else value
    return merged


def _listed(value: object) -> list[str]:
    if value is None:
        return []
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _refuse_unknown(names: Iterable[str], arms: Iterable[str], name: str, where: str) -> None:
    for one in names:
        if one not in arms:
            hint = suggestion(one, arms)
            raise ConfigError(f"{where}{one} names no arm of experiment {name}; {hint}")


def _limit(table: Mapping[str, Any], arm: str, word: str) -> frozenset[int] | None:
    return frozenset(parse_seeds(table[arm], f"{word}.{arm}")) if arm in table else None
