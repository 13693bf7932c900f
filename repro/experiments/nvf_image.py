"""The task `nvf_image`: trains a density of images with a latent, then the prior of its codes."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from repro.experiments.image_scores import Scorer, bits, in_parts, require_features, sheet
from repro.experiments.image_sets import image_set, pixels_of
from repro.experiments.pack import TrainedPack, initialised
from repro.jobs import Context, Outcome, SeedPair
from repro.models.base import count_parameters
from repro.models.image_latents import SequentialLatent
from repro.models.nvf_image import NVFImage
from repro.models.sequence_prior import SequencePrior, make_sequence_prior, require_pretrained
from repro.randomness import generator
from repro.training.batches import Batches, Shared
from repro.training.denormals import flushed_denormals
from repro.training.fit import Fit, FitHooks, fit_steps
from repro.training.noise import NoiseSource
from repro.training.seed_stack import SeedStack

FIRST_BATCH = 512  # images from which ActNorms and the code book start


def run(config: dict[str, Any], seeds: tuple[SeedPair, ...], context: Context) -> list[Outcome]:
    """Train and score one pack of seeds; one outcome a seed, in the order of `seeds`.

    Raises:
        DataError: if images, or the weights that the config asks for, are not below the data root.
        Interrupted: when asked to stop, with the checkpoint on disk.
        StoreError: if the checkpoint to go on from is damaged or another job's.
    """
    with flushed_denormals():
        return NVFPack(config, seeds, context).run()


class NVFPack(TrainedPack):
    """One job in progress: the density's training, then that of the codes' prior if it has codes.

    `density` is the trained stack once the second has begun, and `fit` then the prior's.
    """

    density: SeedStack | None
    density_diverged_at: Tensor  # (S,), of the density's training once it is over

    def make_fit(self) -> Fit:
        """The density, its first batch seen, and its training."""
        config, device = self.config, self.context.device
        self.density = None
        require_features(config["evaluation"], self.context.data)
        if self._has_codes and config["model"]["prior_pretrained"]:
            require_pretrained(self.context.data)
        self.images = image_set(config["data"], self.context.data)
        models = {pair.model_seed: self._model(pair.model_seed) for pair in self.seeds}
        stack = SeedStack([models[pair.model_seed] for pair in self.seeds], device)
        model = models[self.seeds[0].model_seed]
        self.parameters = count_parameters(model)
        training, warm_up = config["training"], config["model"]["warm_up"]
        batches = self._batches([Shared(self.images.train.to(device))], training["batch_size"])
        return fit_steps(
            training,
            stack,
            batches,
            NoiseSource(self._model_seeds, model.noise_stream, model.draw_noise, device),
            annealing=(lambda iteration: min(1.0, iteration / warm_up)) if warm_up else None,
        )

    def train(self) -> None:
        """Train the density, then the prior of its codes, and score."""
        if self.density is None:
            self.fit.run(self.hooks())
            if self._has_codes:
                self._begin_prior(self.fit.stack, self.fit.lost_at())
        if self.density is not None:
            self.fit.run(self.hooks(made=self.config["training"]["updates"]))
        self.finish()

    def hooks(self, made: int = 0) -> FitHooks:
        """The hooks of a training before which `made` updates of another were made."""
        hooks = super().hooks()
        whole = self.config["training"]["updates"]
        if self._has_codes:
            whole += self.config["model"]["prior_updates"]
        hooks.progress = lambda step, _: self.context.progress(made + step, whole)
        return hooks

    def extra_state(self) -> dict[str, Any]:
        """The trained density, once the prior's training has begun."""
        if self.density is None:
            return {}
        return {"density": self.density.state(), "density_diverged_at": self.density_diverged_at}

    def take(self, saved: Mapping[str, Any], rows: Sequence[int]) -> None:
        """Go on with the prior's training if it had begun."""
        if "density" in saved:
            stack = self.fit.stack
            stack.load({name: value[list(rows)] for name, value in saved["density"].items()})
            self._begin_prior(stack, saved["density_diverged_at"][list(rows)])

    def diverged_at(self, index: int) -> int | None:
        """The iteration at which the density diverged, or else the prior of its codes."""
        if self.density is not None and self.density_diverged_at[index] >= 0:
            return int(self.density_diverged_at[index])
        return super().diverged_at(index)

    def outcome(self, index: int) -> Outcome:
        """Done with its scores, or diverged at an iteration."""
        pair, diverged_at = self.seeds[index], self.diverged_at(index)
        common = {"parameters": self.parameters, "sha256": self.images.sha256}
        if diverged_at is not None:
            return Outcome(pair, "diverged", {"diverged_at": diverged_at, **common})
        density = cast(NVFImage, (self.density or self.fit.stack).member(index))
        prior = cast(SequencePrior, self.fit.stack.member(index)) if self.density else None
        scores = _Scores(self, density, prior, pair.model_seed)
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

    @property
    def _model_seeds(self) -> list[int]:
        return [pair.model_seed for pair in self.seeds]

    @property
    def _has_codes(self) -> bool:
        return self.config["model"]["latent"] == "sequential"

    def _model(self, model_seed: int) -> NVFImage:
        config = self.config
        model = initialised(
            model_seed,
            lambda: NVFImage(config["model"], self.images.image, pixels_of(config["data"])),
        )
        first = self.images.train[:FIRST_BATCH].float()
        model.initialise(first, model.draw_noise(len(first), generator(model_seed, "init")))
        return model

    def _batches(self, data: Sequence[Tensor | Shared], batch_size: int) -> Batches:
        order = self.config["training"]["order"]
        return Batches(data, self._model_seeds, batch_size, order)

    def _begin_prior(self, density: SeedStack, diverged_at: Tensor) -> None:
        """Make the training of a prior for the codes of the training images."""
        self.density, self.density_diverged_at = density, diverged_at
        config, device = self.config["model"], self.context.device
        latent = cast(SequentialLatent, cast(NVFImage, density.member(0)).latent)
        size = (latent.vocabulary, latent.length)
        settings = {
            name.removeprefix("prior_"): value
            for name, value in config.items()
            if name.startswith("prior_")
        }
        make = {
            seed: initialised(
                seed, lambda: make_sequence_prior(settings, *size, self.context.data)
            )
            for seed in dict.fromkeys(self._model_seeds)
        }
        stack = SeedStack([make[seed] for seed in self._model_seeds], device)
        codes = torch.stack(
            [self._codes(cast(NVFImage, density.member(i))) for i in range(density.size)]
        )
        batches = self._batches([codes.to(device)], settings["batch_size"])
        noise = NoiseSource(self._model_seeds, "noise", lambda *_: None, device)
        training = {
            **self.config["training"],
            "optimiser": "adamw",
            "clip_norm": 1.0,
            "zero_grad": True,
            "schedule": {"name": "cosine"},
            **{name: settings[name] for name in ("updates", "learning_rate", "weight_decay")},
        }
        self.fit = fit_steps(training, stack, batches, noise)

    def _codes(self, density: NVFImage) -> Tensor:
        """The codes (N, L) of the training images, bytes."""
        images = self.images.train

        def part(rows: slice) -> Tensor:
            pixels = images[rows].float()
            found = density.code(pixels)
            return found.to(torch.uint8)

        return in_parts(part, len(images))


