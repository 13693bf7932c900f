"""The tasks `determinants` and `circulant`, which train nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from repro.config.tasks.rules import Rules, none
from repro.errors import ConfigError

FEWEST_LENGTHS = 2  # that make a slope


def check_fit(config: Mapping[str, Any]) -> None:
    """Refuse a fit of times against lengths that has fewer than two lengths.

    Raises:
        ConfigError: with the largest start that leaves two.
    """
    found = config["evaluation"]
    sizes = sorted(found["time_sizes"])
    if sum(size >= found["fit_from"] for size in sizes) < FEWEST_LENGTHS:
        remedy = (
            f"the nearest valid value is {sizes[-FEWEST_LENGTHS]}"
            if len(sizes) >= FEWEST_LENGTHS
            else "list more evaluation.time_sizes"
        )
        raise ConfigError(
            f"evaluation.fit_from={found['fit_from']} leaves fewer than two of"
            f" evaluation.time_sizes; {remedy}"
        )


def _kinds(evaluation: str) -> dict[str, tuple[str, ...]]:
    nothing = dict.fromkeys(("data", "model", "training", "fidelity"), ("none",))
    return {**nothing, "evaluation": (evaluation,)}


DETERMINANTS = Rules(kinds=_kinds("determinants"), updates=none)
CIRCULANT = Rules(kinds=_kinds("circulant"), updates=none, validate=check_fit)
