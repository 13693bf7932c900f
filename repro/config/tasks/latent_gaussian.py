"""The tasks on latent Gaussian models: their kinds and limits that tie several values together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from repro.config.tasks.image_counts import SIDES, refuse_counts, train_images
from repro.config.tasks.rules import Rules, refuse_large_batch, steps
from repro.errors import ConfigError


def validate(config: Mapping[str, Any]) -> None:
    """Refuse a science config whose values are valid one by one but not together.

    Raises:
        ConfigError: with the nearest valid value.
    """
    data, evaluation = config["data"], config["evaluation"]
    _check_counts(config)
    if evaluation["split"] == "validation" and not data["validation"]:
        raise ConfigError("evaluation.split=validation needs data.validation, such as 5000")
    _check_likelihood(data, config["model"])
    _check_flow(config["model"])


def validate_gap(config: Mapping[str, Any]) -> None:
    """As `validate`, and refuse what no grid of two latents can measure.

    Raises:
        ConfigError: with the value that is needed.
    """
    _check_counts(config)
    _check_likelihood(config["data"], config["model"])
    _check_flow(config["model"])
    for key, wanted in {"latents": 2, "flow": "none", "annealing": "none"}.items():
        if config["model"][key] != wanted:
            raise ConfigError(
                f"the task inference_gap measures on a grid of two latents, under a Gaussian;"
                f" write model.{key}={wanted}"
            )


def _check_counts(config: Mapping[str, Any]) -> None:
    data = config["data"]
    refuse_counts(data)
    side, size = SIDES[data["dataset"]], data.get("size", 0)
    if size > side:
        raise ConfigError(
            f"data.size must be at most {side}, the side of the images of {data['dataset']}, got"
            f" {size}; the nearest valid value is {side}"
        )
    images = train_images(data)
    if images is not None:
        most = (images - data["validation"]) * data.get("per_image", 1)
        refuse_large_batch(config, most, "training data")


def _check_likelihood(data: Mapping[str, Any], model: Mapping[str, Any]) -> None:
    wanted = "bernoulli" if data["name"] == "binary_images" else "logit_normal"
    if model["likelihood"] != wanted:
        raise ConfigError(
            f"data={data['name']} has no {model['likelihood']} likelihood;"
            f" write model.likelihood={wanted}"
        )


def _check_flow(model: Mapping[str, Any]) -> None:
    if (model["flow"] == "none") != (model["flow_length"] == 0):
        raise ConfigError(
            f"model.flow={model['flow']} does not go with model.flow_length="
            f"{model['flow_length']}; without a flow write none and 0"
        )


RULES = Rules(
    kinds={
        "data": ("binary_images", "image_patches"),
        "model": ("latent_gaussian",),
        "training": ("steps",),
        "evaluation": ("bounds",),
        "fidelity": ("none",),
    },
    updates=steps,
    validate=validate,
)
INFERENCE_GAP = Rules(
    kinds={
        "data": ("binary_images",),
        "model": ("latent_gaussian",),
        "training": ("steps",),
        "evaluation": ("inference_gaps",),
        "fidelity": ("none",),
    },
    updates=steps,
    validate=validate_gap,
)
