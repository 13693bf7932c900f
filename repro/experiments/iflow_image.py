"""The task `iflow_image`: trains iFlow on labelled images, draws from each class, scores both."""

from __future__ import annotations

import functools
import math
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from repro.experiments.image_scores import Scorer, bits, in_parts, require_features, sheet
from repro.experiments.image_sets import image_set, pixels_of
from repro.experiments.pack import TrainedPack, initialised
from repro.jobs import Context, Outcome, SeedPair
from repro.models.base import count_parameters
from repro.models.iflow_image import IFlowImage
from repro.models.natural_gaussian import largest_difference
from repro.randomness import generator
from repro.training.batches import Batches, Shared
from repro.training.denormals import flushed_denormals
from repro.training.fit import Fit, fit_steps
from repro.training.noise import NoiseSource
from repro.training.seed_stack import SeedStack

FIRST_BATCH = 512  # images from which ActNorms start
STEPS = 9  # images of an interpolation, ends included
LINES = 5  # interpolations of each kind


def run(config: dict[str, Any], seeds: tuple[SeedPair, ...], context: Context) -> list[Outcome]:
    """Train and score one pack of seeds; one outcome a seed, in the order of `seeds`.

    Raises:
        DataError: if images, or the weights that the config asks for, are not below the data root.
        Interrupted: when asked to stop, with the checkpoint on disk.
        StoreError: if the checkpoint to go on from is damaged or another job's.
    """
    with flushed_denormals():
        return IFlowImagePack(config, seeds, context).run()


class IFlowImagePack(TrainedPack):
    """One job in progress: its images, its stacked models and their training."""

    def make_fit(self) -> Fit:
        """Models whose ActNorms have seen a first batch, and their training."""
        config, device = self.config, self.context.device
        require_features(config["evaluation"], self.context.data)
        self.images = image_set(config["data"], self.context.data)
        model_seeds = [pair.model_seed for pair in self.seeds]
        models = {seed: self._model(seed) for seed in dict.fromkeys(model_seeds)}
        self.model = models[model_seeds[0]]
        stack = SeedStack([models[seed] for seed in model_seeds], device)
        training = config["training"]
        data = [Shared(self.images.train.to(device)), Shared(self.images.train_labels.to(device))]
        batches = Batches(data, model_seeds, training["batch_size"], training["order"])
        noise = NoiseSource(model_seeds, self.model.noise_stream, self.model.draw_noise, device)
        return fit_steps(training, stack, batches, noise)

    def outcome(self, index: int) -> Outcome:
        """Done with its scores, or diverged at an iteration."""
        pair, diverged_at = self.seeds[index], self.diverged_at(index)
        common = {"parameters": count_parameters(self.model), "sha256": self.images.sha256}
        if diverged_at is not None:
            return Outcome(pair, "diverged", {"diverged_at": diverged_at, **common})
        scores = _Scores(self, cast(IFlowImage, self.fit.stack.member(index)), pair.model_seed)
        metrics = {**scores.metrics(), **common, "updates": self.config["training"]["updates"]}
        if not math.isfinite(metrics["bits_per_dim"]):
            return Outcome(pair, "diverged", {"diverged_at": self.fit.iteration, **common})
        return Outcome(
            pair, "done", metrics, scores.arrays() if self.context.keep_arrays else None
        )

    @functools.cached_property
    def scorer(self) -> Scorer:
        """What measures the samples of every seed; its classifier is trained once."""
        return Scorer(self.images, self.config["evaluation"], self.context.data)

    def _model(self, model_seed: int) -> IFlowImage:
        images, config = self.images, self.config
        pixels = pixels_of(config["data"])
        model = initialised(
            model_seed, lambda: IFlowImage(config["model"], images.image, images.classes, pixels)
        )
        first = images.train[:FIRST_BATCH].float()
        model.initialise(first, model.draw_noise(len(first), generator(model_seed, "init")))
        return model


