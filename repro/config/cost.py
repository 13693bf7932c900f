"""What a seed of a cell costs, from what its experiment states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from repro.config.overrides import typed_keys
from repro.config.schema import Cost
from repro.config.tasks import rules
from repro.errors import ConfigError
from repro.nearest import suggestion
from repro.nested import flatten


def seconds_per_seed(cost: Cost, name: str, arm: str, config: Mapping[str, Any]) -> float:
    """Seconds of a seed on one core: a fixed part, and each update's.

    Raises:
        ConfigError: the experiment states neither, or multiplies by what is no number.
    """
    update = _by_arm_or_model(cost.seconds_per_update, arm, config)
    fixed = _by_arm_or_model(cost.seconds_per_seed, arm, config)
    if update is None and fixed is None:
        model = config["model"]["name"]
        raise ConfigError(
            f"experiment {name} states no cost for {model};"
            f" add cost.seconds_per_update.{model} to conf/experiment/{name}.yaml"
        )
    times = _times(cost, name, config)
    return (update or 0.0) * times * rules(config["task"]).updates(config) + (fixed or 0.0)


def mib_per_seed(cost: Cost, arm: str, config: Mapping[str, Any]) -> float:
    """The most memory that a seed of a pack takes; 0 where nothing is stated."""
    return _by_arm_or_model(cost.mib_per_seed, arm, config) or 0.0


def _by_arm_or_model(
    table: Mapping[str, float], arm: str, config: Mapping[str, Any]
) -> float | None:
    """The entry of the arm where there is one, else of the model, else None."""
    return table.get(arm, table.get(config["model"]["name"]))


def _times(cost: Cost, name: str, config: Mapping[str, Any]) -> float:
    if cost.times is None:
        return 1.0
    known = typed_keys()
    if cost.times not in known:
        raise ConfigError(
            f"conf/experiment/{name}.yaml: cost.times={cost.times} is not a key;"
            f" {suggestion(cost.times, known)}"
        )
    flat = flatten(config)
    value = flat.get(cost.times, 1)  # a model without the key costs what is stated
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        numbers = [key for key, one in flat.items() if isinstance(one, (int, float))]
        raise ConfigError(
            f"conf/experiment/{name}.yaml: cost.times={cost.times} is no number;"
            f" {suggestion(cost.times, numbers)}"
        )
    return float(value)
