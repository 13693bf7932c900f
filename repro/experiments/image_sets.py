"""Image data sets as a data config asks for them: pixels and labels to train, choose and test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from repro.data.images import Images, digest, load_images
from repro.data.large_images import LARGE, load_large
from repro.errors import DataError
from repro.models.pixels import Pixels, as_released

RELEASED_SIDE = 32


@dataclass(frozen=True)
class ImageSet:
    """Pixels (N, C, H, W), bytes, and labels (N,) of three parts, and the arrays' SHA-256."""

    train: Tensor
    train_labels: Tensor
    validation: Tensor
    test: Tensor
    test_labels: Tensor
    sha256: dict[str, str]

    @property
    def image(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        channels, height, width = self.train.shape[1:]
        return channels, height, width

    @property
    def classes(self) -> int:
        """The number of classes, by the training labels."""
        return int(self.train_labels.max()) + 1


def image_set(data: Mapping[str, Any], root: Path) -> ImageSet:
    """The images of a data config of the kind `pixels`, below the data root.

    Raises:
        DataError: if files are missing or damaged, or there are too few images.
    """
    images = _load(data, root)
    kept = len(images.train) - data["validation"]
    wanted = data["train_images"] or kept
    if wanted > kept or kept < 1:
        raise DataError(
            f"{data['dataset']} has {len(images.train)} training images, too few for"
            f" data.train_images={wanted} and data.validation={data['validation']}; lower them"
        )
    tested = slice(data["test_images"])
    return ImageSet(
        train=_shown(data, images.train[:wanted]),
        train_labels=torch.from_numpy(images.train_labels[:wanted]).long(),
        validation=_shown(data, images.train[kept:]),
        test=_shown(data, images.test[tested]),
        test_labels=torch.from_numpy(images.test_labels[tested]).long(),
        sha256={"train": digest(images.train), "test": digest(images.test)},
    )


def pixels_of(data: Mapping[str, Any]) -> Pixels:
    """How a density sees the pixels of a data config."""
    return Pixels(data["bits"], data["noise"], data["scale"], data["margin"])


def _load(data: Mapping[str, Any], root: Path) -> Images:
    if data["dataset"] in LARGE:
        return load_large(data["dataset"], root)
    return load_images(data["dataset"], root, data["batches"])


def _shown(data: Mapping[str, Any], pixels: Any) -> Tensor:  # noqa: ANN401 - an array of bytes
    images = torch.from_numpy(pixels)
    return as_released(images, RELEASED_SIDE) if data["pictures"] == "released" else images
