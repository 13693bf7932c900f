"""Monotone rational-quadratic splines with identity tails."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from repro.flows.base import Bijection, check_rows
from repro.flows.elementwise import softplus

MINIMUM_BIN = 1e-3  # share of the box that every bin keeps, in width and in height
MINIMUM_SLOPE = 1e-3


class _Bin(NamedTuple):
    """The bin that holds a value: its corner, its sizes and the slopes at its ends, each (...)."""

    left: Tensor
    bottom: Tensor
    width: Tensor
    height: Tensor
    slope_0: Tensor
    slope_1: Tensor


class ElementwiseSpline(Bijection):
    """A rational-quadratic spline for each of D features, with K bins of its own.

    Source: nflows transforms/nonlinearities.py, whose raw values start uniform on [0, 1) too.
    """

    def __init__(self, dim: int, bins: int, bound: float) -> None:
        super().__init__()
        self.bound = bound
        self.raw = nn.Parameter(torch.rand(dim, parameters_per_feature(bins)))

    def forward(
        self, x: Tensor, dropout: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Map x (B, D) to y (B, D) with log|det| (B,)."""
        return self._transform(x, inverse=False)

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map y (B, D) back to x (B, D) with log|det| (B,)."""
        return self._transform(y, inverse=True)

    def _transform(self, x: Tensor, *, inverse: bool) -> tuple[Tensor, Tensor]:
        check_rows(x, len(self.raw))
        raw = self.raw.expand(x.shape[0], *self.raw.shape)
        y, log_slopes = rational_quadratic(x, raw, self.bound, inverse=inverse)
        return y, log_slopes.sum(dim=-1)


def parameters_per_feature(bins: int) -> int:
    """Number of raw values that one scalar spline takes: widths, heights and inner slopes."""
    return 3 * bins - 1


def rational_quadratic(
    x: Tensor, raw: Tensor, bound: float, *, inverse: bool = False
) -> tuple[Tensor, Tensor]:
    """Apply a rational-quadratic spline on [-bound, bound], the identity outside, elementwise.

    x is (...), raw (..., 3K - 1) holds K widths, K heights and K - 1 inner slopes before their
    softmax and softplus; the slope at both ends is 1. Returns the image and log|slope| (...) in
    nats (of the inverse map when `inverse`).

    Source: Durkan et al. 2019, Neural Spline Flows (arXiv 1906.04032), equations 4-8;
    minimal bin and slope of 1e-3 as in the released bayesiains/nsf transforms/splines.
    """
    inside = (x >= -bound) & (x <= bound)
    clamped = x.clamp(-bound, bound)  # before the spline: no NaN gradient leaks through `where`
    found = _select_bin(clamped, raw.movedim(-1, 0), bound, inverse)
    image, log_slope = (_invert_bin if inverse else _map_bin)(clamped, found)
    return torch.where(inside, image, x), torch.where(inside, log_slope, torch.zeros_like(x))


def _knots(raw: Tensor, bound: float) -> tuple[Tensor, Tensor]:
    """Left edges and sizes (2, K, ...) of the bins from raw widths and heights (2, K, ...)."""
    bins = raw.shape[1]
    shares = MINIMUM_BIN + (1 - MINIMUM_BIN * bins) * F.softmax(raw, dim=1)
    inner = 2 * bound * shares.cumsum(dim=1)[:, :-1] - bound
    end = torch.full_like(inner[:, :1], bound)
    left, right = torch.cat((-end, inner), dim=1), torch.cat((inner, end), dim=1)
    return left, right - left


def _select_bin(x: Tensor, raw: Tensor, bound: float, inverse: bool) -> _Bin:
    """The bin that holds x (...), by its left edge, or its bottom when `inverse`.

    raw (3K - 1, ...) has the bins in front, so that arithmetic runs along the many values of x.
    """
    bins = (raw.shape[0] + 1) // 3
    edges, sizes = _knots(raw[: 2 * bins].unflatten(0, (2, bins)), bound)
    inner_slopes = MINIMUM_SLOPE + softplus(raw[2 * bins :])
    end = torch.ones_like(inner_slopes[:1])
    slopes = torch.cat((end, inner_slopes, end), dim=0)
    searched = edges[1 if inverse else 0, 1:]
    index = (x >= searched).sum(dim=0)
    table = torch.cat((edges, sizes, torch.stack((slopes[:-1], slopes[1:]))), dim=0)  # (6, K, ...)
    picked = table.gather(1, index.expand(6, 1, *index.shape)).squeeze(1)
    return _Bin(*picked.unbind(dim=0))


def _map_bin(x: Tensor, at: _Bin) -> tuple[Tensor, Tensor]:
    """Image and log-slope of x within its bin (NSF equations 4 and 5)."""
    secant = at.height / at.width
    t = (x - at.left) / at.width
    mixed = t * (1 - t)
    denominator = secant + (at.slope_0 + at.slope_1 - 2 * secant) * mixed
    image = at.bottom + at.height * (secant * t * t + at.slope_0 * mixed) / denominator
    return image, _log_slope(t, secant, at, denominator)


def _invert_bin(y: Tensor, at: _Bin) -> tuple[Tensor, Tensor]:
    """Pre-image of y within its bin and the log-slope of the inverse (NSF equations 6 to 8)."""
    secant = at.height / at.width
    rise = y - at.bottom
    bend = at.slope_0 + at.slope_1 - 2 * secant
    a = at.height * (secant - at.slope_0) + rise * bend
    b = at.height * at.slope_0 - rise * bend
    c = -secant * rise
    # Rounding can take the discriminant below zero; the square root of 0 has no gradient.
    root = torch.sqrt((b * b - 4 * a * c).clamp_min(torch.finfo(y.dtype).tiny))
    t = _stable_root(a, b, c, root)
    denominator = secant + bend * t * (1 - t)
    return at.left + t * at.width, -_log_slope(t, secant, at, denominator)


def _stable_root(a: Tensor, b: Tensor, c: Tensor, root: Tensor) -> Tensor:
    """The root of a t^2 + b t + c in [0, 1], by the formula that subtracts no near-equal numbers.

    `root` is the square root of the discriminant; where b < 0, a is positive.
    """
    rising = b >= 0
    small = 2 * c / torch.where(rising, -b - root, -1.0)
    large = (root - b) / torch.where(rising, 1.0, 2 * a)
    t = torch.where(rising, small, large)
    return t + (t.clamp(0, 1) - t).detach()  # rounding stays in the bin, gradients pass


def _log_slope(t: Tensor, secant: Tensor, at: _Bin, denominator: Tensor) -> Tensor:
    rest = 1 - t
    numerator = at.slope_1 * t * t + 2 * secant * t * rest + at.slope_0 * rest * rest
    return 2 * torch.log(secant) + torch.log(numerator) - 2 * torch.log(denominator)
