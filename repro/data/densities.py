"""Data sets in any dimension whose density is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from repro.errors import DataError

CENTRE = 4.0  # means of a mixture lie in a box of this half-width
SPREAD_BOUNDS = (0.2, 1.0)  # standard deviations along a component's own axes
PERIODS = (1, 2)  # of a wave
HEIGHT_BOUNDS = (0.5, 1.5)
PHASES, HEIGHTS = 180, 24  # nodes of the density of waves: about as close as the noise is wide
CHUNK = 256

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Density:
    """Points to learn from, to validate and to test on, each (N, D) float32.

    `entropy_sample` is the mean of -log p of the test points under the true density, in nats: the
    negative log-likelihood that no model beats but by chance.
    """

    train: Singles
    val: Singles
    test: Singles
    entropy_sample: float


def generate_density(data: Mapping[str, Any], data_seed: int) -> Density:
    """The data set of a seed, everything about it drawn from the data seed.

    Raises:
        DataError: for an unknown name.
    """
    random = np.random.default_rng(data_seed)
    kinds: dict[str, type[_Mixture] | type[_Waves]] = {"mixture": _Mixture, "waves": _Waves}
    if data["name"] not in kinds:
        known = ", ".join(kinds)
        raise DataError(f"the data set {data['name']!r} has no known density; use {known}")
    truth = kinds[data["name"]](data, random)
    points = int(data["points"])
    parts = [truth.draw(random, count) for count in (points, max(points // 5, 1), points)]
    train, val, test = (part.astype(np.float32) for part in parts)
    return Density(train, val, test, -float(truth.log_density(test).mean()))


class _Mixture:
    """Equal shares of random Gaussians of full covariance."""

    def __init__(self, data: Mapping[str, Any], random: np.random.Generator) -> None:
        count, dim = int(data["components"]), int(data["dim"])
        self.means = random.uniform(-CENTRE, CENTRE, (count, dim))
        axes = np.linalg.qr(random.standard_normal((count, dim, dim)))[0]
        self.roots = axes * random.uniform(*SPREAD_BOUNDS, (count, 1, dim))

    def draw(self, random: np.random.Generator, points: int) -> Floats:
        """Points (N, D)."""
        component = random.integers(len(self.means), size=points)
        noise = random.standard_normal((points, self.means.shape[1]))
        drawn: Floats = self.means[component] + np.einsum(
            "nij,nj->ni", self.roots[component], noise
        )
        return drawn

    def log_density(self, x: NDArray[np.floating]) -> Floats:
        """Log-density (N,) in nats of points (N, D)."""
        parts = [
            multivariate_normal(mean, root @ root.T).logpdf(x)
            for mean, root in zip(self.means, self.roots, strict=True)
        ]
        return np.asarray(logsumexp(parts, axis=0) - np.log(len(parts)))


class _Waves:
    """a cos(2 pi f n / D + phase) + noise at places n, with f one of two, even chances."""

    def __init__(self, data: Mapping[str, Any], random: np.random.Generator) -> None:
        self.dim, self.noise = int(data["dim"]), float(data["noise"])

    def draw(self, random: np.random.Generator, points: int) -> Floats:
        """Points (N, D)."""
        period = random.choice(PERIODS, size=points)
        phase, height = (
            random.uniform(0, 2 * np.pi, points),
            random.uniform(*HEIGHT_BOUNDS, points),
        )
        clean = self._wave(period, phase, height)
        return clean + self.noise * random.standard_normal(clean.shape)

    def log_density(self, x: NDArray[np.floating]) -> Floats:
        """Log-density (N,) in nats of points (N, D), phase and height integrated on a grid."""
        phases = 2 * np.pi * (np.arange(PHASES) + 0.5) / PHASES
        low, high = HEIGHT_BOUNDS
        heights = low + (high - low) * (np.arange(HEIGHTS) + 0.5) / HEIGHTS
        grid = np.stack(np.meshgrid(PERIODS, phases, heights, indexing="ij"), axis=-1)
        centres = self._wave(*grid.reshape(-1, 3).T)
        return _mixture_log_density(np.asarray(x, np.float64), centres, self.noise)

    def _wave(self, period: Floats, phase: Floats, height: Floats) -> Floats:
        angles = 2 * np.pi * np.arange(self.dim) / self.dim
        wave: Floats = height[:, None] * np.cos(period[:, None] * angles + phase[:, None])
        return wave


def _mixture_log_density(x: Floats, centres: Floats, noise: float) -> Floats:
    """Log-density (N,) of the even mixture of round Gaussians at centres (C, D)."""
    own = (centres**2).sum(axis=1)
    found = []
    for start in range(0, len(x), CHUNK):
        part = x[start : start + CHUNK]
        squares = (part**2).sum(axis=1)[:, None] - 2 * part @ centres.T + own
        found.append(logsumexp(-0.5 * squares / noise**2, axis=1))
    constant = np.log(len(centres)) + 0.5 * x.shape[1] * np.log(2 * np.pi * noise**2)
    return np.asarray(np.concatenate(found) - constant)
