"""A density that is fitted to an energy: a flow after a standard normal, or one Gaussian."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from repro.errors import ConfigError
from repro.flows.base import Bijection
from repro.flows.nice import Nice
from repro.flows.parametric import Static
from repro.flows.planar import Planar
from repro.flows.radial import Radial
from repro.models.energies import energy

DIM = 2
START = 2.5  # a lone Gaussian's mean starts anywhere in [-START, START] squared


class EnergyFit(nn.Module):
    """q(z), the image of N(0, I) under a bijection, with its free energy against exp(-U).

    Source: Rezende & Mohamed 2015 (arXiv 1505.05770), sections 3.1 and 6.1.
    """

    def __init__(self, config: Mapping[str, Any], data: Mapping[str, Any]) -> None:
        super().__init__()
        self.target, self.box, self.wall = data["target"], data["box"], data["wall"]
        self.flow = make_flow(config)

    def draw_noise(self, batch: int, source: torch.Generator) -> Tensor:
        """Standard normals (B, 2)."""
        return torch.randn(batch, DIM, generator=source)

    def forward(self, noise: Tensor, weight: Tensor) -> Tensor:
        """Free energy in nats, a mean over noise (B, 2), the log-joint counting by `weight`."""
        _, log_q, joint = self.terms(noise)
        return (log_q - weight * joint).mean()

    def terms(self, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Draws z (B, 2) from noise (B, 2), log q(z) and the log-joint -U(z), each (B,), nats."""
        z, log_det = self.flow(noise)
        log_base = -0.5 * (noise * noise).sum(dim=-1) - 0.5 * DIM * math.log(2 * math.pi)
        return z, log_base - log_det, -energy(self.target, z, self.box, self.wall)


class AffineGaussian(Bijection):
    """z = m + L x with a triangular L of positive diagonal: any Gaussian of two variables."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Parameter((2 * torch.rand(DIM) - 1) * START)
        self.log_diagonal = nn.Parameter(torch.full((DIM,), math.log(0.5)))
        self.below = nn.Parameter(torch.zeros(1))

    def forward(
        self, x: Tensor, dropout: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Map x (B, 2) to z (B, 2) with log|det| (B,)."""
        z = self.mean + x * self.log_diagonal.exp()
        z = z + torch.cat((torch.zeros_like(x[:, :1]), self.below * x[:, :1]), dim=-1)
        return z, self.log_diagonal.sum().expand(len(x))

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map z (B, 2) back to x (B, 2) with log|det| (B,)."""
        diagonal = self.log_diagonal.exp()
        centred = y - self.mean
        first = centred[:, :1] / diagonal[0]
        second = (centred[:, 1:] - self.below * first) / diagonal[1]
        return torch.cat((first, second), dim=-1), -self.log_diagonal.sum().expand(len(y))


def make_flow(config: Mapping[str, Any]) -> Bijection:
    """The bijection of two variables that a model config names, freshly initialised.

    Raises:
        ConfigError: for another name.
    """
    match config["name"]:
        case "planar":
            return _planar(config)
        case "radial":
            return Static(Radial(DIM, config["flow_length"]))
        case "nice":
            chosen = {key: config[key] for key in ("depth", "mixing", "scaling")}
            return Static(Nice(DIM, config["flow_length"], config["hidden"], **chosen))
        case "gaussian":
            return AffineGaussian()
    raise ConfigError(
        f"unknown model '{config['name']}'; set model to planar, radial, nice or gaussian"
    )


def _planar(config: Mapping[str, Any]) -> Static:
    length = config["flow_length"]
    flow = Static(Planar(DIM, length, centred=config["centred"]))
    if config["aimed"]:
        with torch.no_grad():
            directions = cast(Tensor, flow.values).view(length, -1)[:, :DIM]
            directions.copy_(torch.tensor([1.0, 0.0]) + 0.1 * torch.randn(length, DIM))
    return flow
