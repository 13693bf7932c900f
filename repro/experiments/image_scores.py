"""How densities of images are scored: bits per dimension, Frechet distances, class agreement."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from repro.experiments.image_sets import ImageSet
from repro.metrics.frechet import frechet_distance
from repro.models.image_features import (
    Classifier,
    Extractor,
    accuracy,
    features_of,
    inception,
    require_inception,
    train_classifier,
)
from repro.models.pixels import bits_per_dim

ROWS = 250  # images a pass; fixed, so that a seed's numbers do not depend on where it runs


def require_features(evaluation: Mapping[str, Any], root: Path) -> None:
    """Refuse, before anything is trained, to go on without what samples are to be scored by.

    Raises:
        DataError: if it is not below the data root.
    """
    if evaluation["features"] == "inception":
        require_inception(root)


class Scorer:
    """Measures sets of images against a data set, in the features that the evaluation names.

    Distances are to the test images; `floor` is that of as many training images, which a perfect
    model would have.
    """

    def __init__(self, images: ImageSet, evaluation: Mapping[str, Any], root: Path) -> None:
        self.classifier: Classifier | None = None
        self.samples = evaluation["samples"]
        self._labels = images.test_labels
        self._test = images.test
        extract = self._extractor(images, evaluation, root)
        self.extract = extract
        self.reference = features_of(extract, images.test).numpy()
        self.floor = self.frechet(images.train[: self.samples])

    def frechet(self, pixels: Tensor) -> float:
        """The Frechet distance of images (N, C, H, W) in 0..255 to the test images.

        It is nan where an image is not finite.
        """
        if not bool(pixels.isfinite().all()):
            return math.nan
        return frechet_distance(features_of(self.extract, pixels).numpy(), self.reference)

    def agreement(self, pixels: Tensor, labels: Tensor) -> float | None:
        """The share of images that the classifier gives their labels; None without one."""
        return None if self.classifier is None else accuracy(self.classifier, pixels, labels)

    def metrics(self) -> dict[str, Any]:
        """What the distances were measured in, and what real images score."""
        return {
            "frechet_floor": self.floor,
            "frechet_samples": self.samples,
            "classifier_accuracy": self.agreement(self._test, self._labels),
        }

    def _extractor(self, images: ImageSet, evaluation: Mapping[str, Any], root: Path) -> Extractor:
        if evaluation["features"] == "inception":
            return inception(root)
        self.classifier = train_classifier(
            images.train, images.train_labels, evaluation["classifier_epochs"]
        )
        return self.classifier.features


def in_parts(measure: Callable[[slice], Tensor], count: int) -> Tensor:
    """What `measure` gives for `count` rows, a few hundred at a time, without gradients."""
    with torch.no_grad():
        parts = [measure(slice(start, start + ROWS)) for start in range(0, count, ROWS)]
    return torch.cat(parts)


def bits(nats: Tensor, values: int) -> dict[str, float]:
    """Mean and standard error, over images, of costs (N,) in nats as bits per dimension."""
    each = bits_per_dim(nats.double(), values)
    return {"mean": float(each.mean()), "se": float(each.std() / math.sqrt(len(each)))}


def sheet(pixels: Tensor) -> np.ndarray:
    """Pixels (N, C, H, W) in 0..255 as bytes, for a row's arrays."""
    return pixels.to(torch.uint8).numpy()
