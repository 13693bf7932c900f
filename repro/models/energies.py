"""The four energies of Rezende & Mohamed in a box, their normalisers and their modes."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import torch
from torch import Tensor

GRID = 1600  # points a side of the grid on which densities are integrated
REACH = 8.0  # how many standard deviations of a wall the grid covers beyond the box


def _u1(z: Tensor) -> Tensor:
    radius = torch.sqrt((z * z).sum(dim=-1) + torch.finfo(z.dtype).tiny)
    ring = 0.5 * ((radius - 2) / 0.4) ** 2
    return ring - torch.logaddexp(*_terms_u1(z))


def _terms_u1(z: Tensor) -> tuple[Tensor, Tensor]:
    x = z[..., 0]
    return -0.5 * ((x - 2) / 0.6) ** 2, -0.5 * ((x + 2) / 0.6) ** 2


def _u2(z: Tensor) -> Tensor:
    return 0.5 * ((z[..., 1] - _wave(z)) / 0.4) ** 2


def _terms_u3(z: Tensor) -> tuple[Tensor, Tensor]:
    off = z[..., 1] - _wave(z)
    bump = 3 * torch.exp(-0.5 * ((z[..., 0] - 1) / 0.6) ** 2)
    return -0.5 * (off / 0.35) ** 2, -0.5 * ((off + bump) / 0.35) ** 2


def _terms_u4(z: Tensor) -> tuple[Tensor, Tensor]:
    off = z[..., 1] - _wave(z)
    step = 3 * torch.sigmoid((z[..., 0] - 1) / 0.3)
    return -0.5 * (off / 0.4) ** 2, -0.5 * ((off + step) / 0.35) ** 2


def _wave(z: Tensor) -> Tensor:
    return torch.sin(2 * math.pi * z[..., 0] / 4)


_ENERGIES: dict[str, Callable[[Tensor], Tensor]] = {
    "u1": _u1,
    "u2": _u2,
    "u3": lambda z: -torch.logaddexp(*_terms_u3(z)),
    "u4": lambda z: -torch.logaddexp(*_terms_u4(z)),
}
_TERMS = {"u1": _terms_u1, "u3": _terms_u3, "u4": _terms_u4}


def energy(target: str, z: Tensor, box: float, wall: float) -> Tensor:
    """Energy U (...) in nats of points z (..., 2), walls included.

    Source: Rezende & Mohamed 2015 (arXiv 1505.05770), table 1. U2 to U4 have ridges without an
    end, so that a box is needed; the paper does not state one.
    """
    beyond = torch.relu(z.abs() - box) / wall
    return _ENERGIES[target](z) + 0.5 * (beyond * beyond).sum(dim=-1)


def first_mode(target: str, z: Tensor) -> Tensor | None:
    """Whether each point (...) is nearer to the first of the target's two modes; None for one.

    In float64: where U3's modes run together a sixth of its mass would tie in float32.
    """
    if target not in _TERMS:
        return None
    first, second = _TERMS[target](z.double())
    return first > second


@functools.cache
def log_normaliser(target: str, box: float, wall: float) -> float:
    """Log of the integral of exp(-U) in nats, by the midpoint rule in float64."""
    z, cell = _grid(box, wall)
    log_density = -energy(target, z, box, wall)
    return float(torch.logsumexp(log_density.flatten(), dim=0)) + math.log(cell)


@functools.cache
def first_share(target: str, box: float, wall: float) -> float | None:
    """The share of the target's mass at its first mode; None where there is one mode."""
    z, _ = _grid(box, wall)
    first = first_mode(target, z)
    if first is None:
        return None
    weights = torch.softmax(-energy(target, z, box, wall).flatten(), dim=0)
    return float((weights * first.flatten()).sum())


def _grid(box: float, wall: float) -> tuple[Tensor, float]:
    """Midpoints (G, G, 2) of a grid over box and walls, and the area of a cell."""
    edge = box + REACH * wall
    step = 2 * edge / GRID
    line = torch.arange(GRID, dtype=torch.float64) * step - edge + step / 2
    return torch.stack(torch.meshgrid(line, line, indexing="xy"), dim=-1), step * step
