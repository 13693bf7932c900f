"""iVAE: a variational auto-encoder whose prior is conditioned on the segment."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from repro.models.base import IdentifiableModel


class IVAE(IdentifiableModel):
    """iVAE of Khemakhem et al. (AISTATS 2020) as the iFlow authors ran it.

    Four networks: prior log-variance (u), encoder mean and log-variance (x, u), decoder mean (z);
    the decoder variance is fixed. `prior_mean` "zero" is as released, "trainable" adds a fifth
    network for it (the repair of Lekanne Deprez et al. 2021).

    Source: released MathsXDC/iFlow lib/models.py, class iVAE.
    """

    noise_stream = "noise"
    one_hot: Tensor

    def __init__(self, config: Mapping[str, Any], dim: int, segments: int) -> None:
        super().__init__()
        self.dim = dim
        self.decoder_variance = float(config["decoder_variance"])
        shape = (config["hidden"], config["depth"], config["slope"])
        self.prior_log_variance = LeakyNetwork(segments, dim, *shape)
        self.decoder = LeakyNetwork(dim, dim, *shape)
        self.encoder_mean = LeakyNetwork(dim + segments, dim, *shape)
        self.encoder_log_variance = LeakyNetwork(dim + segments, dim, *shape)
        trainable = config["prior_mean"] == "trainable"
        self.prior_mean = LeakyNetwork(segments, dim, *shape) if trainable else None
        self.register_buffer("one_hot", torch.eye(segments), persistent=False)

    def draw_noise(self, batch: int, source: torch.Generator) -> Tensor:
        """Standard normals (B, D) for the posterior sample."""
        return torch.randn(batch, self.dim, generator=source)

    def forward(self, x: Tensor, segment: Tensor, noise: Tensor | None) -> Tensor:
        """Mean negative ELBO of the batch in nats; noise (B, D) standard normal."""
        assert noise is not None, "'noise' is needed for the posterior sample."
        return -self._log_weight(x, segment, noise).mean()

    def latents(self, x: Tensor, segment: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Posterior sample and posterior mean, each (B, D); noise (B, D) standard normal."""
        mean, variance = self._posterior(x, segment)
        return mean + variance.sqrt() * noise, mean

    def log_likelihood(self, x: Tensor, segment: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Importance-weighted bound and ELBO, each (B,) in nats; noise (I, B, D).

        Source: Burda et al. 2016, Importance Weighted Autoencoders, equation 8.
        """
        weights = self._log_weight(x, segment, noise)  # (I, B)
        bound = torch.logsumexp(weights, dim=0) - math.log(noise.shape[0])
        return bound, weights.mean(dim=0)

    def _posterior(self, x: Tensor, segment: Tensor) -> tuple[Tensor, Tensor]:
        both = torch.cat((x, self.one_hot[segment]), dim=-1)
        return self.encoder_mean(both), self.encoder_log_variance(both).exp()

    def _prior(self, segment: Tensor) -> tuple[Tensor | float, Tensor]:
        chosen = self.one_hot[segment]
        mean = 0.0 if self.prior_mean is None else self.prior_mean(chosen)
        return mean, self.prior_log_variance(chosen).exp()

    def _log_weight(self, x: Tensor, segment: Tensor, noise: Tensor) -> Tensor:
        """Log p(x, z | u) / q(z | x, u) at the posterior samples that noise (..., B, D) makes."""
        mean, variance = self._posterior(x, segment)
        z = mean + variance.sqrt() * noise
        log_q = _log_normal(z, mean, variance)
        log_prior = _log_normal(z, *self._prior(segment))
        decoder_variance = torch.full_like(x, self.decoder_variance)
        return _log_normal(x, self.decoder(z), decoder_variance) + log_prior - log_q


class LeakyNetwork(nn.Module):
    """A multi-layer perceptron (..., I) -> (..., O) with leaky ReLUs and Xavier-uniform weights.

    Source: released MathsXDC/iFlow lib/models.py, class MLP and weights_init.
    """

    def __init__(self, inputs: int, outputs: int, hidden: int, depth: int, slope: float) -> None:
        super().__init__()
        widths = [inputs, *[hidden] * (depth - 1), outputs]
        self.slope = slope
        self.layers = nn.ModuleList(nn.Linear(i, o) for i, o in itertools.pairwise(widths))
        for layer in self.layers:
            nn.init.xavier_uniform_(layer.weight)  # type: ignore[arg-type]

    def forward(self, h: Tensor) -> Tensor:
        """Map h (..., I) to (..., O)."""
        for layer in self.layers[:-1]:
            h = F.leaky_relu(layer(h), self.slope)
        return self.layers[-1](h)


def _log_normal(x: Tensor, mean: Tensor | float, variance: Tensor) -> Tensor:
    """Log-density of a diagonal normal, summed over the last dimension, in nats."""
    square = (x - mean) ** 2 / variance
    return -0.5 * (math.log(2 * math.pi) + variance.log() + square).sum(dim=-1)
