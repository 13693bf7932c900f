"""The form of a task's rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from repro.errors import ConfigError

Config = Mapping[str, Any]  # a science config


def _nothing_to_tie(config: Config) -> None:
    """Every value stands for itself."""


@dataclass(frozen=True)
class Rules:
    """What a task takes and how long it trains.

    `kinds` lists for each section of the science config the names that the task takes, "" for a
    kind without a name; `validate` refuses values that do not go together, with a ConfigError that
    names the nearest that do; `updates` counts the optimiser's updates of a run.
    """

    kinds: Mapping[str, tuple[str, ...]]
    updates: Callable[[Config], int]
    validate: Callable[[Config], None] = _nothing_to_tie


def refuse_large_batch(config: Config, most: int, what: str) -> None:
    """Refuse batches larger than the data set.

    Raises:
        ConfigError: with the number of `what`, at most which a batch may hold.
    """
    batch = config["training"]["batch_size"]
    if batch > most:
        raise ConfigError(
            f"training.batch_size must be at most {most}, the number of {what}, got {batch};"
            f" the nearest valid value is {most}"
        )


def steps(config: Config) -> int:
    """The updates of a training of the kind `steps`."""
    return int(config["training"]["updates"])


def none(config: Config) -> int:
    """The updates of a task that trains nothing: one, so that its time can be stated."""
    return 1
