"""What a latent-variable model with an auxiliary variable offers, and how models are counted."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from repro.flows.masked_network import MaskedLinear


class IdentifiableModel(nn.Module):
    """A model of x (B, D) given the segment u (B,), an index, with latents z (B, D).

    Every random number is an input, drawn by `draw_noise` from the stream `noise_stream`.
    """

    noise_stream: str
    exact = False  # whether the log-likelihood is exact, rather than a bound from samples

    def draw_noise(self, batch: int, source: torch.Generator) -> Tensor | None:
        """Random input of one training iteration on `batch` rows, or None if it needs none."""
        raise NotImplementedError

    def forward(self, x: Tensor, segment: Tensor, noise: Tensor | None) -> Tensor:
        """Training loss: a scalar, the mean over the batch, in nats."""
        raise NotImplementedError

    def latents(self, x: Tensor, segment: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Posterior sample and posterior mean of z, each (B, D); noise (B, D) standard normal."""
        raise NotImplementedError

    def divergences(self, x: Tensor, segment: Tensor) -> tuple[Tensor, Tensor]:
        """Posterior means, and KL divergences of each latent's posterior from its prior.

        Both (B, D), the divergences in nats; only of a model that is not `exact`.
        """
        raise NotImplementedError

    def log_likelihood(self, x: Tensor, segment: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Log-likelihood and its one-sample bound (ELBO), each (B,) in nats, fully normalised.

        noise (I, B, D) are standard normals for I importance samples. An `exact` model returns its
        log-likelihood twice and needs none.
        """
        raise NotImplementedError

    def sample(self, segment: Tensor, source: torch.Generator | None = None) -> Tensor:
        """Observations x (B, D) that the model makes of the segments u (B,)."""
        raise NotImplementedError


def count_parameters(model: nn.Module) -> int:
    """Number of trainable values, entries hidden by masks included (as the papers count)."""
    hidden = sum(m.hidden_entries for m in model.modules() if isinstance(m, MaskedLinear))
    return hidden + sum(p.numel() for p in model.parameters() if p.requires_grad)
