"""What a decoder's outputs say about the data: for binary values, and for values in (0, 1)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from repro.flows.elementwise import softplus


class Likelihood(nn.Module):
    """A factorised density of data (B, D), given `outputs` numbers of a decoder for each datum."""

    outputs: int

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def encoded(self, x: Tensor) -> Tensor:
        """The data (B, D) as an encoder sees them."""
        return x

    def forward(self, x: Tensor, output: Tensor) -> Tensor:
        """Log-density (B,) of x (B, D) in nats."""
        raise NotImplementedError


class Bernoulli(Likelihood):
    """Independent pixels of 0 or 1, by the logits of 1."""

    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self.outputs = dim

    def forward(self, x: Tensor, output: Tensor) -> Tensor:
        """Log-probability (B,) of x (B, D), logits (B, D)."""
        return (x * output - softplus(output)).sum(dim=-1)


class LogitNormal(Likelihood):
    """Independent values in (0, 1) whose logits are normal, by means and log-variances (B, 2D).

    A log-variance is at least `floor`: data with 256 levels have no densest normal.

    Source: Rezende & Mohamed 2015, section 6.3, p(x | mu, alpha) = prod N(logit x | mu, alpha) /
    (x (1 - x)); the floor is ours.
    """

    floor = -8.0

    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self.outputs = 2 * dim

    def encoded(self, x: Tensor) -> Tensor:
        """The logits (B, D) of the data."""
        return torch.logit(x)

    def forward(self, x: Tensor, output: Tensor) -> Tensor:
        """Log-density (B,) of x (B, D) on the unit cube."""
        mean, raw = output.chunk(2, dim=-1)
        log_variance = self.floor + softplus(raw - self.floor)
        square = (torch.logit(x) - mean) ** 2 * torch.exp(-log_variance)
        log_normal = -0.5 * (math.log(2 * math.pi) + log_variance + square)
        return (log_normal - torch.log(x) - torch.log1p(-x)).sum(dim=-1)


LIKELIHOODS: dict[str, type[Likelihood]] = {"bernoulli": Bernoulli, "logit_normal": LogitNormal}
