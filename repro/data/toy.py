"""Two-dimensional toy data sets, with their density where it is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from repro.errors import DataError

TOYS = ("moons", "gaussians", "circles", "swiss_roll", "pinwheel")
RELEASED_SEEDS = {"train": 2022, "val": 2021, "test": 2023}
RELEASED_SHIFT = (-0.5, -0.25)
CURVE_NODES = 2048  # centres that stand for a curve; closer to each other than its noise is wide
AWAY = 5.0  # standard deviations of the noise
CHUNK = 512  # points a pass of a density

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Generator:
    """How points come to be: one of `centres` (C, 2), chosen evenly, plus noise of this sd.

    That is exact for mixtures of Gaussians; a curve is followed by centres closer than its noise.
    """

    centres: Floats
    noise: float

    def log_density(self, x: NDArray[np.floating]) -> Floats:
        """Exact log-density (N,) in nats of the points x (N, 2)."""
        squares = self._per_chunk(x, lambda near: _log_mean_exp(-0.5 * near / self.noise**2))
        return squares - np.log(2 * np.pi * self.noise**2)

    def away(self, x: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Whether each of the points x (N, 2) is further than 5 sd from every centre."""
        nearest = self._per_chunk(x, lambda near: near.min(axis=1))
        return np.asarray(nearest > (AWAY * self.noise) ** 2)

    def _per_chunk(self, x: NDArray[np.floating], reduce: Callable[[Floats], Floats]) -> Floats:
        """What `reduce` makes of the squared distances (n, C), for all points x (N, 2)."""
        points = np.asarray(x, dtype=np.float64)
        parts = [points[start : start + CHUNK] for start in range(0, len(points), CHUNK)]
        own = (self.centres**2).sum(axis=1)
        found = [reduce((p**2).sum(axis=1)[:, None] - 2 * p @ self.centres.T + own) for p in parts]
        return np.concatenate(found) if found else np.zeros(0)


@dataclass(frozen=True, eq=False)
class Toy:
    """Training, validation and test points, each (N, 2) float32, and what made them.

    `generator` is None where no density is known (the pinwheel).
    """

    train: Singles
    val: Singles
    test: Singles
    generator: Generator | None


def generate_toy(data: Mapping[str, Any], data_seed: int) -> Toy:
    """The toy data set `data.name` with `data.points` in each split.

    Data seed 1 uses the released seeds (train 2022, validation 2021, test 2023), seed d those
    plus 3(d - 1), so that no two data seeds share a split.

    Raises:
        DataError: for an unknown name.

    Source: released hendrydong/normalizing-variational-flow, datasets/moons.py (moons); the other
    data sets are named in the paper's section on toy data, their settings are ours.
    """
    name, points = str(data["name"]), int(data["points"])
    if name not in TOYS:
        raise DataError(f"the toy data set {name!r} is unknown; use one of {', '.join(TOYS)}")
    seeds = {split: seed + 3 * (data_seed - 1) for split, seed in RELEASED_SEEDS.items()}
    drawn = {split: _draw(data, points, seed).astype(np.float32) for split, seed in seeds.items()}
    return Toy(**drawn, generator=_generator(data))


def _draw(data: Mapping[str, Any], points: int, seed: int) -> Floats:
    """Points (N, 2) of one split."""
    name, noise = data["name"], float(data["noise"])
    if name == "moons":
        from sklearn.datasets import make_moons  # slow to import

        return make_moons(points, noise=noise, random_state=seed)[0] + RELEASED_SHIFT
    random = np.random.RandomState(seed)
    if name == "pinwheel":
        return _draw_pinwheel(random, points, noise)
    if name == "gaussians":
        at = _ring(int(data["modes"]))[random.randint(data["modes"], size=points)]
    elif name == "circles":
        at = _circles(random.rand(points))
    else:
        at = _swiss_roll(random.rand(points))
    return at + noise * random.randn(points, 2)


def _generator(data: Mapping[str, Any]) -> Generator | None:
    name, noise = data["name"], float(data["noise"])
    if name == "pinwheel":
        return None
    nodes = (np.arange(CURVE_NODES) + 0.5) / CURVE_NODES
    centres = {
        "moons": lambda: _moons(int(data["points"])),
        "gaussians": lambda: _ring(int(data["modes"])),
        "circles": lambda: _circles(nodes),
        "swiss_roll": lambda: _swiss_roll(nodes),
    }[name]()
    return Generator(centres, noise)


def _moons(points: int) -> Floats:
    """The points (N, 2) to which scikit-learn's make_moons adds its noise, shifted as released."""
    outer = np.linspace(0, np.pi, points // 2)
    inner = np.linspace(0, np.pi, points - points // 2)
    upper = np.stack((np.cos(outer), np.sin(outer)), axis=1)
    lower = np.stack((1 - np.cos(inner), 0.5 - np.sin(inner)), axis=1)
    return np.concatenate((upper, lower)) + RELEASED_SHIFT


def _ring(modes: int) -> Floats:
    """Centres (modes, 2), evenly spread on a circle of radius 2."""
    angles = 2 * np.pi * np.arange(modes) / modes
    return 2 * np.stack((np.cos(angles), np.sin(angles)), axis=1)


def _circles(share: Floats) -> Floats:
    """Points (N, 2) at shares (N,) of the way along two circles of radii 1 and 1/2, half each."""
    outer = share < 0.5
    angles = 2 * np.pi * (2 * share % 1)
    radii = np.where(outer, 1.0, 0.5)[:, None]
    return radii * np.stack((np.cos(angles), np.sin(angles)), axis=1)


def _swiss_roll(share: Floats) -> Floats:
    """Points (N, 2) at shares (N,) of the parameter of scikit-learn's swiss roll, a tenth as big.

    The parameter, not the length, is uniform, as in `sklearn.datasets.make_swiss_roll`.
    """
    t = 1.5 * np.pi * (1 + 2 * share)
    return 0.1 * np.stack((t * np.cos(t), t * np.sin(t)), axis=1)


def _draw_pinwheel(random: np.random.RandomState, points: int, noise: float) -> Floats:
    """Points (N, 2) of five bent arms.

    Source: Johnson et al. 2016 (Composing graphical models with neural networks), the pinwheel:
    radial sd .3, tangential sd `noise`, twist .25.
    """
    arms = random.randint(5, size=points)
    radial, tangential = 1 + 0.3 * random.randn(points), noise * random.randn(points)
    angles = 2 * np.pi * arms / 5 + 0.25 * np.exp(radial)
    cosine, sine = np.cos(angles), np.sin(angles)
    return 2 * np.stack(
        (cosine * radial - sine * tangential, sine * radial + cosine * tangential), axis=1
    )


def _log_mean_exp(values: Floats) -> Floats:
    """Log of the mean of exp over the last axis, without overflow."""
    top = values.max(axis=-1, keepdims=True)
    return np.log(np.exp(values - top).mean(axis=-1)) + top[..., 0]
