"""Measures stacked models on the data they were trained on, as the papers do."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from repro.data.sources import Sources
from repro.jobs import SeedPair
from repro.metrics.identifiability import matched_correlations, within_segment_mcc
from repro.randomness import generator
from repro.training.seed_stack import SeedStack

ROWS = 1000  # data rows a pass; fixed, so that a seed's numbers do not depend on its pack
IMPORTANCE_ROWS = 125
IMPORTANCE_SAMPLES = 250  # draws of each of them a pass, so that thousands fit into memory


def evaluate(
    stack: SeedStack,
    sources: Sequence[Sources],
    seeds: Sequence[SeedPair],
    evaluation: Mapping[str, Any],
) -> tuple[list[dict[str, Any] | None], Tensor]:
    """Metrics of each seed on its whole data set, dropout off, and the latents z (S, N, D).

    `evaluation.latent` says whether z and the main metrics come from the posterior sample or the
    posterior mean (the same thing for an exact flow); correlations and MCC have no unit,
    log_likelihood and elbo are nats a point. A seed whose latents are not all finite has None.
    """
    x, segment = inputs(sources, stack)
    noise = Noise([pair.model_seed for pair in seeds], x.device)
    with torch.no_grad():
        sample, mean = latents(stack, x, segment, noise)
        bound, elbo = likelihoods(stack, x, segment, noise, evaluation["importance_samples"])
    chosen = sample if evaluation["latent"] == "sample" else mean
    finite = torch.stack([t.flatten(1).isfinite().all(dim=1) for t in (sample, mean)]).all(dim=0)
    metrics: list[dict[str, Any] | None] = []
    for index, truth in enumerate(sources):
        if not bool(finite[index]):
            metrics.append(None)
            continue
        found = identifiability(truth, chosen[index], sample[index], mean[index])
        found["log_likelihood"] = float(bound[index])
        found["elbo"] = float(elbo[index])
        metrics.append(found)
    return metrics, chosen


def inputs(sources: Sequence[Sources], stack: SeedStack) -> tuple[Tensor, Tensor]:
    """Observations (S, N, D) of each seed and the segments (N,) of all, on the stack's device."""
    x = torch.stack([torch.from_numpy(each.x) for each in sources]).to(stack.device)
    return x, torch.from_numpy(sources[0].segment).to(stack.device)


class Noise:
    """Standard normals from each model seed's evaluation stream, the same at every evaluation."""

    def __init__(self, model_seeds: Sequence[int], device: torch.device) -> None:
        self._sources = {s: generator(s, "evaluation") for s in dict.fromkeys(model_seeds)}
        self._member = [list(self._sources).index(seed) for seed in model_seeds]
        self._device = device

    def draw(self, *shape: int) -> Tensor:
        """Normals (S, *shape), equal for equal model seeds."""
        draws = [torch.randn(shape, generator=source) for source in self._sources.values()]
        return torch.stack(draws)[self._member].to(self._device)


def latents(stack: SeedStack, x: Tensor, segment: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
    """Posterior samples and means, each (S, N, D), of observations (S, N, D)."""

    def part(rows: slice) -> tuple[Tensor, Tensor]:
        normals = noise.draw(len(segment[rows]), x.shape[-1])
        inputs = (x[:, rows], segment[rows], normals)
        return stack.call("latents", *inputs, in_dims=(0, None, 0))

    samples, means = zip(*in_parts(part, len(segment), ROWS), strict=True)
    return torch.cat(samples, dim=1), torch.cat(means, dim=1)


def likelihoods(
    stack: SeedStack, x: Tensor, segment: Tensor, noise: Noise, samples: int
) -> tuple[Tensor, Tensor]:
    """Mean log-likelihood (or its importance-weighted bound) and ELBO, each (S,), nats a point."""
    exact = stack.base.exact  # one sample then says it all, and nothing is random about it

    def draw(count: int, rows: slice) -> tuple[Tensor, Tensor]:
        normals = noise.draw(count, len(segment[rows]), x.shape[-1])
        inputs = (x[:, rows], segment[rows], normals)
        return stack.call("log_likelihood", *inputs, in_dims=(0, None, 0))

    def part(rows: slice) -> tuple[Tensor, Tensor]:
        counts = _counts(1 if exact else samples)
        return _joined([draw(count, rows) for count in counts], counts)

    size = ROWS if exact else IMPORTANCE_ROWS
    bounds, elbos = zip(*in_parts(part, len(segment), size), strict=True)
    joined = (torch.cat(values, dim=1).double().mean(dim=1) for values in (bounds, elbos))
    return tuple(joined)  # type: ignore[return-value]


def _counts(samples: int) -> list[int]:
    whole, rest = divmod(samples, IMPORTANCE_SAMPLES)
    return [IMPORTANCE_SAMPLES] * whole + [rest] * (rest > 0)


def _joined(
    found: Sequence[tuple[Tensor, Tensor]], counts: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Bounds and ELBOs of all draws from those of `counts` draws each."""
    if len(found) == 1:
        return found[0]
    total = sum(counts)
    pairs = list(zip(found, counts, strict=True))
    sums = torch.stack([bound + math.log(count) for (bound, _), count in pairs])
    elbos = torch.stack([elbo * count / total for (_, elbo), count in pairs])
    return torch.logsumexp(sums, dim=0) - math.log(total), elbos.sum(dim=0)


def in_parts(
    part: Callable[[slice], tuple[Tensor, Tensor]], rows: int, size: int
) -> list[tuple[Tensor, Tensor]]:
    """What `part` finds in `rows` rows, `size` of them at a time."""
    return [part(slice(start, start + size)) for start in range(0, rows, size)]


def identifiability(truth: Sources, chosen: Tensor, sample: Tensor, mean: Tensor) -> dict:
    """Correlations and MCCs, without unit, of one seed's latents (N, D), `chosen` ones first."""
    match = matched_correlations(truth.s, _array(chosen))
    at_mean = matched_correlations(truth.s, _array(mean))
    at_sample = matched_correlations(truth.s, _array(sample))
    return {
        "mcc": match.mean,
        "mcc_posterior_mean": at_mean.mean,
        "mcc_posterior_sample": at_sample.mean,
        "correlations": match.correlations.tolist(),
        "correlations_posterior_mean": at_mean.correlations.tolist(),
        "mcc_within_segment": within_segment_mcc(truth.s, _array(chosen), truth.segment),
    }


def _array(values: Tensor) -> np.ndarray:
    return values.cpu().numpy()
