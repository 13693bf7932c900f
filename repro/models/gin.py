"""GIN and its volume-changing twin: a coupling flow to Gaussians, one a cluster."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from repro.flows.base import Bijection, Chain
from repro.flows.conditioners import Conditioner, Perceptron
from repro.flows.coupling import AffineCoupling, Split, VolumePreservingCoupling
from repro.flows.linear import Permutation

SMALLEST_VARIANCE = 1e-12


class Gin(nn.Module):
    """A flow from x (B, D) to z whose base is a diagonal Gaussian for each of M clusters.

    The Gaussians' means and standard deviations are those of the mini-batch. With
    `volume_preserving` every block keeps volumes (GIN), without it blocks are affine (GLOW, the
    paper's comparator).

    Source: Sorrenson et al. 2020 (GIN, arXiv 2001.04872), section 4.1; released VLL-HD/GIN
    model.py (`construct_net_10d`, `train_model`).
    """

    noise_stream = "noise"
    one_hot: Tensor

    def __init__(self, config: Mapping[str, Any], dim: int, clusters: int) -> None:
        super().__init__()
        self.dim = dim
        self.input_noise = float(config["input_noise"])
        self.flow = _flow(config, dim)
        self.register_buffer("one_hot", torch.eye(clusters), persistent=False)

    def draw_noise(self, batch: int, source: torch.Generator) -> Tensor | None:
        """Standard normals (B, D) that are added to the batch, made small."""
        return torch.randn(batch, self.dim, generator=source)

    def forward(self, x: Tensor, cluster: Tensor, noise: Tensor | None) -> Tensor:
        """Mean negative log-likelihood in nats a dimension, a scalar, given the clusters (B,)."""
        noisy = x if noise is None else x + self.input_noise * noise
        z, log_det = self.flow(noisy)
        labels = self.one_hot[cluster]
        # Squares of the batch's own deviations average to 1 / 2 a dimension.
        log_spread = 0.5 * _variances(z, labels).log()
        entropy = (labels @ log_spread).mean() + 0.5 + 0.5 * math.log(2 * math.pi)
        return entropy - log_det.mean() / self.dim

    def latents(self, x: Tensor) -> Tensor:
        """The latents z (B, D) of x (B, D)."""
        z, _ = self.flow(x)
        return z


def _variances(z: Tensor, labels: Tensor) -> Tensor:
    """Variances (M, D) of z (B, D) within clusters, given one-hot labels (B, M)."""
    shares = labels / labels.sum(dim=0).clamp_min(1.0)
    centred = z - labels @ (shares.T @ z)
    return (shares.T @ (centred * centred)).clamp_min(SMALLEST_VARIANCE)


def _flow(config: Mapping[str, Any], dim: int) -> Chain:
    """Blocks of two couplings, each half given the other, and a random permutation."""
    kind = VolumePreservingCoupling if config["volume_preserving"] else AffineCoupling
    widths, bound = tuple(config["widths"]), float(config["clamp"])

    def network(inputs: int, outputs: int) -> Conditioner:
        return Perceptron(inputs, outputs, widths, last_scale=0.0)

    def block() -> list[Bijection]:
        halves = (Split(dim, swapped=True), Split(dim))
        return [*(kind(half, network, bound) for half in halves), Permutation(dim)]

    return Chain(itertools.chain.from_iterable(block() for _ in range(config["blocks"])))