class _Scores:
    """Metrics and arrays of one trained seed, its randomness from its evaluation stream."""

    def __init__(self, pack: IFlowImagePack, model: IFlowImage, seed: int) -> None:
        self.model, self.images = model.eval(), pack.images
        self.evaluation = pack.config["evaluation"]
        self._source = generator(seed, "evaluation")
        self.scorer = pack.scorer
        count = self.evaluation["samples"]
        self.classes = torch.arange(count) % pack.images.classes
        normals = torch.randn(count, model.dim, generator=self._source)
        self.samples = self._draw(normals, 1.0)
        self.cooler = self._draw(normals, self.evaluation["temperature"])

    def metrics(self) -> dict[str, Any]:
        """Bits per dimension given the class, and how well samples are of their class.

        `class_agreement` is the share of samples that a classifier, trained on real images, gives
        the class they were drawn for; `cdf_error` the largest difference of the report's corrected
        CDF route from the Gaussian prior.
        """
        test = bits(self._costs(self.images.test, self.images.test_labels), self.model.dim)
        xi, eta = self.model.natural_parameters(torch.arange(self.images.classes))
        return {
            "bits_per_dim": test["mean"],
            "bits_per_dim_se": test["se"],
            "values": self.model.dim,
            "class_agreement": self.scorer.agreement(self.samples, self.classes),
            "class_agreement_cooler": self.scorer.agreement(self.cooler, self.classes),
            "class_by_density": self._class_by_density(),
            "frechet": self.scorer.frechet(self.samples),
            "frechet_cooler": self.scorer.frechet(self.cooler),
            "cdf_error": largest_difference(xi.detach(), eta.detach()),
            **self.scorer.metrics(),
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """Bytes (N, C, H, W): sheets with a class a row, and interpolations."""
        classes, total = self.images.classes, self.evaluation["sheet"]
        order = (
            torch.arange(total - total % classes).reshape(-1, classes).T.flatten()
        )  # all of a class together
        between, morphed = self._interpolations()
        return {
            "samples": sheet(self.samples[order]),
            "cooler": sheet(self.cooler[order]),
            "interpolations": sheet(between),
            "morphs": sheet(morphed),
        }

    def _draw(self, normals: Tensor, temperature: float) -> Tensor:
        return in_parts(
            lambda rows: self.model.draw(self.classes[rows], normals[rows], temperature),
            len(normals),
        )

    def _costs(self, images: Tensor, labels: Tensor) -> Tensor:
        def part(rows: slice) -> Tensor:
            pixels = images[rows].float()
            return -self.model.log_probability(pixels, labels[rows], self._uniforms(len(pixels)))

        return in_parts(part, len(images))

    def _class_by_density(self) -> float:
        """The share of 1,000 test images whose own class gives them the highest density."""
        images, labels = self.images.test[:1000], self.images.test_labels[:1000]
        uniforms = self._uniforms(len(images))

        def part(rows: slice) -> Tensor:
            z = self.model.encode(images[rows].float(), uniforms[rows])
            mean, scale = self.model.moments(torch.arange(self.images.classes))
            standard = (z[:, None] - mean) / scale  # the flow's log-determinant is every class's
            return (-0.5 * standard.square() - scale.log()).sum(dim=-1).argmax(dim=1)

        return float((in_parts(part, len(images)) == labels).double().mean())

    def _interpolations(self) -> tuple[Tensor, Tensor]:
        """Between test images, and from class to class with the noise held: LINES x STEPS each."""
        shares = torch.linspace(0, 1, STEPS)[:, None]
        with torch.no_grad():
            ends = self.images.test[: 2 * LINES].float()
            z = self.model.encode(ends, torch.full((len(ends), self.model.dim), 0.5))
            lines = [one + shares * (two - one) for one, two in zip(z[::2], z[1::2], strict=True)]
            between = self.model.decode(torch.cat(lines))
            mean, scale = self.model.moments(torch.arange(self.images.classes))
            pairs = [(2 * i % len(mean), (2 * i + 1) % len(mean)) for i in range(LINES)]
            noise = torch.randn(LINES, self.model.dim, generator=self._source)
            noise = noise * self.evaluation["temperature"]
            walks = [
                mean[a] + shares * (mean[b] - mean[a])
                + (scale[a] + shares * (scale[b] - scale[a])) * noise[i]
                for i, (a, b) in enumerate(pairs)
            ]  # fmt: skip
            return between, self.model.decode(torch.cat(walks))

    def _uniforms(self, size: int) -> Tensor:
        return torch.rand(size, self.model.dim, generator=self._source)
