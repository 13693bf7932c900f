"""iFlow: a normalizing flow whose prior is an exponential family conditioned on the segment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from repro.flows.autoregressive import AutoregressiveSpline
from repro.flows.base import Bijection, Chain
from repro.flows.elementwise import sigmoid, softplus
from repro.flows.linear import LULinear, Permutation
from repro.models.base import IdentifiableModel
from repro.randomness import keep_masks

RELEASED_LAMBDA_WIDTHS = {3: (6, 5), 5: (4, 4), 40: (30, 20), 60: (45, 25)}


class IFlow(IdentifiableModel):
    """iFlow of Li, Hooi & Lee (ICLR 2020): RQ-NSF (AR) from x to z, Gaussian p(z | u).

    The prior has natural parameters xi < 0 and eta with sufficient statistics (z^2, z), that is
    the normal N(eta / 2|xi|, 1 / 2|xi|); a small network gives them for each segment.

    Source: released MathsXDC/iFlow lib/iFlow.py: `natural_parameters` "softplus" acts on both
    (as released), "xi_only" leaves eta free (as published); "sigmoid" and "sigmoid5" are its
    other activations; `log_pi` adds the term 1/2 log(pi) a dimension that the released
    normaliser leaves out of the training loss.
    """

    noise_stream = "dropout"
    exact = True
    one_hot: Tensor
    flow: Any  # a bijection from x to z

    def __init__(self, config: Mapping[str, Any], dim: int, segments: int) -> None:
        super().__init__()
        self.dim = dim
        self.dropout = float(config["dropout"])
        self.activation = str(config["natural_parameters"])
        self.log_pi = bool(config["log_pi"])
        self.flow = self._make_flow(config)
        widths = config.get("lambda_hidden") or lambda_widths(segments)
        self.prior = _relu_network(segments, widths, 2 * dim)
        self.register_buffer("one_hot", torch.eye(segments), persistent=False)

    def _make_flow(self, config: Mapping[str, Any]) -> nn.Module:
        """The bijection from x to z, as released for vectors."""
        return _released_flow(config, self.dim)

    def draw_noise(self, batch: int, source: torch.Generator) -> Tensor | None:
        """Scaled keep masks (K, blocks, hidden, B), or None without dropout."""
        shape = self.flow.dropout_shape(batch)
        if shape is None or self.dropout == 0:
            return None
        return keep_masks(shape, self.dropout, source)

    def forward(self, x: Tensor, segment: Tensor, noise: Tensor | None) -> Tensor:
        """Mean negative log-likelihood in nats, a scalar; 1/2 log(pi) counts if `log_pi`."""
        log_p, _ = self._log_density(x, segment, noise)
        constant = self.dim * 0.5 * math.log(math.pi) if self.log_pi else 0.0
        return constant - log_p.mean()

    def latents(
        self, x: Tensor, segment: Tensor, noise: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The latents z (B, D), which the flow determines: sample and mean are the same."""
        z, _ = self.flow(x)
        return z, z

    def log_likelihood(
        self, x: Tensor, segment: Tensor, noise: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Exact log p(x | u) (B,) in nats with the full normaliser, twice."""
        log_p, _ = self._log_density(x, segment, None)
        exact = log_p - self.dim * 0.5 * math.log(math.pi)
        return exact, exact

    def sample(self, segment: Tensor, source: torch.Generator | None = None) -> Tensor:
        """Samples x (B, D) of the segments u (B,): z from the Gaussian prior, through the inverse.

        Source: Li, Hooi & Lee 2020, equation for p(z | u): with T(z) = (z^2, z) it is normal.
        """
        xi, eta = self.natural_parameters(segment)
        noise = torch.randn(xi.shape, generator=source, dtype=xi.dtype).to(xi.device)
        z = eta / (-2 * xi) + noise * (-2 * xi).rsqrt()
        return self.flow.inverse(z)[0]

    def natural_parameters(self, segment: Tensor) -> tuple[Tensor, Tensor]:
        """Natural parameters xi < 0 and eta, each (B, D), of the segments u (B,)."""
        # Picked by a product: the gradient of indexing adds up in an order that the pack decides.
        raw = self.one_hot[segment] @ self.prior(self.one_hot)
        raw_xi, raw_eta = raw.unflatten(-1, (self.dim, 2)).unbind(dim=-1)
        if self.activation == "xi_only":
            return -softplus(raw_xi), raw_eta
        return -self._activate(raw_xi), self._activate(raw_eta)

    def _activate(self, raw: Tensor) -> Tensor:
        if self.activation == "softplus":
            return softplus(raw)
        return sigmoid(raw) * (5.0 if self.activation == "sigmoid5" else 1.0)

    def _log_density(
        self, x: Tensor, segment: Tensor, dropout: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Log p(x | u) (B,) up to 1/2 log(pi) a dimension, and z (B, D)."""
        z, log_det = self.flow(x, dropout)
        xi, eta = self.natural_parameters(segment)
        log_normaliser = -0.5 * torch.log(-xi) - eta * eta / (4 * xi)
        return (xi * z * z + eta * z - log_normaliser).sum(dim=-1) + log_det, z


def lambda_widths(segments: int) -> tuple[int, ...]:
    """Hidden widths of the prior's network: as released for 3, 5, 40 and 60 segments.

    Other numbers, for which the released code has no branch, take 3/4 and 1/2 of the segments.
    """
    rule = (math.ceil(0.75 * segments), math.ceil(0.5 * segments))
    return RELEASED_LAMBDA_WIDTHS.get(segments, rule)


def _released_flow(config: Mapping[str, Any], dim: int) -> Chain:
    """Permutation, LU and spline, `flow_length` times, and one more permutation and LU."""
    layers: list[Bijection] = []
    for _ in range(config["flow_length"]):
        spline = AutoregressiveSpline(
            dim, config["hidden"], config["blocks"], config["bins"], config["tail_bound"]
        )
        layers += [Permutation(dim), LULinear(dim), spline]
    return Chain([*layers, Permutation(dim), LULinear(dim)])


def _relu_network(inputs: int, widths: tuple[int, ...], outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Linear(inputs, width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))
