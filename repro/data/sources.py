"""Non-stationary sources with known truth, and the observations that a random network makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from repro.data.atomic import replacing
from repro.data.mixing import Floats, Singles, draw_layers, log_abs_det, mix
from repro.errors import DataError

PRIORS = ("gauss", "laplace", "hypsecant")
SPREADS = ("standard_deviation", "variance")
SPREAD_BOUNDS = (0.5, 3.0)
MEAN_BOUNDS = (-5.0, 5.0)
LARGEST_SEED = 2**32 - 1


@dataclass(frozen=True, eq=False)
class Sources:
    """A generated data set: N points of D sources in M segments, ordered by segment.

    `s` and `x` are the sources and observations (N, D); `segment` (N,) is the segment of each
    point; `m` and `L` (M, D) are the mean and the scale of each segment's sources (the standard
    deviation for gauss, laplace; the multiplier of a unit hyperbolic secant); `mixing` holds a
    matrix (D, D) a layer, drawn until its condition number was below the layer's entry of
    `thresholds`, which took `accepted_at` draws.
    """

    s: Singles
    x: Singles
    segment: NDArray[np.int64]
    m: Floats
    L: Floats
    mixing: tuple[Singles, ...]
    thresholds: tuple[float, ...]
    accepted_at: tuple[int, ...]

    @property
    def u(self) -> Singles:
        """The one-hot segment of each point (N, M), float32."""
        return np.eye(len(self.m), dtype=np.float32)[self.segment]


@dataclass(frozen=True)
class _Recipe:
    dim: int
    segments: int
    points_per_segment: int
    layers: int
    prior: str
    centered: bool
    noise: float
    spread: str
    repeat_matrix: bool

    @property
    def points(self) -> int:
        return self.segments * self.points_per_segment


def generate(data: Mapping[str, Any], data_seed: int) -> Sources:
    """The data set of a seed, bit for bit the sources of the released generator.

    Args:
        data: the resolved data config: dim, segments, points_per_segment, layers, prior
            (gauss | laplace | hypsecant), centered, noise (standard deviation of the observation
            noise), spread (what the U(.5, 3) draws are: standard_deviation | variance),
            repeat_matrix (whether all mixing layers have the matrix of the first).
        data_seed: the seed of a private legacy NumPy stream, 0 to 2**32 - 1.

    Raises:
        DataError: if the config has a key missing or a value out of range, or the seed is.

    Source: `generate_nonstationary_sources` and `generate_data` in `lib/data.py` of the released
    iFlow code.
    """
    recipe = _read(data)
    random = np.random.RandomState(_checked_seed(data_seed))
    scales, means = _moments(recipe, random)
    s = _draw_sources(recipe, scales, means, random)
    layers = draw_layers(random, recipe.dim, recipe.layers, repeat_matrix=recipe.repeat_matrix)
    matrices = tuple(layer.matrix for layer in layers)
    return Sources(
        s=s,
        x=_observe(s, matrices, recipe.noise, random),
        segment=np.repeat(np.arange(recipe.segments, dtype=np.int64), recipe.points_per_segment),
        m=means,
        L=scales,
        mixing=matrices,
        thresholds=tuple(layer.threshold for layer in layers),
        accepted_at=tuple(layer.accepted_at for layer in layers),
    )


def has_exact_density(data: Mapping[str, Any]) -> bool:
    """Whether `oracle_log_likelihood` knows the density of a data config: Gaussian, no noise."""
    return data["prior"] == "gauss" and data["noise"] == 0


def oracle_log_likelihood(sources: Sources, data: Mapping[str, Any]) -> Floats:
    """The exact log p(x|u) of each point (N,) in nats, by change of variables through the mixing.

    Raises:
        DataError: if the prior is not Gaussian or the observations carry noise.

    Source: change of variables through the known mixing network.
    """
    recipe = _read(data)
    if not has_exact_density(data):
        raise DataError(
            f"no exact density for prior {recipe.prior!r} with noise {recipe.noise:g}; "
            "use data.prior=gauss data.noise=0"
        )
    scales, means = sources.L[sources.segment], sources.m[sources.segment]
    squares = ((sources.s - means) / scales) ** 2
    log_prior = -0.5 * (squares + np.log(2 * np.pi)) - np.log(scales)
    density: Floats = log_prior.sum(axis=1) - log_abs_det(sources.s, sources.mixing)
    return density


def save(sources: Sources, path: Path) -> None:
    """Writes s, x, u (one-hot), m and L to an .npz file that appears whole or not at all.

    Raises:
        DataError: if the folder of `path` does not exist.
    """
    with replacing(Path(path)) as partial, partial.open("xb") as file:
        np.savez(file, s=sources.s, x=sources.x, u=sources.u, m=sources.m, L=sources.L)


def _moments(recipe: _Recipe, random: np.random.RandomState) -> tuple[Floats, Floats]:
    shape = (recipe.segments, recipe.dim)
    scales = random.uniform(*SPREAD_BOUNDS, shape)
    if recipe.spread == "variance":
        scales = np.sqrt(scales)
    if recipe.centered:  # the released code draws no means then, and the stream depends on it
        return scales, np.zeros(shape)
    return scales, random.uniform(*MEAN_BOUNDS, shape)


def _draw_sources(
    recipe: _Recipe, scales: Floats, means: Floats, random: np.random.RandomState
) -> Singles:
    s = _draw_unit(recipe.prior, (recipe.points, recipe.dim), random).astype(np.float32)
    by_segment = s.reshape(recipe.segments, recipe.points_per_segment, recipe.dim)
    by_segment *= scales[:, None, :]  # in place on float32: each step is rounded once
    by_segment += means[:, None, :]
    return s


def _draw_unit(prior: str, shape: tuple[int, int], random: np.random.RandomState) -> Floats:
    if prior == "gauss":
        return random.randn(*shape)
    if prior == "laplace":
        return random.laplace(0, 1 / np.sqrt(2), shape)
    from scipy.stats import hypsecant  # slow to import, and rarely wanted

    return np.asarray(hypsecant.rvs(0, 1, shape, random_state=random))


def _observe(
    s: Singles, matrices: tuple[Singles, ...], noise: float, random: np.random.RandomState
) -> Singles:
    x = mix(s, matrices)
    if noise > 0:
        x += noise * random.randn(*x.shape)
    return x


def _read(data: Mapping[str, Any]) -> _Recipe:
    keys = list(_Recipe.__dataclass_fields__)
    missing = [key for key in keys if key not in data]
    if missing:
        raise DataError(f"the data config lacks {', '.join(missing)}; add data.{missing[0]}=...")
    recipe = _Recipe(**{key: data[key] for key in keys})
    for key, least in (("dim", 1), ("segments", 1), ("points_per_segment", 1), ("layers", 2)):
        _check_whole(key, getattr(recipe, key), least)
    _check_choice("prior", recipe.prior, PRIORS)
    _check_choice("spread", recipe.spread, SPREADS)
    _check_choice("centered", recipe.centered, (True, False))
    _check_choice("repeat_matrix", recipe.repeat_matrix, (True, False))
    _check_noise(recipe.noise)
    return recipe


def _is_whole(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _check_whole(key: str, value: int, least: int) -> None:
    if not _is_whole(value) or value < least:
        raise DataError(f"data.{key}={value!r} cannot be; use a whole number of at least {least}")


def _check_choice(key: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        names = " or ".join(map(str, choices))
        raise DataError(f"data.{key}={value!r} is unknown; use {names}")


def _check_noise(noise: float) -> None:
    number = isinstance(noise, int | float | np.number) and not isinstance(noise, bool)
    if not number or not 0 <= noise < np.inf:
        raise DataError(f"data.noise={noise!r} cannot be; use a standard deviation, 0 or more")


def _checked_seed(data_seed: int) -> int:
    if not _is_whole(data_seed) or not 0 <= data_seed <= LARGEST_SEED:
        raise DataError(f"data seed {data_seed!r} cannot be; use 0 to {LARGEST_SEED}")
    return int(data_seed)
