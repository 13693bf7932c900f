"""Sylvester flows: planar flows with several hidden units, whose determinant stays cheap."""

from __future__ import annotations

import torch
from torch import Tensor

from repro.flows.orthogonal import householder_product
from repro.flows.parametric import Family, affine, by_layer
from repro.flows.tanh_equation import solve


class Sylvester(Family):
    """K layers x + Q R1 tanh(R2 Q'x + b) of D features and M <= D hidden units.

    Q (D, M) has orthonormal columns: the Q of a QR decomposition of a matrix of values or, given
    `reflections`, the product of so many reflections (and then M = D). R1 and R2 are upper
    triangular with diagonals in (-1, 1), so that every layer is invertible. One matrix of values
    holds both: R1 above its diagonal, R2 transposed below.
    The inverse solves one scalar equation a hidden unit, last to first.

    Source: van den Berg et al. 2018 (arXiv 1803.05649), equations 8 to 15; their orthogonal
    variant iterates towards an orthogonal matrix, where a QR decomposition is exact.
    """

    def __init__(
        self, dim: int, length: int, units: int | None = None, reflections: int | None = None
    ) -> None:
        super().__init__()
        self.dim, self.length, self.reflections = dim, length, reflections
        self.units = dim if units is None else units
        assert self.units <= dim, "'units' must be at most 'dim'."
        assert reflections is None or self.units == dim, "'units' must be 'dim' with reflections."
        rows = self.units if reflections is None else reflections
        self.sizes = (rows * dim, self.units**2, self.units, self.units)
        self.parameter_count = length * sum(self.sizes)

    def initial(self) -> Tensor:
        """A random Q, small R1 and R2 with a random diagonal: points move by about .01."""
        basis, both, diagonal, bias = (torch.randn(self.length, size) for size in self.sizes)
        return torch.cat((basis, 1e-2 * both, diagonal, 0 * bias), dim=-1).flatten()

    def forward(self, x: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Map x (B, D) through every layer, given values (P,) or (B, P)."""
        q, r1, r2, bias = self._layers(values)
        out, into = q @ r1, r2 @ q.mT
        units = []
        for out_k, into_k, bias_k in zip(out, into, bias, strict=True):
            h = torch.tanh(affine(x, into_k, bias_k))
            x = affine(h, out_k, x)
            units.append(h)
        return x, _log_det(torch.stack(units), r1, r2)

    def inverse(self, y: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Map y (B, D) back through every layer, unit by unit."""
        q, r1, r2, bias = self._layers(values)
        out = q @ r1
        units: list[Tensor] = []
        for k in reversed(range(self.length)):
            target = affine(y, q[k].mT, torch.zeros_like(y[:, : self.units]))
            h = _solve_units(target, r1[k], r2[k], bias[k])
            y = y - affine(h, out[k], torch.zeros_like(y))
            units.insert(0, h)
        return y, -_log_det(torch.stack(units), r1, r2)

    def _layers(self, values: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Layers' Q (K, ..., D, M), R1 and R2 (K, ..., M, M) and b (K, ..., M)."""
        basis, both, diagonal, bias = by_layer(values, self.length, self.sizes)
        vectors = basis.unflatten(-1, (-1, self.dim))
        if self.reflections is None:
            q = torch.linalg.qr(vectors.mT).Q
        else:
            q = householder_product(vectors)
        both = both.unflatten(-1, (self.units, self.units))
        own = torch.tanh(torch.diagonal(both, dim1=-2, dim2=-1))
        r1 = both.triu(1) + torch.diag_embed(own)
        r2 = both.mT.triu(1) + torch.diag_embed(torch.tanh(diagonal))
        return q, r1, r2, bias


def _log_det(h: Tensor, r1: Tensor, r2: Tensor) -> Tensor:
    """Sum (B,) of log(1 + r1 r2 (1 - h^2)) over layers and units, for h (K, B, M)."""
    steepness = (r1 * r2).diagonal(dim1=-2, dim2=-1)
    if steepness.dim() == 2:
        steepness = steepness.unsqueeze(1)
    return torch.log1p(steepness * (1 - h * h)).sum(dim=(0, -1))


def _solve_units(target: Tensor, r1: Tensor, r2: Tensor, bias: Tensor) -> Tensor:
    """Units h (B, M) of the v (B, M) with v + R1 tanh(R2 v + b) = target."""
    zero = torch.zeros_like(target[:, 0])
    v: dict[int, Tensor] = {}
    h: dict[int, Tensor] = {}
    for i in reversed(range(target.shape[-1])):
        rest = target[:, i] - sum((r1[..., i, j] * h[j] for j in h), zero)
        ahead = bias[..., i] + sum((r2[..., i, j] * v[j] for j in v), zero)
        slope = (r1[..., i, i] * r2[..., i, i]).expand_as(rest)
        h[i] = torch.tanh(solve(slope, r2[..., i, i] * rest + ahead))
        v[i] = rest - r1[..., i, i] * h[i]
    return torch.stack([h[i] for i in sorted(h)], dim=-1)
