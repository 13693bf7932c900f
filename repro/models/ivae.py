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

TERMS = ("reconstruction", "information", "correlation", "dimensions")


class IVAE(IdentifiableModel):
    """iVAE of Khemakhem et al. (AISTATS 2020) as the iFlow authors ran it.

    Four networks: prior log-variance (u), encoder mean and log-variance (x, u), decoder mean (z).
    `prior_mean` "zero" is as released, "trainable" adds a fifth network for it (the repair of
    Lekanne Deprez et al. 2021). `decoder_noise` "fixed" keeps the decoder variance as it is,
    "learnable" trains it from there, one for all dimensions. The four weights are those of
    reconstruction, mutual information, total correlation and divergence by dimension, which
    iVAE's own authors set to 100, 1, 0 and 10; where all are 1 the objective is the ELBO.

    Source: released MathsXDC/iFlow lib/models.py, class iVAE; ilkhem/iVAE models/nets.py for the
    weighted objective, `activation` "xtanh" and `initialisation` "linear".
    """

    noise_stream = "noise"
    one_hot: Tensor

    def __init__(self, config: Mapping[str, Any], dim: int, segments: int) -> None:
        super().__init__()
        self.dim = dim
        names = ("hidden", "depth", "slope", "activation", "initialisation")
        shape = tuple(config[name] for name in names)
        self.prior_log_variance = LeakyNetwork(segments, dim, *shape)
        self.decoder = LeakyNetwork(dim, dim, *shape)
        self.encoder_mean = LeakyNetwork(dim + segments, dim, *shape)
        self.encoder_log_variance = LeakyNetwork(dim + segments, dim, *shape)
        trainable = config["prior_mean"] == "trainable"
        self.prior_mean = LeakyNetwork(segments, dim, *shape) if trainable else None
        self.decoder_variance = float(config["decoder_variance"])
        learnt = config["decoder_noise"] == "learnable"
        start = torch.tensor(math.log(self.decoder_variance))
        self.decoder_log_variance = nn.Parameter(start) if learnt else None
        self.weights = tuple(float(config[f"weight_{term}"]) for term in TERMS)
        self.register_buffer("one_hot", torch.eye(segments), persistent=False)

    def draw_noise(self, batch: int, source: torch.Generator) -> Tensor:
        """Standard normals (B, D) for the posterior sample."""
        return torch.randn(batch, self.dim, generator=source)

    def forward(self, x: Tensor, segment: Tensor, noise: Tensor | None) -> Tensor:
        """Mean negative ELBO (or weighted objective) in nats; noise (B, D) standard normal."""
        assert noise is not None, "'noise' is needed for the posterior sample."
        if self.weights != (1.0, 1.0, 1.0, 1.0):
            return -self._weighted(x, segment, noise).mean()
        return -self._log_weight(x, segment, noise).mean()

    def latents(self, x: Tensor, segment: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Posterior sample and posterior mean, each (B, D); noise (B, D) standard normal."""
        mean, variance = self._posterior(x, segment)
        return mean + variance.sqrt() * noise, mean

    def divergences(self, x: Tensor, segment: Tensor) -> tuple[Tensor, Tensor]:
        """Posterior means, and KL(q(z | x, u) || p(z | u)) of each latent in nats, both (B, D)."""
        mean, variance = self._posterior(x, segment)
        centre, spread = self._prior(segment)
        square = (mean - centre) ** 2
        return mean, 0.5 * ((variance + square) / spread - 1 + spread.log() - variance.log())

    def log_likelihood(self, x: Tensor, segment: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Importance-weighted bound and ELBO, each (B,) in nats; noise (I, B, D).

        Source: Burda et al. 2016, Importance Weighted Autoencoders, equation 8.
        """
        weights = self._log_weight(x, segment, noise)  # (I, B)
        bound = torch.logsumexp(weights, dim=0) - math.log(noise.shape[0])
        return bound, weights.mean(dim=0)

    def sample(self, segment: Tensor, source: torch.Generator | None = None) -> Tensor:
        """Samples x (B, D) of the segments u (B,): z from the prior, x from the decoder."""
        mean, variance = self._prior(segment)
        noise = torch.randn((2, *variance.shape), generator=source, dtype=variance.dtype)
        z = mean + variance.sqrt() * noise[0].to(variance.device)
        centre = self.decoder(z)
        return centre + self._decoder_variance(centre).sqrt() * noise[1].to(centre.device)

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
        return self._log_decoder(x, z) + log_prior - log_q

    def _log_decoder(self, x: Tensor, z: Tensor) -> Tensor:
        return _log_normal(x, self.decoder(z), self._decoder_variance(x))

    def _decoder_variance(self, x: Tensor) -> Tensor:
        if self.decoder_log_variance is None:
            return torch.full_like(x, self.decoder_variance)
        return self.decoder_log_variance.exp() * torch.ones_like(x)

    def _weighted(self, x: Tensor, segment: Tensor, noise: Tensor) -> Tensor:
        """The authors' objective (B,), its marginal posteriors estimated from the batch.

        Their constant log N of the data set's size, which moves no gradient, is left out.
        """
        a, b, c, d = self.weights
        mean, variance = self._posterior(x, segment)
        z = mean + variance.sqrt() * noise
        log_q = _log_normal(z, mean, variance)
        each = _log_normals(z[:, None], mean, variance)  # (B, B, D): sample i, posterior j
        log_size = math.log(len(z))
        joint = torch.logsumexp(each.sum(dim=-1), dim=1) - log_size
        apart = (torch.logsumexp(each, dim=1) - log_size).sum(dim=-1)
        log_prior = _log_normal(z, *self._prior(segment))
        divergences = b * (log_q - joint) + c * (joint - apart) + d * (apart - log_prior)
        return a * self._log_decoder(x, z) - divergences


class LeakyNetwork(nn.Module):
    """A multi-layer perceptron (..., I) -> (..., O).

    `activation` "lrelu" is a leaky ReLU, "xtanh" tanh(h) + slope h. `initialisation` "xavier"
    makes the weights Xavier-uniform, "linear" leaves them as nn.Linear's are.

    Source: released MathsXDC/iFlow lib/models.py, class MLP and weights_init; ilkhem/iVAE
    models/nets.py, class cleanIVAE, which has no weights_init.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        hidden: int,
        depth: int,
        slope: float,
        activation: str,
        initialisation: str = "xavier",
    ) -> None:
        super().__init__()
        widths = [inputs, *[hidden] * (depth - 1), outputs]
        self.slope, self.tanh = slope, activation == "xtanh"
        self.layers = nn.ModuleList(nn.Linear(i, o) for i, o in itertools.pairwise(widths))
        for layer in self.layers if initialisation == "xavier" else ():
            nn.init.xavier_uniform_(layer.weight)  # type: ignore[arg-type]

    def forward(self, h: Tensor) -> Tensor:
        """Map h (..., I) to (..., O)."""
        for layer in self.layers[:-1]:
            h = layer(h)
            h = h.tanh() + self.slope * h if self.tanh else F.leaky_relu(h, self.slope)
        return self.layers[-1](h)


def _log_normal(x: Tensor, mean: Tensor | float, variance: Tensor) -> Tensor:
    """Log-density of a diagonal normal, summed over the last dimension, in nats."""
    return _log_normals(x, mean, variance).sum(dim=-1)


def _log_normals(x: Tensor, mean: Tensor | float, variance: Tensor) -> Tensor:
    """Log-density of each dimension of a diagonal normal, in nats."""
    square = (x - mean) ** 2 / variance
    return -0.5 * (math.log(2 * math.pi) + variance.log() + square)
