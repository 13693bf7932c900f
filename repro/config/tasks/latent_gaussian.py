"""The tasks on latent Gaussian models: their kinds and limits that tie several values together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from repro.config.tasks.rules import Rules, refuse_large_batch, steps
from repro.errors import ConfigError

TRAIN_IMAGES = {"digits": 1500, "mnist": 60_000, "fashion-mnist": 60_000}
CIFAR_BATCH = 10_000


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


def train_images(data: Mapping[str, Any]) -> int:
    """Training images of a data config, the validation images included."""
    if data["dataset"] == "cifar-10":
        return CIFAR_BATCH * len(set(data["batches"]))
    return TRAIN_IMAGES[data["dataset"]]


def _check_counts(config: Mapping[str, Any]) -> None:
    data, images = config["data"], train_images(config["data"])
    if data["validation"] >= images:
        raise ConfigError(
            f"data.validation must be below {images}, the number of training images, got"
            f" {data['validation']}; the nearest valid value is {images - 1}"
        )
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
