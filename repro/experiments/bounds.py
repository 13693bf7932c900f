"""Free energy and -log p, in nats, of stacked latent Gaussian models on images, and a check."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from repro.models.annealed_importance import annealed_log_weights, learnt_steps, log_mean
from repro.models.bounds import effective_samples, free_energy, negative_log_likelihood
from repro.models.latent_gaussian import LatentGaussian
from repro.randomness import generator
from repro.training.seed_stack import SeedStack

LATENT_ROWS = 1000  # samples x images a pass: what stays in a core's cache


@dataclass(frozen=True)
class Measured:
    """Values of each seed and image (S, N) in nats, and the effective number of samples."""

    free_energy: Tensor
    nll: Tensor
    effective: Tensor


def measure(
    stack: SeedStack,
    images: Sequence[Tensor],
    latents: int,
    model_seeds: Sequence[int],
    samples: int,
    pause: Callable[[], None] = lambda: None,
    stream: str = "evaluation",
) -> Measured:
    """Free energy and importance-sampled -log p of each seed's images (N, D) under its model.

    Both come from the same samples of q, drawn from a stream of the model seed. `pause` is called
    between parts and may raise, to stop.
    """
    size = max(1, LATENT_ROWS // samples)
    sources = {seed: generator(seed, stream) for seed in dict.fromkeys(model_seeds)}
    member = [list(sources).index(seed) for seed in model_seeds]

    def weights(x: Tensor, count: int) -> Tensor:
        """Log-weights (S, `count`, B) of the next samples for images x (S, B, D)."""
        shape = (count, x.shape[1], latents)
        noise = torch.stack([torch.randn(shape, generator=s) for s in sources.values()])
        with torch.no_grad():
            normals = noise[member].to(stack.device)
            return cast(Tensor, stack.call("log_weights", x, normals, in_dims=(0, 0)))

    parts = []
    for start in range(0, len(images[0]), size):
        pause()
        x = torch.stack([one[start : start + size] for one in images]).to(stack.device)
        counts = [min(LATENT_ROWS, samples - at) for at in range(0, samples, LATENT_ROWS)]
        found = torch.cat([weights(x, count) for count in counts], dim=1)
        parts.append([_each(f, found) for f in (free_energy, negative_log_likelihood,
                                                effective_samples)])  # fmt: skip
    return Measured(*(torch.cat(values, dim=1) for values in zip(*parts, strict=True)))


def _each(function: Any, weights: Tensor) -> Tensor:  # noqa: ANN401 - of (I, B)
    """A function of log-weights (I, B) for each seed of (S, I, B): (S, B), on the CPU."""
    return torch.stack([function(one) for one in weights]).cpu()


def annealed_nll(
    model: LatentGaussian, x: Tensor, model_seed: int, evaluation: Mapping[str, Any]
) -> Tensor:
    """-log p (N,) in nats of images x (N, D) by annealed importance sampling, on the CPU.

    It knows the decoder alone, so that it is independent of q and its samples. Pilot chains, if
    there are any, have set the step sizes before.
    """
    chains, temperatures = evaluation["annealed_chains"], evaluation["annealed_temperatures"]
    rows = x.repeat_interleave(chains, dim=0)
    model.requires_grad_(requires_grad=False)
    steps = _pilot_steps(model, x, model_seed, evaluation)
    weights = annealed_log_weights(
        lambda z: model.log_likelihood(rows, z),
        len(rows),
        model.latents,
        temperatures,
        generator(model_seed, "annealing"),
        None if steps is None else steps.repeat_interleave(chains, dim=1),
    )
    return -log_mean(weights.view(len(x), chains), dim=1)


def _pilot_steps(
    model: LatentGaussian, x: Tensor, model_seed: int, evaluation: Mapping[str, Any]
) -> Tensor | None:
    """Step sizes (T, N) for images x (N, D), or None where no pilot is asked for."""
    pilots = evaluation["annealed_pilots"]
    if not pilots:
        return None
    rows = x.repeat_interleave(pilots, dim=0)
    return learnt_steps(
        lambda z: model.log_likelihood(rows, z),
        len(rows),
        pilots,
        model.latents,
        evaluation["annealed_temperatures"],
        generator(model_seed, "annealing_pilots"),
    )
