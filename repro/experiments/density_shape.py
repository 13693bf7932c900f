"""Where a trained density's mass lies, how steep its map is, and what its latent states say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from repro.data.toy import Generator
from repro.data.two_modes import TwoModes
from repro.experiments.density_data import DensityData
from repro.models.latents import DiscreteLatent
from repro.models.variational_flow import VariationalFlow
from repro.randomness import generator

KEPT_SAMPLES = 1000
GRID_MARGIN = 0.25  # of the data's extent, around it
NOISE_REACH = 4.0  # standard deviations of noise for which the map is kept
POSITION_REACH = 4.0  # standard deviations of a mode beyond the modes
POSITIONS = 2001  # odd: one of them is the middle
SLOPE_REACH = 2.5  # standard deviations of noise in which slopes count: 1 % lie beyond
NOISE_STEPS = 801
STATE_ROWS = 1000  # test rows on which the states' posterior is looked at
LOWEST = -1e4  # a log-density that float16 can hold


def shape_metrics(
    model: VariationalFlow, data: DensityData, evaluation: Mapping[str, Any], model_seed: int
) -> dict[str, Any]:
    """What there is to say of one trained model: mass away, slopes, information of the states.

    `away_share` is the share of its samples further than 5 standard deviations of the noise from
    every centre of the data's generator; `max_slope` the largest slope of the generating map
    within 2.5 sd of noise, over all states; `gap_slope` its slope where it meets the middle of
    the modes, over all states the smallest; `state_information_nats` the mutual information of
    test points and the model's exact posterior over its states (0: all states are alike).
    """
    found: dict[str, Any] = {}
    if evaluation["samples"] and isinstance(data.truth, Generator):
        samples, _ = _samples(model, evaluation["samples"], model_seed)
        found["away_share"] = float(data.truth.away(samples).mean())
    if isinstance(data.truth, TwoModes):
        found |= _slopes(model, data.truth)
    if isinstance(model.latent, DiscreteLatent):
        found |= _states(model, torch.from_numpy(data.test[:STATE_ROWS]))
    return found


def shape_arrays(
    model: VariationalFlow, data: DensityData, evaluation: Mapping[str, Any], model_seed: int
) -> dict[str, np.ndarray]:
    """What a picture needs: training points, samples with their state, log-density on a grid.

    The grid is `evaluation.grid` a side, from `low` to `high` (D,); in one dimension the map (its
    noise and its image for each state) comes in place of the samples.
    """
    low, high = _extent(data)
    arrays = {"low": low, "high": high, "train": data.train[:KEPT_SAMPLES].astype(np.float16)}
    if evaluation["grid"]:
        arrays["log_density"] = _grid(model, low, high, evaluation["grid"], model_seed)
    if data.dim == 1:
        noise, images = _map(model)
        return arrays | {"noise": noise[:, 0].astype(np.float32), "image": images}
    if evaluation["samples"]:
        samples, states = _samples(model, min(KEPT_SAMPLES, evaluation["samples"]), model_seed)
        arrays |= {"samples": samples.astype(np.float16), "states": states}
    return arrays


def _samples(model: VariationalFlow, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Samples (N, D) and their states (N,), 0 where there is no discrete latent."""
    source = generator(seed, "evaluation")
    with torch.no_grad():
        z = torch.randn(count, model.dim, generator=source)
        context = model.latent.prior(count, source)
        samples = model.generate(z, context).numpy()
    discrete = isinstance(model.latent, DiscreteLatent) and context is not None
    states = context.argmax(dim=-1).numpy() if discrete else np.zeros(count)  # type: ignore[union-attr]
    return samples, states.astype(np.int8)


def _extent(data: DensityData) -> tuple[np.ndarray, np.ndarray]:
    low, high = data.train.min(axis=0), data.train.max(axis=0)
    margin = GRID_MARGIN * (high - low).max()
    return low - margin, high + margin


def _grid(
    model: VariationalFlow, low: np.ndarray, high: np.ndarray, side: int, seed: int
) -> np.ndarray:
    """Log-density (side,) or (side, side) in float16; rows go along the second feature."""
    axes = [torch.linspace(float(a), float(b), side) for a, b in zip(low, high, strict=True)]
    points = torch.stack(torch.meshgrid(*axes, indexing="xy"), dim=-1).reshape(-1, model.dim)
    source = generator(seed, "evaluation")
    parts = []
    with torch.no_grad():
        for rows in points.split(STATE_ROWS):
            parts.append(
                model.log_likelihood(rows, model.latent.evaluation_noise(len(rows), source))
            )
    found = torch.cat(parts).clamp(min=LOWEST).reshape([side] * model.dim)
    return found.numpy().astype(np.float16)


def _map(model: VariationalFlow) -> tuple[np.ndarray, np.ndarray]:
    """Noise (Z, 1) and its image (K, Z) for each state; K is 1 without a discrete latent."""
    z = torch.linspace(-NOISE_REACH, NOISE_REACH, NOISE_STEPS)[:, None]
    with torch.no_grad():
        found = [model.flow.inverse(z, context) for context in _contexts(model, len(z))]
    return z.numpy(), torch.stack([x[:, 0] for x, _ in found]).numpy()


def _contexts(model: VariationalFlow, rows: int) -> list[Tensor | None]:
    if not isinstance(model.latent, DiscreteLatent):
        return [None]
    return [state.expand(rows, -1) for state in model.latent.states]


def _slopes(model: VariationalFlow, truth: TwoModes) -> dict[str, float]:
    """Largest slope of the generating map, and its slope in the middle, beside the exact one.

    Slopes are taken on a grid of positions x, since a steep map leaps over the gap between two
    points of any grid of noise.
    """
    reach = truth.distance + POSITION_REACH * truth.sigma
    x = torch.linspace(-reach, reach, POSITIONS)[:, None]
    with torch.no_grad():
        found = [model.flow(x, None, context) for context in _contexts(model, len(x))]
    noise = torch.stack([z[:, 0] for z, _ in found])  # (K, X)
    log_slopes = -torch.stack([log_det for _, log_det in found])
    near = log_slopes.masked_fill(noise.abs() > SLOPE_REACH, -torch.inf)
    return {
        "max_slope": float(near.max().exp()),
        "gap_slope": float(log_slopes[:, POSITIONS // 2].min().exp()),
        "exact_slope": truth.slope_in_the_middle(),
        "measured_slope": truth.measured_slope_in_the_middle(),
    }


def _states(model: VariationalFlow, x: Tensor) -> dict[str, float]:
    """What the states say of test points: by the exact posterior and by the posterior network."""
    assert isinstance(model.latent, DiscreteLatent)
    with torch.no_grad():
        exact = torch.softmax(model.latent.by_state(model.given(None), x), dim=0).T
        q = model.latent.responsibilities(x)
    return {
        "state_information_nats": _information(exact),
        "posterior_information_nats": _information(q),
        "states_used": float(_entropy(exact.mean(dim=0)).exp()),
    }


def _information(posterior: Tensor) -> float:
    """Mutual information in nats of rows and states whose posterior is (N, K)."""
    return float(_entropy(posterior.mean(dim=0)) - _entropy(posterior).mean())


def _entropy(p: Tensor) -> Tensor:
    """Entropy (...) in nats of distributions (..., K)."""
    return -torch.special.xlogy(p, p).sum(dim=-1)
