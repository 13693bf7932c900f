"""Planar flows: every layer stretches space along one direction, across a plane."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from repro.flows.elementwise import softplus
from repro.flows.parametric import Family, by_layer, dot
from repro.flows.tanh_equation import solve

CENTRE = math.log(math.expm1(1.0))  # where softplus is 1


class Planar(Family):
    """K planar layers x + u tanh(w'x + b) of D features, 2D + 1 values each: w, u, b.

    u is moved along w until w'u > -1, where the layer is invertible: w'u becomes
    softplus(w'u + c) - 1. With c = 0 that is the paper's constraint, under which small values are
    far from the identity (w'u = -.31); `centred` takes c = log(e - 1), under which u = 0 is the
    identity. Both reach the same maps. The inverse, of which there is no closed form, solves one
    scalar equation a row and layer.

    Source: Rezende & Mohamed 2015 (arXiv 1505.05770), equations 10 to 12 and appendix A.1, with
    w / ||w||^2, as w'u = softplus(w'u) - 1 demands.
    """

    def __init__(self, dim: int, length: int, *, centred: bool = True) -> None:
        super().__init__()
        self.dim, self.length = dim, length
        self.centre = CENTRE if centred else 0.0
        self.parameter_count = length * (2 * dim + 1)

    def initial(self) -> Tensor:
        """Directions w of length about 1, b = 0 and u that leaves points within about .01."""
        w = torch.randn(self.length, self.dim) / math.sqrt(self.dim)
        u = 1e-2 * torch.randn(self.length, self.dim)
        # The constraint leaves a w'u of CENTRE - centre at 0.
        u = u + (CENTRE - self.centre) * w / dot(w, w).unsqueeze(-1)
        return torch.cat((w, u, torch.zeros(self.length, 1)), dim=-1).flatten()

    def forward(self, x: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Map x (B, D) through every layer, given values (P,) or (B, P)."""
        w, u, b, gain = self._layers(values)
        steps: list[Tensor] = []
        for w_k, u_k, b_k in zip(w, u, b, strict=True):
            h = torch.tanh(dot(x, w_k) + b_k).unsqueeze(-1)
            x = torch.addcmul(x, u_k, h)
            steps.append(h)
        return x, _log_det(torch.cat(steps, dim=-1), gain)

    def inverse(self, y: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Map y (B, D) back through every layer, by bisection along each w."""
        w, u, b, gain = self._layers(values)
        steps: list[Tensor] = []
        for w_k, u_k, b_k, gain_k in reversed(list(zip(w, u, b, gain, strict=True))):
            target = dot(y, w_k) + b_k
            h = torch.tanh(solve((gain_k - 1).expand_as(target), target)).unsqueeze(-1)
            y = torch.addcmul(y, u_k, h, value=-1)
            steps.insert(0, h)
        return y, -_log_det(torch.cat(steps, dim=-1), gain)

    def _layers(self, values: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Layers' w and constrained u (K, ..., D), b and 1 + w'u > 0 (K, ...)."""
        w, u, b = by_layer(values, self.length, (self.dim, self.dim, 1))
        along, tiny = dot(w, u), torch.finfo(w.dtype).tiny
        gain = softplus(along + self.centre) + tiny
        squared = dot(w, w).clamp_min(tiny)
        u = u + ((gain - 1 - along) / squared).unsqueeze(-1) * w
        return w, u, b.squeeze(-1), gain


def _log_det(h: Tensor, gain: Tensor) -> Tensor:
    """Sum (B,) of log(1 + w'u (1 - h^2)) over layers, for h (B, K) and gain = 1 + w'u (K, ...).

    It is written without cancellation, as w'u may be -1 in rounding.
    """
    squared = h * h
    by_row = gain if gain.dim() == 1 else gain.movedim(0, -1)
    return torch.log(squared + by_row * (1 - squared)).sum(dim=-1)
