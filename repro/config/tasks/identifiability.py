"""The task `identifiability`: its kinds, limits that tie several values together, its updates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from repro.config.tasks.rules import Rules, refuse_large_batch
from repro.errors import ConfigError
from repro.nearest import suggestion

FEWEST = 8  # points of a segment on either side of a split: below it no two-sample test is made


def validate(config: Mapping[str, Any]) -> None:
    """Refuse a science config whose values are valid one by one but not together.

    Raises:
        ConfigError: with the nearest valid value.
    """
    check_held_out(config)
    check_batch(config)
    check_primary(config)


def points(data: Mapping[str, Any]) -> int:
    """Training points of a data config."""
    return int(data["segments"]) * (int(data["points_per_segment"]) - held_out(data))


def held_out(data: Mapping[str, Any]) -> int:
    """Points of each segment that are not trained on, as `repro.data.held_out` takes them."""
    return round(int(data["points_per_segment"]) * float(data["held_out"]))


def updates(config: Mapping[str, Any]) -> int:
    """Optimiser updates of a run: epochs x ceil(points / batch), at most `max_updates`."""
    training = config["training"]
    batches = -(-points(config["data"]) // training["batch_size"])
    planned = int(training["epochs"] * batches)
    return planned if training["max_updates"] is None else min(planned, training["max_updates"])


def check_held_out(config: Mapping[str, Any]) -> None:
    """Refuse a share of held-out points that leaves too few for a correlation on either side.

    Raises:
        ConfigError: with the nearest share that does not.
    """
    data = config["data"]
    share, count, held = data["held_out"], data["points_per_segment"], held_out(data)
    least = min(FEWEST, count / 2)
    if share > 0 and not least <= held <= count - least:
        near = min(max(share, least / count), 1 - least / count)
        raise ConfigError(
            f"data.held_out={share} of {count} points a segment leaves {count - held} to train on"
            f" and {held} held out; the nearest valid value is {near:.3g}"
        )


def check_batch(config: Mapping[str, Any]) -> None:
    """Refuse batches larger than the data set.

    Raises:
        ConfigError: with the number of points.
    """
    refuse_large_batch(config, points(config["data"]), "points")


def check_primary(config: Mapping[str, Any]) -> None:
    """Refuse a headline evaluation that is not taken, or that does not lie before the last update.

    Raises:
        ConfigError: with the nearest evaluation that is taken.
    """
    primary, last = config["evaluation"]["primary"], updates(config)
    taken = ["end", *(str(at) for at in config["evaluation"]["at"] if at < last)]
    if primary not in taken:
        raise ConfigError(
            f"evaluation.primary={primary} is not evaluated in a run of {last} updates;"
            f" {suggestion(primary, taken).replace('name', 'value')}"
        )


RULES = Rules(
    kinds={
        "data": ("sources",),
        "model": ("iflow", "ivae"),
        "training": ("",),
        "evaluation": ("",),
        "fidelity": ("",),
    },
    updates=updates,
    validate=validate,
)
