"""Images as rows of numbers to train on and to measure on, as a data config asks for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from repro.data.binarisation import binarise
from repro.data.images import CIFAR_BATCHES, digest, load_images
from repro.data.patches import cut_patches
from repro.jobs import SeedPair

Config = Mapping[str, Any]


@dataclass(frozen=True)
class ImageRows:
    """Rows to train on, to choose by and to report on, (N, D) each, and their arrays' SHA-256.

    Binary values are bytes, patches float32. The digests are those of the whole training set, with
    its validation part, and of the test set: equal digests are equal data.
    """

    train: Tensor
    validation: Tensor
    test: Tensor
    sha256: dict[str, str]


def image_rows(data: Config, data_seed: int, root: Path) -> ImageRows:
    """The rows of a data config of the kinds binary_images and image_patches.

    Raises:
        DataError: if files are missing or damaged.
    """
    images = load_images(data["dataset"], root, data.get("batches", CIFAR_BATCHES))
    kept = len(images.train) - data["validation"]
    parts = {
        split: _prepared(data, pixels, data_seed, split)
        for split, pixels in (("train", images.train), ("test", images.test))
    }
    train, test = (torch.from_numpy(part.reshape(len(part), -1)) for part in parts.values())
    if data["name"] == "image_patches":
        train, test = (_inside(part, data["margin"]) for part in (train, test))
        kept *= data["per_image"]
    sha256 = {split: digest(part) for split, part in parts.items()}
    return ImageRows(train[:kept], train[kept:], test, sha256)


def rows_by_seed(data: Config, seeds: Sequence[SeedPair], root: Path) -> dict[int, ImageRows]:
    """The rows of a data config for each data seed of a pack.

    Raises:
        DataError: if files are missing or damaged.
    """
    data_seeds = dict.fromkeys(pair.data_seed for pair in seeds)
    return {seed: image_rows(data, seed, root) for seed in data_seeds}


def _prepared(
    data: Config, pixels: NDArray[np.uint8], data_seed: int, split: str
) -> NDArray[np.uint8]:
    if data["name"] == "binary_images":
        return binarise(pixels, data["binarisation"], data_seed, split)
    return cut_patches(pixels, data["size"], data["per_image"], data_seed, split)


def _inside(pixels: Tensor, margin: float) -> Tensor:
    """Values 0 to 255 as numbers from `margin` to 1 - `margin`."""
    return margin + (1 - 2 * margin) * pixels.float() / 255
