"""The task `inference_gap`: what an amortised posterior loses, by its family and by amortising.

With one decoder of two latents, log p(x) and the posterior are exact on a grid, so that both gaps
are measured and not bounded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from repro.experiments.image_rows import rows_by_seed
from repro.experiments.pack import TrainedPack, initialised
from repro.flows.planar import Planar
from repro.jobs import Context, Outcome, SeedPair
from repro.models.base import count_parameters
from repro.models.latent_gaussian import LatentGaussian, log_normal
from repro.models.local_inference import (
    Grid,
    LocalPosterior,
    best_of,
    bound,
    on_grid,
    optimise,
)
from repro.randomness import generator
from repro.training.batches import Batches, Shared
from repro.training.denormals import flushed_denormals
from repro.training.fit import Fit, FitHooks, fit_steps
from repro.training.noise import NoiseSource
from repro.training.seed_stack import SeedStack

WINDOW = 64  # points a side of a picture of a posterior


def run(config: dict[str, Any], seeds: tuple[SeedPair, ...], context: Context) -> list[Outcome]:
    """Train decoders, fit posteriors to them and measure the gaps; one outcome a seed.

    Raises:
        DataError: if the images are missing or damaged.
        Interrupted: when asked to stop, with the checkpoint on disk.
        StoreError: if the checkpoint to go on from is damaged or another job's.
    """
    with flushed_denormals():
        return Pack(config, seeds, context).run()


class Pack(TrainedPack):
    """One job in progress: decoders with their encoders, then encoders and posteriors for them."""

    def __init__(
        self, config: Mapping[str, Any], seeds: Sequence[SeedPair], context: Context
    ) -> None:
        self.images = rows_by_seed(config["data"], seeds, context.data)
        self.found: list[tuple[dict[str, Any], dict[str, np.ndarray]]] = []
        super().__init__(config, seeds, context)

    def make_fit(self) -> Fit:
        """Make the decoders with the encoders that they are trained with."""
        model = self.config["model"]
        dim = self.images[self.seeds[0].data_seed].train.shape[1]
        models = [
            initialised(pair.model_seed, lambda: LatentGaussian(model, dim)) for pair in self.seeds
        ]
        self.parameters = count_parameters(models[0])
        return self._fit(models, self.config["training"])

    def finish(self) -> None:
        """Train encoders of every width on each decoder, and measure every posterior."""
        evaluation = self.config["evaluation"]
        trained = [cast(LatentGaussian, self.fit.stack.member(i)) for i in range(len(self.seeds))]
        encoders: dict[int, list[LatentGaussian]] = {}
        self.encoders_diverged_at = torch.full_like(self.fit.diverged_at, -1)
        for units in evaluation["encoder_units"]:
            models = [
                self._with_decoder(pair, model, units)
                for pair, model in zip(self.seeds, trained, strict=True)
            ]
            fit = self._fit(models, self.config["training"] | self._second_training())
            fit.run(FitHooks(stop_requested=self._pause))
            fresh = (self.encoders_diverged_at < 0) & (fit.diverged_at >= 0)
            self.encoders_diverged_at[fresh] = fit.diverged_at[fresh]
            encoders[units] = [
                cast(LatentGaussian, fit.stack.member(i)) for i in range(len(models))
            ]
        self.found = [
            self._measure(i, trained[i], {u: each[i] for u, each in encoders.items()})
            for i in range(len(self.seeds))
        ]

    def outcome(self, index: int) -> Outcome:
        """`done` with the seed's gaps, or `diverged` with the iteration."""
        pair, lost = self.seeds[index], self.diverged_at(index)
        later = int(self.encoders_diverged_at[index])
        if lost is None and later >= 0:
            lost = self.fit.updates + later
        common = {"parameters": self.parameters, "sha256": self.images[pair.data_seed].sha256}
        metrics, arrays = self.found[index]
        if lost is None and not np.isfinite(metrics["log_p"]):
            lost = self.fit.updates
        if lost is not None:
            return Outcome(pair, "diverged", {"diverged_at": lost, "updates": lost, **common})
        metrics = metrics | common | {"updates": self.fit.updates}
        return Outcome(pair, "done", metrics, arrays if self.context.keep_arrays else None)

    def _pause(self) -> bool:
        """Stop here if asked to, with the decoders on disk; else False."""
        self.fit.pause(self.hooks())
        return False

    def _second_training(self) -> dict[str, Any]:
        return {"updates": self.config["evaluation"]["encoder_updates"]}

    def _with_decoder(self, pair: SeedPair, trained: LatentGaussian, units: int) -> LatentGaussian:
        """A model with a fresh encoder of another width and a decoder that is not trained."""
        config = self.config["model"] | {"units": units}
        dim = trained.likelihood.dim
        model = initialised(pair.model_seed, lambda: LatentGaussian(config, dim))
        model.decoder, model.output = trained.decoder, trained.output
        for part in (model.decoder, model.output):
            _freeze(part)
        return model

    def _fit(self, models: Sequence[nn.Module], training: Mapping[str, Any]) -> Fit:
        seeds, device = [pair.model_seed for pair in self.seeds], self.context.device
        rows = [self.images[pair.data_seed].train for pair in self.seeds]
        shared = len(self.images) == 1
        data = Shared(rows[0].to(device)) if shared else torch.stack(rows).to(device)
        batches = Batches([data], seeds, training["batch_size"], training["order"])
        model = cast(LatentGaussian, models[0])
        noise = NoiseSource(seeds, model.noise_stream, model.draw_noise, device)
        return fit_steps(training, SeedStack(models, device), batches, noise)

    def _measure(
        self, index: int, trained: LatentGaussian, encoders: Mapping[int, LatentGaussian]
    ) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        self._pause()
        evaluation, pair = self.config["evaluation"], self.seeds[index]
        x = self.images[pair.data_seed].test[: evaluation["images"]].float()
        trained.requires_grad_(requires_grad=False)
        decoder = _Decoder(trained, x)
        grid = on_grid(decoder.likelihoods, evaluation["grid_reach"], evaluation["grid_step"])
        amortised = {"joint": _encoded(trained, x)}
        amortised |= {str(units): _encoded(one, x) for units, one in encoders.items()}
        search = _Search(decoder, evaluation, generator(pair.model_seed, "evaluation"))
        gaussian, at_gaussian = search.gaussian(list(amortised.values()), grid)
        flow, at_flow = search.flow(gaussian)
        bounds = {f"amortised_{k}": bound(q, decoder.log_joint) for k, q in amortised.items()}
        bounds |= {"local_gaussian": at_gaussian, "local_flow": at_flow}
        log_p = grid.log_evidence()
        arrays = {k: v.float().numpy() for k, v in ({"log_p": log_p} | bounds).items()}
        spacing = float((grid.every_other() - log_p).abs().max())
        chosen = _chosen(log_p - at_gaussian, evaluation["pictures"])
        posteriors = {"amortised": amortised["joint"], "gaussian": gaussian, "flow": flow}
        arrays |= _pictures(decoder, posteriors, log_p, grid, chosen)
        arrays["image"] = x[chosen].to(torch.uint8).numpy()
        return gaps(arrays) | {"images": len(x), "grid_spacing_error": spacing}, arrays


