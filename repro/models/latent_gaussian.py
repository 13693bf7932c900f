"""The deep latent Gaussian model of Rezende & Mohamed, whose posterior a flow may bend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import vmap

from repro.models.likelihoods import LIKELIHOODS
from repro.models.normal import log_normal
from repro.models.posterior_flow import make_posterior_flow


class LatentGaussian(nn.Module):
    """Data x (B, D), floats or bytes, from Z standard normal latents by one maxout layer.

    The encoder, with one maxout layer too, gives each datum a diagonal Gaussian q0 and, where they
    are amortised, the parameters of the flow that carries q0 to the approximate posterior q. Both
    layers have `units` outputs, each the largest of `window` affine functions. Every random number
    is an input, drawn by `draw_noise`.

    Source: Rezende & Mohamed 2015 (arXiv 1505.05770), sections 4.2 and 6.2.
    """

    noise_stream = "noise"

    def __init__(self, config: Mapping[str, Any], dim: int) -> None:
        super().__init__()
        self.latents = int(config["latents"])
        units, window = int(config["units"]), int(config["window"])
        self.annealing = str(config["annealing"])
        self.likelihood = LIKELIHOODS[config["likelihood"]](dim)
        self.encoder = Maxout(dim, units, window)
        self.mean = nn.Linear(units, self.latents)
        self.log_variance = nn.Linear(units, self.latents)
        self.flow = make_posterior_flow(config, self.latents, units)
        # All layers of a long flow answer to one step of the encoder, which must not be too long.
        self.context_scale = (units * max(1, int(config["flow_length"]))) ** -0.5
        self.decoder = Maxout(self.latents, units, window)
        self.output = nn.Linear(units, self.likelihood.outputs)

    def draw_noise(self, batch: int, source: torch.Generator) -> Tensor:
        """Standard normals (B, Z) for the posterior sample."""
        return torch.randn(batch, self.latents, generator=source)

    def forward(self, x: Tensor, noise: Tensor, temperature: Tensor | float = 1.0) -> Tensor:
        """Mean free energy of the batch in nats, annealed by a temperature in (0, 1].

        The temperature weighs the log-joint, as in the paper (`annealing` joint), or what holds
        q to the prior (kl), or nothing (none).
        """
        log_likelihood, log_prior, log_q = self.terms(x, noise)
        if self.annealing == "joint":
            energy = log_q - temperature * (log_likelihood + log_prior)
        elif self.annealing == "kl":
            energy = temperature * (log_q - log_prior) - log_likelihood
        else:
            energy = log_q - log_prior - log_likelihood
        return energy.mean()

    def terms(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log p(x | z), log p(z), log q(z | x), each (B,) in nats, at the z of noise (B, Z)."""
        hidden, mean, log_variance = self.encode(x)
        z, log_q = self._sample(hidden, mean, log_variance, noise)
        return self.log_likelihood(x, z), log_normal(z), log_q

    def log_weights(self, x: Tensor, noise: Tensor) -> Tensor:
        """Log p(x, z) / q(z | x) (I, B) in nats at the z of noise (I, B, Z)."""
        hidden, mean, log_variance = self.encode(x)

        def one(part: Tensor) -> Tensor:
            z, log_q = self._sample(hidden, mean, log_variance, part)
            return self.log_likelihood(x, z) + log_normal(z) - log_q

        return vmap(one)(noise)  # the encoder runs once for all samples

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """Log p(x | z) (B,) in nats for z (B, Z)."""
        return self.likelihood(x.to(z.dtype), self.output(self.decoder(z)))

    def posterior(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Samples (B, Z) of q and their log-densities (B,) for noise (B, Z)."""
        return self._sample(*self.encode(x), noise)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Hidden values (B, U), and mean and log-variance (B, Z) of q0, for x (B, D)."""
        hidden = self.encoder(self.likelihood.encoded(x.to(self.mean.weight.dtype)))
        return hidden, self.mean(hidden), self.log_variance(hidden)

    def _sample(
        self, hidden: Tensor, mean: Tensor, log_variance: Tensor, noise: Tensor
    ) -> tuple[Tensor, Tensor]:
        z = mean + torch.exp(0.5 * log_variance) * noise
        log_q = log_normal(noise) - 0.5 * log_variance.sum(dim=-1)
        if self.flow is None:
            return z, log_q
        z, log_det = self.flow(z, None, hidden * self.context_scale)
        return z, log_q - log_det


class Maxout(nn.Module):
    """A layer (..., I) -> (..., U): each output is the largest of `window` affine functions.

    Source: Goodfellow et al. 2013 (Maxout networks).
    """

    def __init__(self, inputs: int, units: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.linear = nn.Linear(inputs, units * window)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (..., I) to (..., U)."""
        parts = self.linear(x).chunk(self.window, dim=-1)
        largest = parts[0]
        for part in parts[1:]:
            largest = torch.maximum(largest, part)
        return largest
