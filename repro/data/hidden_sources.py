"""Two informative sources among noise, hidden by a random invertible network (GIN's data)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from repro.errors import DataError

MEAN_BOUNDS = (-5.0, 5.0)
SPREAD_BOUNDS = (0.5, 3.0)
HIDDEN = (10, 10)  # units of the networks within a block
CLAMP = 2.0
ATAN_SCALE = 0.636  # the released code's 2/pi

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Layer = tuple[Floats, Floats]  # weights (O, I) and biases (O,)


@dataclass(frozen=True, eq=False)
class Points:
    """Sources (N, d), observations (N, D) and clusters (N,) of N points."""

    s: Singles
    x: Singles
    cluster: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class HiddenSources:
    """Points to learn from and as many to score on, from one mixing network."""

    train: Points
    test: Points


@dataclass(frozen=True, eq=False)
class _Block:
    """Two affine couplings of halves, then a permutation."""

    first: tuple[Layer, ...]  # moves the first half, given the second
    second: tuple[Layer, ...]  # moves the second half, given the new first
    order: NDArray[np.int64]


def generate_hidden_sources(data: Mapping[str, Any], data_seed: int) -> HiddenSources:
    """The data set of a seed: `clusters` Gaussians in `sources` dimensions, noise in the others.

    Every number comes from NumPy's generator of the data seed: what a cluster is, the mixing
    network, the training points and the test points, in this order.

    Raises:
        DataError: for more sources than dimensions.

    Source: Sorrenson et al. 2020 (arXiv 2001.04872), section 4.1, and the released VLL-HD/GIN
    (`generate_artificial_data_10d`, `construct_net_10d`), whose own random numbers come from
    torch: these data sets are drawn from the same distribution, they are not the same.
    """
    dim, sources, clusters = int(data["dim"]), int(data["sources"]), int(data["clusters"])
    if sources > dim:
        raise DataError(f"data.sources={sources} do not fit into data.dim={dim}; use fewer")
    random = np.random.default_rng(data_seed)
    means = random.uniform(*MEAN_BOUNDS, (clusters, sources))
    spreads = random.uniform(*SPREAD_BOUNDS, (clusters, sources))
    blocks = [_draw_block(random, dim) for _ in range(int(data["blocks"]))]

    def draw() -> Points:
        cluster = random.integers(clusters, size=int(data["points"]))
        s = means[cluster] + spreads[cluster] * random.standard_normal((len(cluster), sources))
        noise = float(data["noise"]) * random.standard_normal((len(cluster), dim - sources))
        x = mix(np.concatenate((s, noise), axis=1), blocks)
        return Points(s.astype(np.float32), x.astype(np.float32), cluster)

    return HiddenSources(draw(), draw())


def mix(latent: Floats, blocks: list[_Block]) -> Floats:
    """Observations (N, D) of sources and noise (N, D): every block's couplings and permutation."""
    half = latent.shape[1] // 2
    one, two = latent[:, :half], latent[:, half:]
    for block in blocks:
        one = _couple(one, two, block.first)
        two = _couple(two, one, block.second)
        mixed = np.concatenate((one, two), axis=1)[:, block.order]
        one, two = mixed[:, :half], mixed[:, half:]
    return np.concatenate((one, two), axis=1)


def _couple(moved: Floats, passed: Floats, network: tuple[Layer, ...]) -> Floats:
    """Scale and shift the moved features (N, n) as a network of the passed ones says."""
    h = passed
    for weights, biases in network[:-1]:
        h = np.maximum(h @ weights.T + biases, 0)
    raw = h @ network[-1][0].T + network[-1][1]
    log_scale, shift = np.split(raw, 2, axis=1)
    scaled: Floats = moved * np.exp(ATAN_SCALE * CLAMP * np.arctan(log_scale / CLAMP)) + shift
    return scaled


def _draw_block(random: np.random.Generator, dim: int) -> _Block:
    half = dim // 2
    first = _draw_network(random, dim - half, 2 * half)
    second = _draw_network(random, half, 2 * (dim - half))
    return _Block(first, second, random.permutation(dim))


def _draw_network(random: np.random.Generator, inputs: int, outputs: int) -> tuple[Layer, ...]:
    """Layers with the usual initial values of torch's nn.Linear."""
    sizes = (inputs, *HIDDEN, outputs)
    layers = []
    for size, following in itertools.pairwise(sizes):
        bound = size**-0.5
        weights = random.uniform(-bound, bound, (following, size))
        layers.append((weights, random.uniform(-bound, bound, following)))
    return tuple(layers)