def gaps(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Means over data in nats: log p, bounds and the gaps between them, by encoder.

    The approximation gap is log p - L[q*] for the best Gaussian (or flow) of each datum, the
    amortisation gap L[q*] - L[q] for an encoder's q.

    Source: Cremer, Li & Duvenaud 2018 (arXiv 1801.03558), section 3.
    """
    values = {k: v for k, v in arrays.items() if k.startswith(("log_p", "local", "amortised"))}
    mean = {k: float(np.mean(v, dtype=np.float64)) for k, v in values.items()}
    names = [k.removeprefix("amortised_") for k in mean if k.startswith("amortised_")]
    return {
        "log_p": mean["log_p"],
        "bounds": {k: v for k, v in mean.items() if k != "log_p"},
        "approximation_gap": mean["log_p"] - mean["local_gaussian"],
        "approximation_gap_flow": mean["log_p"] - mean["local_flow"],
        "amortisation_gap": {n: mean["local_gaussian"] - mean[f"amortised_{n}"] for n in names},
        "inference_gap": {n: mean["log_p"] - mean[f"amortised_{n}"] for n in names},
    }


class _Decoder:
    """A decoder and N images: log p(x, z) of each image at its own latents, or at everybody's."""

    def __init__(self, model: LatentGaussian, x: Tensor) -> None:
        self.model, self.x = model, x

    def log_joint(self, z: Tensor) -> Tensor:
        """Log p(x, z) (M, N) at z (M, N, Z)."""
        return self.model.log_likelihood(self.x, z) + log_normal(z)

    def likelihoods(self, z: Tensor) -> Tensor:
        """Log p(x | z) (N, B) of every image at every z (B, Z), by one product."""
        logits = self.model.output(self.model.decoder(z))
        return self.x @ logits.T - nn.functional.softplus(logits).sum(dim=-1)


class _Search:
    """The search for the best posterior of each image, from several starts."""

    def __init__(
        self, decoder: _Decoder, evaluation: Mapping[str, Any], source: torch.Generator
    ) -> None:
        self._decoder, self._evaluation, self._source = decoder, evaluation, source

    def gaussian(
        self, amortised: Sequence[LocalPosterior], grid: Grid
    ) -> tuple[LocalPosterior, Tensor]:
        """The best Gaussians from the encoders', the exact moments and the exact modes."""
        mean, variance = grid.moments()
        starts = [
            amortised[0],
            LocalPosterior(mean, variance.log()),
            LocalPosterior(grid.modes(), variance.log() - 2.0),
        ]
        found = [self._optimised(start) for start in starts]
        return best_of([*found, *amortised], self._decoder.log_joint)

    def flow(self, gaussian: LocalPosterior) -> tuple[LocalPosterior, Tensor]:
        """The best flows, from the best Gaussians with two kinds of first layers."""
        flow = Planar(2, self._evaluation["local_flow_length"])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._source.initial_seed())
            values = [flow.initial().expand(len(gaussian.mean), -1) for _ in range(2)]
        starts = [
            LocalPosterior(gaussian.mean, gaussian.log_variance, flow, one) for one in values
        ]
        found = [self._optimised(start) for start in starts]
        return best_of([*found, *starts], self._decoder.log_joint)

    def _optimised(self, start: LocalPosterior) -> LocalPosterior:
        how = (self._evaluation[f"local_{name}"] for name in ("updates", "samples", "rate"))
        updates, samples, rate = how
        return optimise(start, self._decoder.log_joint, updates, samples, rate, self._source)


