"""A composition in plain values, as `repro config` prints it."""

from __future__ import annotations

from typing import Any

from repro.config.compose import Composition
from repro.config.seeds import spell_seeds


def described(composition: Composition) -> dict[str, Any]:
    """Everything that a composition has settled, its configs by their ids."""
    seeds = composition.cells[0].seeds
    return {
        "experiment": composition.experiment or None,
        "scale": composition.scale,
        "seeds": spell_seeds(pair.data_seed for pair in seeds),
        "model_seeds": spell_seeds(pair.model_seed for pair in seeds),
        "run": composition.run,
        "launcher": composition.launcher,
        "paths": {
            "results": str(composition.results),
            "data": str(composition.data),
            "locks": composition.locks and str(composition.locks),
            "spill": str(composition.spill),
        },
        **_arms(composition),
        "configs": {cell.id: cell.config for cell in composition.cells},
    }


def _arms(composition: Composition) -> dict[str, Any]:
    """The ids of each arm, for an experiment with arms."""
    arms: dict[str, list[str]] = {}
    for cell in composition.cells:
        arms.setdefault(cell.arm, []).append(cell.id)
    return {"arms": arms} if any(arms) else {}
