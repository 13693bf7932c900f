"""The task `latent_gaussian`: trains deep latent Gaussian models of images, measures bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from repro.experiments.bounds import Measured, annealed_nll, measure
from repro.experiments.image_rows import ImageRows, rows_by_seed
from repro.experiments.pack import TrainedPack, initialised
from repro.jobs import Context, Outcome, SeedPair
from repro.models.base import count_parameters
from repro.models.latent_gaussian import LatentGaussian
from repro.training.batches import Batches, Shared
from repro.training.denormals import flushed_denormals
from repro.training.fit import Fit, fit_steps
from repro.training.noise import NoiseSource
from repro.training.seed_stack import SeedStack

CURVE = 100  # the most points of a training curve that a row keeps


def run(config: dict[str, Any], seeds: tuple[SeedPair, ...], context: Context) -> list[Outcome]:
    """Train and measure one pack of seeds; one outcome a seed, in the order of `seeds`.

    The data seed chooses the binarisation or the patches, the same for training and measuring.

    Raises:
        DataError: if the images are missing or damaged.
        Interrupted: when asked to stop, with the checkpoint on disk.
        StoreError: if the checkpoint to go on from is damaged or another job's.
    """
    with flushed_denormals():
        return Pack(config, seeds, context).run()


class Pack(TrainedPack):
    """One job in progress: its images, stacked models, their training and final bounds."""

    def __init__(
        self, config: Mapping[str, Any], seeds: Sequence[SeedPair], context: Context
    ) -> None:
        self.images = rows_by_seed(config["data"], seeds, context.data)
        self.curves: list[list[tuple[int, float]]] = [[] for _ in seeds]
        self.measured: Measured | None = None
        self.tighter: Measured | None = None
        self.annealed: dict[int, Tensor] = {}
        super().__init__(config, seeds, context)
        self.watch = _watched(self.fit.updates, self.fit.window)

    def make_fit(self) -> Fit:
        """Make the models and their training on each seed's images."""
        seeds = [pair.model_seed for pair in self.seeds]
        dim = self._rows(0).train.shape[1]
        models = {
            seed: initialised(seed, lambda: LatentGaussian(self.config["model"], dim))
            for seed in dict.fromkeys(seeds)
        }
        stack = SeedStack([models[seed] for seed in seeds], self.context.device)
        self.parameters = count_parameters(models[seeds[0]])
        training = self.config["training"]
        data = self._stacked(lambda rows: rows.train)
        batches = Batches([data], seeds, training["batch_size"], training["order"])
        model = models[seeds[0]]
        noise = NoiseSource(seeds, model.noise_stream, model.draw_noise, self.context.device)
        return fit_steps(
            training, stack, batches, noise, annealing=_annealing(self.config["model"])
        )

    def after(self, iteration: int) -> None:
        """Keep a point of each seed's training curve."""
        for curve, loss in zip(self.curves, self.fit.window_mean.tolist(), strict=True):
            curve.append((iteration + 1, loss))

    def finish(self) -> None:
        """Measure the bounds of every seed on its images that were not trained on."""
        evaluation = self.config["evaluation"]
        held_out = [self._held_out(index) for index in range(len(self.seeds))]
        seeds = [pair.model_seed for pair in self.seeds]
        stack = self.fit.stack
        latents, samples = self.config["model"]["latents"], evaluation["importance_samples"]
        self.measured = measure(stack, held_out, latents, seeds, samples, self._pause)
        if evaluation["tighter_images"]:
            few_images = [images[: evaluation["tighter_images"]] for images in held_out]
            many = evaluation["tighter_samples"]
            self.tighter = measure(stack, few_images, latents, seeds, many, self._pause, "tighter")
        if evaluation["annealed_images"]:
            for index, images in enumerate(held_out):
                self._pause()
                first = images[: evaluation["annealed_images"]]
                model = cast(LatentGaussian, stack.member(index))
                self.annealed[index] = annealed_nll(model, first, seeds[index], evaluation)

    def outcome(self, index: int) -> Outcome:
        """`done` with the seed's bounds, or `diverged` with the iteration."""
        pair, measured = self.seeds[index], self.measured
        assert measured is not None, "'outcome' comes after 'finish'."
        common = {
            "parameters": self.parameters,
            "sha256": self._rows(index).sha256,
            "curve": self.curves[index],
        }
        lost = self.diverged_at(index)
        if lost is None and not bool(measured.nll[index].isfinite().all()):
            lost = self.fit.updates
        if lost is not None:
            return Outcome(pair, "diverged", {"diverged_at": lost, "updates": lost, **common})
        metrics = _bounds(measured, index) | common | {"updates": self.fit.updates}
        metrics["importance_samples"] = self.config["evaluation"]["importance_samples"]
        metrics["fall_in_last_fifth"] = fall_in_last_fifth(self.curves[index])
        if self.tighter is not None:
            many = self.config["evaluation"]["tighter_samples"]
            metrics["tighter"] = _tighter(measured, self.tighter, index) | {"samples": many}
        if index in self.annealed:
            metrics["check"] = _check(measured, self.tighter, index, self.annealed[index])
        return Outcome(pair, "done", metrics, self._arrays(index))

    def extra_state(self) -> dict[str, Any]:
        """The training curves so far."""
        return {"curves": [[list(point) for point in curve] for curve in self.curves]}

    def take(self, saved: Mapping[str, Any], rows: Sequence[int]) -> None:
        """Take this pack's training curves from a checkpoint."""
        self.curves = [[(int(n), float(f)) for n, f in saved["curves"][row]] for row in rows]

    def _pause(self) -> None:
        self.fit.pause(self.hooks())

    def _rows(self, index: int) -> ImageRows:
        return self.images[self.seeds[index].data_seed]

    def _held_out(self, index: int) -> Tensor:
        evaluation, rows = self.config["evaluation"], self._rows(index)
        chosen = rows.test if evaluation["split"] == "test" else rows.validation
        return chosen[: evaluation["images"]]

    def _stacked(self, part: Callable[[ImageRows], Tensor]) -> Tensor | Shared:
        """A part of each seed's images (S, N, D), held once where all have the same."""
        device = self.context.device
        if len(self.images) == 1:
            return Shared(part(self._rows(0)).to(device))
        found = [part(self._rows(index)) for index in range(len(self.seeds))]
        return torch.stack(found).to(device)

    def _arrays(self, index: int) -> dict[str, np.ndarray] | None:
        if self.measured is None or not self.context.keep_arrays:
            return None
        values = {"free_energy": self.measured.free_energy, "nll": self.measured.nll}
        return {name: value[index].float().numpy() for name, value in values.items()}


