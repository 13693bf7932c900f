"""The random network that mixes the sources, drawn as the released code draws it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

CONDITION_DRAWS = 10_000
CONDITION_PERCENTILE = 25
LEAK = 0.1

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


class Layer(NamedTuple):
    """One mixing layer: its matrix (D, D), and how the matrix came to be accepted.

    `threshold` is the largest condition number allowed, `accepted_at` the number of draws made.
    """

    matrix: Singles
    threshold: float
    accepted_at: int


def draw_layer(random: np.random.RandomState, dim: int) -> Layer:
    """The next mixing layer of `random`: unit columns and a condition number in the low quarter.

    Source: `generate_mixing_matrix` in `lib/data.py` of the released iFlow code.
    """
    threshold = _condition_threshold(random, dim)
    draws = 0
    while True:
        draws += 1
        matrix = _unit_columns((random.uniform(0, 2, (dim, dim)) - 1).astype(np.float32))
        if np.linalg.cond(matrix) <= threshold:
            return Layer(matrix, float(threshold), draws)


def draw_layers(
    random: np.random.RandomState, dim: int, layers: int, *, repeat_matrix: bool
) -> tuple[Layer, ...]:
    """The mixing layers of `random`, each with its own matrix or, if it repeats, all with one.

    Source: `generate_data` in `lib/data.py` of the released iFlow code; the repeated matrix,
    `generate_data` in `lib/data.py` of the released iVAE code.
    """
    if repeat_matrix:
        return (draw_layer(random, dim),) * layers
    return tuple(draw_layer(random, dim) for _ in range(layers))


def mix(s: Singles, matrices: Sequence[Singles]) -> Singles:
    """The observations (N, D) float32 of sources (N, D): leaky-tanh layers, the last one linear.

    Source: `generate_data` in `lib/data.py` of the released iFlow code (activation `xtanh`).
    """
    x = s
    for matrix in matrices[:-1]:
        x = activation(x @ matrix)
    return np.asarray(x @ matrices[-1], dtype=np.float32)


def activation(h: Singles) -> Singles:
    """The leaky tanh, tanh(h) + 0.1 h, in the precision of `h`."""
    activated: Singles = np.tanh(h) + LEAK * h
    return activated


def log_abs_det(s: NDArray[np.floating], matrices: Sequence[Singles]) -> Floats:
    """The log |det dx/ds| in nats (N,) of the mixing network at sources (N, D), in float64."""
    x = np.asarray(s, dtype=np.float64)
    total: Floats = np.zeros(len(x))
    for matrix in matrices[:-1]:
        h = x @ matrix.astype(np.float64)
        total = total + np.log(1.0 - np.tanh(h) ** 2 + LEAK).sum(axis=1)
        x = np.tanh(h) + LEAK * h
    for matrix in matrices:
        total = total + np.linalg.slogdet(matrix.astype(np.float64)).logabsdet
    return total


def _condition_threshold(random: np.random.RandomState, dim: int) -> float:
    draws = random.uniform(-1, 1, (CONDITION_DRAWS, dim, dim)).astype(np.float32)
    conditions = np.linalg.cond(_unit_columns(draws))
    return float(np.percentile(conditions, CONDITION_PERCENTILE))


def _unit_columns(matrices: Singles) -> Singles:
    # Squares are summed along a contiguous last axis: NumPy then adds them in the order in which
    # it adds one column taken alone, so the float32 norms agree to the bit at any dimension.
    squares = np.ascontiguousarray(np.swapaxes(matrices**2, -1, -2))
    norms = np.sqrt(squares.sum(axis=-1))
    return np.asarray(matrices / norms[..., None, :], dtype=np.float32)
