"""The tasks of image densities: their kinds, and the limits that tie several values together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from repro.config.tasks.image_counts import SIDES, refuse_counts
from repro.config.tasks.rules import Rules, steps
from repro.errors import ConfigError

GREY = ("digits", "mnist", "fashion-mnist")
LABELLED = ("digits", "mnist", "fashion-mnist", "cifar-10")
RELEASED_SIDE = 32


def side(data: Mapping[str, Any]) -> int:
    """Height and width of a data config's images."""
    return RELEASED_SIDE if data["pictures"] == "released" else SIDES[data["dataset"]]


def validate(config: Mapping[str, Any]) -> None:
    """Refuse a science config whose values are valid one by one but not together.

    Raises:
        ConfigError: with the nearest valid value.
    """
    data, model, evaluation = (config[name] for name in ("data", "model", "evaluation"))
    if data["pictures"] == "released" and data["dataset"] not in GREY:
        raise ConfigError(
            f"data.pictures=released is for grey images ({', '.join(GREY)}), not for"
            f" {data['dataset']}; write data.pictures=plain"
        )
    if evaluation["features"] == "classifier" and data["dataset"] not in LABELLED:
        raise ConfigError(
            f"{data['dataset']} has no labels to train a classifier with; write"
            " evaluation.features=inception"
        )
    if evaluation["sheet"] > evaluation["samples"]:
        raise ConfigError(
            f"evaluation.sheet must be at most evaluation.samples={evaluation['samples']}, got"
            f" {evaluation['sheet']}; the nearest valid value is {evaluation['samples']}"
        )
    refuse_counts(data)
    _check_levels(data, model)
    if model["name"] == "nvf_image":
        _check_latent(model)


def _check_levels(data: Mapping[str, Any], model: Mapping[str, Any]) -> None:
    levels, images = len(model["flow_steps"]), side(data)
    if images % 2**levels:
        most = max(n for n in range(levels) if images % 2**n == 0)
        raise ConfigError(
            f"images of {images} x {images} cannot be halved {levels} times;"
            f" give model.flow_steps at most {most} levels"
        )
    if len(model["flow_widths"]) != levels:
        raise ConfigError(
            f"model.flow_steps has {levels} levels and model.flow_widths"
            f" {len(model['flow_widths'])}; give one width a level"
        )
    if not levels or not model["flow_steps"][-1]:
        raise ConfigError("model.flow_steps must end with a level that has steps, such as [4,8]")


def _check_latent(model: Mapping[str, Any]) -> None:
    if model["likelihood"] == "gaussian" and model["latent"] == "none":
        raise ConfigError(
            "model.likelihood=gaussian needs a latent; write model.latent=continuous"
        )
    width, heads = model["prior_width"], model["prior_heads"]
    if width % heads:
        raise ConfigError(
            f"model.prior_width={width} must be a multiple of model.prior_heads={heads};"
            f" the nearest valid value is {max(1, round(width / heads)) * heads}"
        )


def _kinds(model: str) -> dict[str, tuple[str, ...]]:
    return {
        "data": ("pixels",),
        "model": (model,),
        "training": ("steps",),
        "evaluation": ("images",),
        "fidelity": ("none",),
    }


NVF_IMAGE = Rules(kinds=_kinds("nvf_image"), updates=steps, validate=validate)
IFLOW_IMAGE = Rules(kinds=_kinds("iflow_image"), updates=steps, validate=validate)
