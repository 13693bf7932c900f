"""Families of bijections given by a vector of values, which is static or amortised."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from repro.flows.base import Bijection, check_rows


class Family(nn.Module):
    """Invertible maps of (B, D) tensors, one for each vector of `parameter_count` values.

    The values are (P,), one map for all rows, or (B, P), a map for each row. Families of one kind
    differ in `dim`, the number of features D, and in what else they are made from.
    """

    dim: int
    parameter_count: int

    def initial(self) -> Tensor:
        """Values (P,) to start from, near the identity, from torch's global generator."""
        raise NotImplementedError

    def forward(self, x: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Map x (B, D) to y (B, D) with log|det dy/dx| (B,) in nats."""
        raise NotImplementedError

    def inverse(self, y: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Map y (B, D) back to x (B, D) with log|det dx/dy| (B,) in nats."""
        raise NotImplementedError


class Static(Bijection):
    """The member of a family whose values are parameters, the same for every row and context."""

    def __init__(self, family: Family) -> None:
        super().__init__()
        self.family = family
        self.values = nn.Parameter(family.initial())

    def forward(
        self, x: Tensor, dropout: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Map x (B, D) to y (B, D) with log|det| (B,)."""
        check_rows(x, self.family.dim)
        return cast(tuple[Tensor, Tensor], self.family(x, self.values))

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map y (B, D) back to x (B, D) with log|det| (B,)."""
        check_rows(y, self.family.dim)
        return self.family.inverse(y, self.values)


class Amortised(Bijection):
    """Members of a family, one a row, whose values are an affine function of the context (B, C).

    It starts as the family's initial member, moved by about `spread` for a context of unit
    variance.

    Source: Rezende & Mohamed 2015 (arXiv 1505.05770), section 4.2 (inference networks).
    """

    def __init__(self, family: Family, context: int, spread: float = 1e-2) -> None:
        super().__init__()
        self.family = family
        self.network = nn.Linear(context, family.parameter_count)
        with torch.no_grad():
            self.network.bias.copy_(family.initial())
            self.network.weight.normal_(std=spread / math.sqrt(context))

    def forward(
        self, x: Tensor, dropout: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Map x (B, D) to y (B, D) with log|det| (B,), given the context (B, C)."""
        check_rows(x, self.family.dim)
        return cast(tuple[Tensor, Tensor], self.family(x, self._values(context)))

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map y (B, D) back to x (B, D) with log|det| (B,), given the context (B, C)."""
        check_rows(y, self.family.dim)
        return self.family.inverse(y, self._values(context))

    def _values(self, context: Tensor | None) -> Tensor:
        assert context is not None, "'context' must be given: the flow's parameters depend on it."
        return cast(Tensor, self.network(context))


def by_layer(values: Tensor, length: int, sizes: Sequence[int]) -> tuple[Tensor, ...]:
    """Cut values (..., P) of K equal layers into (K, ..., n) for each n in `sizes`."""
    layers = values.unflatten(-1, (length, -1)).movedim(-2, 0)
    return layers.split(list(sizes), dim=-1)


def affine(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The values W x + b (B, O) of x (B, I), with W (O, I) or (B, O, I), b (O,) or (B, O)."""
    if weight.dim() == 2:
        return torch.addmm(bias, x, weight.T)
    return torch.baddbmm(bias.unsqueeze(-1), weight, x.unsqueeze(-1)).squeeze(-1)


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Inner products (...) of vectors (..., D), broadcast."""
    return (a * b).sum(dim=-1)
