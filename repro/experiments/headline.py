"""What is measured once a run, at the headline: shape, oracle, active units, held out, samples.

None of it changes what `evaluation` finds at any point of a run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from repro.data.held_out import first_of_each_segment, fresh
from repro.data.sources import Sources, has_exact_density, oracle_log_likelihood
from repro.experiments.active_units import active_units
from repro.experiments.evaluation import Noise, identifiability, inputs, latents, likelihoods
from repro.jobs import SeedPair
from repro.metrics.geometry import geometry
from repro.metrics.two_sample import classifier_test, energy_test
from repro.randomness import generator
from repro.training.seed_stack import SeedStack

LIKELIHOODS = ("log_likelihood", "elbo")


@dataclass(frozen=True)
class DataSet:
    """The data of one seed: what is trained on, and the points held out of it or None."""

    train: Sources
    held_out: Sources | None


def measure(
    stack: SeedStack,
    data: Sequence[DataSet],
    seeds: Sequence[SeedPair],
    config: Mapping[str, Any],
    z: Tensor,
) -> tuple[list[dict[str, Any]], Tensor | None]:
    """Further metrics of each seed whose latents z (S, N, D) are finite, and samples (S, N', D).

    oracle_log_likelihood (nats a point) where the data have a closed form; affine_r2, procrustes
    and rank_preservation (no unit) of two sources; kl_by_source and active_units of a model with
    a posterior; held_out_* where points are held out; sample_* where samples are asked for. The
    samples are in the order of the segments.
    """
    found: list[dict[str, Any]] = [_of_the_data(each.train, config) for each in data]
    for metrics, each, latent in zip(found, data, z, strict=True):
        if each.train.s.shape[1] == 2 and bool(latent.isfinite().all()):
            metrics |= geometry(each.train.s, latent.cpu().numpy())
    if not stack.base.exact:
        trained = active_units(stack, [each.train for each in data])
        for metrics, more in zip(found, trained, strict=True):
            metrics |= more
    if data[0].held_out is not None:
        for metrics, more in zip(found, _on_held_out(stack, data, seeds, config), strict=True):
            metrics |= more
    points = config["evaluation"]["samples_per_segment"]
    if points == 0:
        return found, None
    drawn = [_samples(stack, index, pair, points) for index, pair in enumerate(seeds)]
    for metrics, each, pair, x in zip(found, data, seeds, drawn, strict=True):
        seen, exact = each.held_out or each.train, has_exact_density(config["data"])
        metrics |= compare_samples(seen, x, points, pair.data_seed, fresh_too=exact)
    return found, torch.from_numpy(np.stack(drawn))


def _of_the_data(train: Sources, config: Mapping[str, Any]) -> dict[str, Any]:
    if not has_exact_density(config["data"]):
        return {}
    density = oracle_log_likelihood(train, config["data"])
    return {"oracle_log_likelihood": float(density.mean())}


def _on_held_out(
    stack: SeedStack,
    data: Sequence[DataSet],
    seeds: Sequence[SeedPair],
    config: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Held-out identifiability of all held-out points, likelihoods of the configured number."""
    evaluation = config["evaluation"]
    held = [each.held_out for each in data if each.held_out is not None]
    some = [first_of_each_segment(each, evaluation["held_out_points"]) for each in held]
    noise = Noise([pair.model_seed for pair in seeds], stack.device)
    with torch.no_grad():
        sample, mean = latents(stack, *inputs(held, stack), noise)
        values = likelihoods(stack, *inputs(some, stack), noise, evaluation["held_out_samples"])
    chosen = sample if evaluation["latent"] == "sample" else mean
    found: list[dict[str, Any]] = []
    for index, truth in enumerate(held):
        metrics: dict[str, Any] = {}
        if all(bool(t[index].isfinite().all()) for t in (sample, mean)):
            metrics = identifiability(truth, chosen[index], sample[index], mean[index])
        metrics |= {k: float(v[index]) for k, v in zip(LIKELIHOODS, values, strict=True)}
        metrics |= _of_the_data(some[index], config)
        found.append({f"held_out_{key}": value for key, value in metrics.items()})
    return found


def _samples(stack: SeedStack, index: int, pair: SeedPair, points: int) -> np.ndarray:
    """Observations (M x points, D) that one seed's model makes, its segments in order."""
    model = stack.member(index)
    segment = torch.arange(len(model.one_hot)).repeat_interleave(points)  # type: ignore[arg-type]
    with torch.no_grad():
        x = model.sample(segment, generator(pair.model_seed, "samples"))  # type: ignore[operator]
    return np.asarray(x.cpu().numpy())


def compare_samples(
    truth: Sources, x: np.ndarray, points: int, seed: int, fresh_too: bool = True
) -> dict[str, Any]:
    """Two-sample tests, a segment at a time, of samples x (M x points, D) against the data.

    sample_energy and sample_c2st are means over the segments of the energy coefficient and of the
    classifier's accuracy, sample_*_truth those of fresh points from the true distribution (if
    `fresh_too`: it must be Gaussian and free of noise), and sample_*_rejected the share of
    segments told apart at the 5 % level; sample_failed counts samples that are not finite, which
    are left out.
    """
    sets = {"": x} | ({"_truth": fresh(truth, points, seed)} if fresh_too else {})
    lists: dict[str, list[float]] = {}
    for label in range(len(truth.m)):
        seen = truth.x[truth.segment == label][:points]
        for suffix, made in sets.items():
            candidate = _finite(made.reshape(len(truth.m), points, -1)[label])
            if len(candidate) < 8:
                continue
            energy = energy_test(seen, candidate, seed)
            told = classifier_test(seen, candidate[: len(seen)], seed)
            _add(lists, f"sample_energy{suffix}", energy.value)
            _add(lists, f"sample_energy{suffix}_rejected", float(energy.p < 0.05))
            _add(lists, f"sample_c2st{suffix}", told.value)
            _add(lists, f"sample_c2st{suffix}_rejected", float(told.p < 0.05))
    by_segment = {
        f"{k}_by_segment": lists[k] for k in ("sample_energy", "sample_c2st") if k in lists
    }
    means = {key: float(np.mean(values)) for key, values in lists.items()}
    return means | by_segment | {"sample_failed": int((~np.isfinite(x).all(axis=1)).sum())}


def _finite(points: np.ndarray) -> np.ndarray:
    kept: np.ndarray = points[np.isfinite(points).all(axis=1)]
    return kept


def _add(lists: dict[str, list[float]], key: str, value: float) -> None:
    lists.setdefault(key, []).append(value)
