"""A flow from data to standard normals, as a density."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from repro.errors import ConfigError
from repro.flows.base import Bijection, Chain
from repro.flows.boundaries import BOUNDARIES
from repro.flows.conditioners import Conditioner, Perceptron
from repro.flows.convolution import Convolution, ConvolutionalCoupling
from repro.flows.coupling import AffineCoupling, Split
from repro.flows.linear import Permutation
from repro.flows.parametric import Static

START = 1e-2  # how near its identity a coupling starts


class DensityFlow(nn.Module):
    """The density of x (B, D) whose images under a flow are standard normal."""

    noise_stream = "noise"

    def __init__(self, config: Mapping[str, Any], dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.flow = make_flow(config, dim)

    def draw_noise(self, batch: int, source: torch.Generator) -> Tensor | None:
        """Nothing: it needs no random input."""
        return None

    def forward(self, x: Tensor, noise: Tensor | None) -> Tensor:
        """Mean negative log-likelihood in nats, a scalar."""
        return -self.log_density(x).mean()

    def log_density(self, x: Tensor) -> Tensor:
        """Log-density (B,) in nats of x (B, D)."""
        z, log_det = self.flow(x)
        return log_det - 0.5 * (z * z).sum(dim=-1) - 0.5 * self.dim * math.log(2 * math.pi)


def make_flow(config: Mapping[str, Any], dim: int) -> Bijection:
    """The flow that a config names.

    Raises:
        ConfigError: for another name.
    """
    match config["name"]:
        case "coupling_flow":
            return _couplings(config, dim)
        case "convolution_stack":
            room = _network_values(dim, config["layers"], tuple(config["widths"]))
            length = max(1, room // Convolution(dim, 1).parameter_count)
            return Static(Convolution(dim, length, boundary=BOUNDARIES[config["boundary"]]))
    raise ConfigError(
        f"the model {config['name']!r} is no density; set model to coupling_flow or "
        "convolution_stack"
    )


def _network_values(dim: int, layers: int, widths: tuple[int, ...]) -> int:
    """Number of parameters of the networks of that many couplings of D features."""
    total = 0
    for layer in range(layers):
        split = Split(dim, swapped=bool(layer % 2))
        sizes = (split.passed, *widths, 2 * split.moved)
        total += sum((i + 1) * o for i, o in itertools.pairwise(sizes))
    return total


def _couplings(config: Mapping[str, Any], dim: int) -> Chain:
    widths = tuple(config["widths"])
    clamp, boundary = float(config["clamp"]), BOUNDARIES[config["boundary"]]
    convolves = config["transformer"] == "convolution"

    def network(inputs: int, outputs: int) -> Conditioner:
        return Perceptron(inputs, outputs, widths, last_scale=START)

    members: list[Bijection] = []
    for layer in range(config["layers"]):
        split = Split(dim, swapped=bool(layer % 2))
        coupling = (
            ConvolutionalCoupling(split, network, clamp, boundary)
            if convolves
            else AffineCoupling(split, network, clamp)
        )
        members += [coupling, Permutation(dim)]
    return Chain(members[:-1])
