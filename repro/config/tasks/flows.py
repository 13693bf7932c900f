"""The tasks `gin_sources` and `density_fit`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from repro.config.tasks.rules import Rules, refuse_large_batch, steps
from repro.errors import ConfigError


def check_batch(config: Mapping[str, Any]) -> None:
    """Refuse batches larger than the data set.

    Raises:
        ConfigError: with the number of points.
    """
    refuse_large_batch(config, config["data"]["points"], "points")


def check_density(config: Mapping[str, Any]) -> None:
    """Refuse batches larger than the data set, and a boundary where nothing is convolved.

    Raises:
        ConfigError: with the nearest valid value.
    """
    check_batch(config)
    model = config["model"]
    if model.get("transformer") == "affine" and model["boundary"] != "circular":
        raise ConfigError(
            f"model.boundary={model['boundary']} is of convolutions, and"
            " model.transformer=affine has none; set model.transformer=convolution"
        )


def check_sources(config: Mapping[str, Any]) -> None:
    """Refuse more sources than dimensions, and batches larger than the data set.

    Raises:
        ConfigError: with the nearest valid value.
    """
    check_batch(config)
    sources, dim = config["data"]["sources"], config["data"]["dim"]
    if sources > dim:
        raise ConfigError(
            f"data.sources must be at most data.dim={dim}, got {sources};"
            f" the nearest valid value is {dim}"
        )


def _kinds(data: tuple[str, ...], model: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    nothing = ("none",)
    return {
        "data": data,
        "model": model,
        "training": ("steps",),
        "evaluation": nothing,
        "fidelity": nothing,
    }


GIN_SOURCES = Rules(
    kinds=_kinds(("hidden_sources",), ("gin",)), updates=steps, validate=check_sources
)
DENSITY_FIT = Rules(
    kinds=_kinds(("mixture", "waves"), ("coupling_flow", "convolution_stack")),
    updates=steps,
    validate=check_density,
)
