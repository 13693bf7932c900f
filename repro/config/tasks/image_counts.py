"""How large images are and how many there are, before any is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from repro.errors import ConfigError

SIDES = {
    "digits": 8,
    "mnist": 28,
    "fashion-mnist": 28,
    "cifar-10": 32,
    "celeba": 64,
    "imagenet64": 64,
}
TRAIN_IMAGES = {"digits": 1500, "mnist": 60_000, "fashion-mnist": 60_000}
CIFAR_BATCH = 10_000


def train_images(data: Mapping[str, Any]) -> int | None:
    """Training images of a data config, the validation images included; None: not known."""
    if data["dataset"] == "cifar-10":
        return CIFAR_BATCH * len(set(data["batches"]))
    return TRAIN_IMAGES.get(data["dataset"])


def refuse_counts(data: Mapping[str, Any]) -> None:
    """Refuse more validation images, or more images to train on, than there are.

    Raises:
        ConfigError: with the nearest valid value.
    """
    images = train_images(data)
    if images is None:
        return
    if data["validation"] >= images:
        raise ConfigError(
            f"data.validation must be below {images}, the number of training images, got"
            f" {data['validation']}; the nearest valid value is {images - 1}"
        )
    left = images - data["validation"]
    if (data.get("train_images") or 0) > left:
        raise ConfigError(
            f"data.train_images must be at most {left}, the training images that"
            f" data.validation={data['validation']} leaves, got {data['train_images']}"
        )