def _freeze(module: nn.Module) -> None:
    """Make the parameters of a module buffers, so that no training changes them."""
    for part in module.modules():
        for name, value in list(part.named_parameters(recurse=False)):
            delattr(part, name)
            part.register_buffer(name, value.detach())


def _encoded(model: LatentGaussian, x: Tensor) -> LocalPosterior:
    with torch.no_grad():
        _, mean, log_variance = model.encode(x)
    return LocalPosterior(mean, log_variance)


def _chosen(gap: Tensor, count: int) -> Tensor:
    """The images at evenly spaced quantiles of a gap (N,), from the smallest to the largest."""
    places = torch.linspace(0, len(gap) - 1, count).round().long()
    return gap.argsort()[places]


def _pictures(
    decoder: _Decoder,
    posteriors: Mapping[str, LocalPosterior],
    log_p: Tensor,
    grid: Grid,
    chosen: Tensor,
) -> dict[str, np.ndarray]:
    """Log-densities (C, W, W) of the exact and the approximate posteriors around each image's."""
    mean, variance = grid.moments()
    found: dict[str, list[Tensor]] = {name: [] for name in ("exact", *posteriors)}
    corners = []
    for index in chosen.tolist():
        reach = 4 * float(variance[index].sqrt().max())
        sides = [torch.linspace(-reach, reach, WINDOW) + centre for centre in mean[index]]
        z = torch.cartesian_prod(*sides)
        exact = decoder.model.log_likelihood(decoder.x[index], z) + log_normal(z) - log_p[index]
        found["exact"].append(exact)
        for name, posterior in posteriors.items():
            found[name].append(posterior.log_density(z, index))
        corners.append([float(side[end]) for side in sides for end in (0, -1)])
    maps = {
        f"map_{name}": torch.stack(values).view(-1, WINDOW, WINDOW).clamp_min(-60).half().numpy()
        for name, values in found.items()
    }
    return maps | {"window": np.array(corners), "chosen": chosen.numpy()}