class _Scores:
    """Metrics and arrays of one trained seed, its randomness from its evaluation stream."""

    def __init__(
        self, pack: NVFPack, density: NVFImage, prior: SequencePrior | None, seed: int
    ) -> None:
        self.density, self.prior, self.images = density.eval(), prior, pack.images
        self.evaluation = pack.config["evaluation"]
        self._source = generator(seed, "evaluation")
        self.scorer = pack.scorer
        self.samples = self._samples(self.evaluation["samples"])
        self.reconstructions = self._reconstructions(min(len(self.images.test), 1000))

    def metrics(self) -> dict[str, Any]:
        """Costs in bits per dimension on test and validation images, and Frechet distances.

        `bits_per_dim` bounds the test images' cost with the latent under its prior (trained, for
        codes); `without_latent` leaves the latent's cost out, as the released code does.
        """
        test, validation = (
            self._costs(part) for part in (self.images.test, self.images.validation)
        )
        values = self.density.values
        whole = bits(test["likelihood"] + test["latent"], values)
        found: dict[str, Any] = {
            "bits_per_dim": whole["mean"],
            "bits_per_dim_se": whole["se"],
            "without_latent": bits(test["likelihood"], values)["mean"],
            "latent_bits_per_dim": bits(test["latent"], values)["mean"],
            "latent_nats": float(test["latent"].double().mean()),
            "uniform_prior_bits_per_dim": bits(test["uniform"], values)["mean"],
            "validation_bits_per_dim": bits(
                validation["likelihood"] + validation["latent"], values
            )["mean"],
            "values": values,
            "frechet": self.scorer.frechet(self.samples),
            **self.scorer.metrics(),
        }
        if self.reconstructions is not None:
            found["frechet_reconstructions"] = self.scorer.frechet(self.reconstructions)
            real = self.images.test[: len(self.reconstructions)].float()
            found["reconstruction_mse"] = float(
                ((self.reconstructions - real) / 255).square().mean()
            )
        return found

    def arrays(self) -> dict[str, np.ndarray]:
        """Bytes: sample sheet, test images and their reconstructions (N, C, H, W)."""
        found = {"samples": sheet(self.samples[: self.evaluation["sheet"]])}
        if self.reconstructions is not None:
            found["real"] = sheet(self.images.test[:20])
            found["reconstructions"] = sheet(self.reconstructions[:20])
        return found

    def _costs(self, images: Tensor) -> dict[str, Tensor]:
        """Costs (N,) in nats: likelihood, latent by its prior, latent by the uniform prior."""

        def part(rows: slice) -> Tensor:
            pixels = images[rows].float()
            bound = self.density.bound(pixels, self._uniforms(len(pixels)))
            latent = bound.latent
            if self.prior is not None and bound.codes is not None:
                latent = self.prior.cost(bound.codes)
            return torch.stack((bound.likelihood, latent, bound.latent), dim=1)

        costs = in_parts(part, len(images))
        return dict(zip(("likelihood", "latent", "uniform"), costs.unbind(dim=1), strict=True))

    def _samples(self, count: int) -> Tensor:
        def part(rows: slice) -> Tensor:
            size = min(rows.stop, count) - rows.start
            codes = None
            if self.prior is not None:
                codes = self.prior.sample(self._rand(size, self.prior.length))
            return self.density.sample(self._uniforms(size), self._normals(size), codes)

        return in_parts(part, count)

    def _reconstructions(self, count: int) -> Tensor | None:
        if self.density.latent is None:
            return None

        def part(rows: slice) -> Tensor:
            pixels = self.images.test[rows][: count - rows.start].float()
            size = len(pixels)
            return self.density.reconstruct(pixels, self._uniforms(size), self._normals(size))

        return in_parts(part, count)

    def _uniforms(self, size: int) -> Tensor:
        return self._rand(size, self.density.draws)

    def _rand(self, *shape: int) -> Tensor:
        return torch.rand(shape, generator=self._source)

    def _normals(self, size: int) -> Tensor:
        return torch.randn(size, self.density.values, generator=self._source)