def fall_in_last_fifth(curve: Sequence[tuple[int, float]]) -> float | None:
    """How much the training loss falls, in nats, from around 80 % of the updates to their end.

    Each is a mean over a twentieth of the curve; None where it has fewer than 20 points.
    """
    width = len(curve) // 20
    if not width:
        return None
    losses = np.array([loss for _, loss in curve])
    middle = round(0.8 * len(losses))
    return float(losses[middle - width : middle].mean() - losses[-width:].mean())


def _annealing(model: Mapping[str, Any]) -> Callable[[int], float] | None:
    """The temperature at an iteration counted from 0, where the model is annealed.

    Source: Rezende & Mohamed 2015, equation 20 (in 10,000 updates).
    """
    if model["annealing"] == "none":
        return None
    updates = model["annealing_updates"]
    return lambda iteration: min(1.0, 0.01 + iteration / updates)


def _watched(updates: int, window: int) -> list[int]:
    """Iterations that close a window, thinned to at most `CURVE`."""
    closing = range(window, updates, window)
    return list(closing[:: -(-len(closing) // CURVE) or 1])


def _bounds(measured: Measured, index: int) -> dict[str, Any]:
    """Means over images with their standard errors, in nats."""
    energy, nll = measured.free_energy[index].double(), measured.nll[index].double()
    return {
        "free_energy": float(energy.mean()),
        "nll": float(nll.mean()),
        "gap": float((energy - nll).mean()),
        **{f"{k}_se": _error(v) for k, v in {"free_energy": energy, "nll": nll}.items()},
        "effective_samples": float(measured.effective[index].median()),
        "images": len(nll),
    }


def _tighter(measured: Measured, tighter: Measured, index: int) -> dict[str, Any]:
    """-log p by more samples, in nats, and what fewer of them add to it on the same images."""
    nll = tighter.nll[index].double()
    few = measured.nll[index, : len(nll)].double()
    return {
        "images": len(nll),
        "nll": float(nll.mean()),
        "nll_se": _error(nll),
        "nll_fewer": float(few.mean()),
        "difference": float((few - nll).mean()),
        "difference_se": _error(few - nll),
        "effective_samples": float(tighter.effective[index].median()),
    }


def _check(
    measured: Measured, tighter: Measured | None, index: int, annealed: Tensor
) -> dict[str, Any]:
    """F - gap against a -log p that knows nothing of q, on the same images, in nats.

    The gap is F's own, so that `difference` is how far the identity F - gap = -log p fails; the
    same by more samples where they were drawn for these images.
    """
    count = len(annealed)
    energy, nll = measured.free_energy[index, :count], measured.nll[index, :count]
    found = {
        "images": count,
        "free_energy": float(energy.double().mean()),
        "nll_importance": float(nll.double().mean()),
        "nll_annealed": float(annealed.double().mean()),
        **_difference(nll, annealed, ""),
    }
    if tighter is not None and tighter.nll.shape[1] >= count:
        many = tighter.nll[index, :count]
        found["nll_tighter"] = float(many.double().mean())
        found |= _difference(many, annealed, "_tighter")
    return found


def _difference(nll: Tensor, annealed: Tensor, suffix: str) -> dict[str, float]:
    """By how much a -log p (N,) is above the annealed one, in nats, with its standard error."""
    difference = nll.double() - annealed.double()
    return {
        f"difference{suffix}": float(difference.mean()),
        f"difference{suffix}_se": _error(difference),
    }


def _error(values: Tensor) -> float:
    return float(values.std() / len(values) ** 0.5) if len(values) > 1 else float("nan")
