"""Radial flows: every layer draws space towards a point, or away from it."""

from __future__ import annotations

import torch
from torch import Tensor

from repro.flows.elementwise import softplus
from repro.flows.parametric import Family, by_layer, dot
from repro.flows.planar import CENTRE


class Radial(Family):
    """K radial layers x + beta (x - z0) / (alpha + r) of D features, D + 2 values each.

    r is the distance of x from the centre z0; the two other values give alpha and alpha + beta by
    softplus, so that alpha > 0 and beta > -alpha, where the layer is invertible. The inverse is
    the root of a quadratic equation in r.

    Source: Rezende & Mohamed 2015 (arXiv 1505.05770), equation 14 and appendix A.2.
    """

    def __init__(self, dim: int, length: int) -> None:
        super().__init__()
        self.dim, self.length = dim, length
        self.parameter_count = length * (dim + 2)

    def initial(self) -> Tensor:
        """Centres from N(0, I), alpha = 1 and beta about .01."""
        centre = torch.randn(self.length, self.dim)
        alpha = torch.full((self.length, 1), CENTRE)
        beta = alpha + 1e-2 * torch.randn(self.length, 1)
        return torch.cat((centre, alpha, beta), dim=-1).flatten()

    def forward(self, x: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Map x (B, D) through every layer, given values (P,) or (B, P)."""
        centre, alpha, gain = self._layers(values)
        distances: list[Tensor] = []
        for centre_k, alpha_k, beta_k in zip(centre, alpha, gain - alpha, strict=True):
            offset = x - centre_k
            r = _norm(offset)
            x = torch.addcmul(x, beta_k / (alpha_k + r), offset)
            distances.append(r)
        return x, self._log_det(torch.cat(distances, dim=-1), alpha, gain)

    def inverse(self, y: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Map y (B, D) back through every layer, in closed form."""
        centre, alpha, gain = self._layers(values)
        distances: list[Tensor] = []
        for centre_k, alpha_k, gain_k in reversed(list(zip(centre, alpha, gain, strict=True))):
            offset = y - centre_k
            r = _root(_norm(offset), alpha_k, gain_k)
            y = centre_k + (alpha_k + r) / (gain_k + r) * offset
            distances.insert(0, r)
        return y, -self._log_det(torch.cat(distances, dim=-1), alpha, gain)

    def _layers(self, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Centres (K, ..., D), alpha and gain = alpha + beta (K, ..., 1), both positive."""
        centre, alpha, gain = by_layer(values, self.length, (self.dim, 1, 1))
        return centre, softplus(alpha), softplus(gain)

    def _log_det(self, r: Tensor, alpha: Tensor, gain: Tensor) -> Tensor:
        """Sum (B,) of the layers' log-determinants for distances r (B, K)."""
        alpha, gain = (v.squeeze(-1) for v in (alpha, gain))
        if alpha.dim() > 1:
            alpha, gain = alpha.movedim(0, -1), gain.movedim(0, -1)
        around = torch.log(gain + r) - torch.log(alpha + r)
        outwards = torch.log(r * r + alpha * (2 * r + gain)) - 2 * torch.log(alpha + r)
        return ((self.dim - 1) * around + outwards).sum(dim=-1)


def _norm(offset: Tensor) -> Tensor:
    """Lengths (B, 1) of vectors (B, D), with a gradient of 0 at 0."""
    return torch.sqrt(dot(offset, offset) + torch.finfo(offset.dtype).tiny).unsqueeze(-1)


def _root(image: Tensor, alpha: Tensor, gain: Tensor) -> Tensor:
    """The r >= 0 with r (gain + r) / (alpha + r) = image, by the formula that does not cancel."""
    half = 0.5 * (gain - image)
    product = alpha * image
    size = half.abs() + torch.sqrt(half * half + product)
    return torch.where(half > 0, product / size, size)
