"""NVF: a flow given a latent variable, and the plain flow and mixture it is compared with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from repro.models.base import count_parameters
from repro.models.flow_stacks import make_stack
from repro.models.latents import ContinuousLatent, DiscreteLatent, Latent, NoLatent
from repro.models.normal import log_normal
from repro.randomness import keep_masks


class VariationalFlow(nn.Module):
    """p(x | c) by a flow from x (B, D) to standard normal noise, given a latent variable c.

    `latent` is "none" (the flow alone: NF or NSF), "discrete" or "continuous"; a discrete one with
    the estimator "marginal" is a plain mixture of flows. `match` names the latent whose model's
    number of parameters this model is to have: the hidden width is then chosen for it.

    Source: Dong et al. 2022 (NVF) and its released code hendrydong/normalizing-variational-flow.
    """

    noise_stream = "noise"

    def __init__(self, config: Mapping[str, Any], dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.dropout = float(config["dropout"])
        self.latent = _make_latent(config, dim)
        hidden = matched_width(config, dim)
        self.flow = make_stack({**config, "hidden": hidden}, dim, self.latent.width)

    def draw_noise(self, batch: int, source: torch.Generator) -> Tensor | None:
        """Random input of one training iteration on `batch` rows in one row (N,), or None."""
        masks, drawn = self.draw_masks(batch, source), self.latent.draw_noise(batch, source)
        parts = [part.flatten() for part in (masks, drawn) if part is not None]
        return torch.cat(parts) if parts else None

    def draw_masks(self, batch: int, source: torch.Generator) -> Tensor | None:
        """Scaled keep masks (layers, blocks, hidden, B), or None without dropout."""
        shape = self.flow.dropout_shape(batch)
        if shape is None or self.dropout == 0:
            return None
        return keep_masks(shape, self.dropout, source)

    def forward(self, x: Tensor, noise: Tensor | None) -> Tensor:
        """Training loss: a scalar, the mean over the rows x (B, D), in nats."""
        masks, drawn = self._unpacked(noise, x.shape[0])
        return self.latent.loss(self.given(masks), x, drawn).mean()

    def log_likelihood(
        self, x: Tensor, noise: Tensor | None = None, masks: Tensor | None = None
    ) -> Tensor:
        """Log p(x) (B,) in nats, exact but for a continuous latent (which needs noise (I, B)).

        Keep masks (..., B) leave dropout on, as the released code's periodic tests do.
        """
        return self.latent.log_likelihood(self.given(masks), x, noise)

    def generate(self, z: Tensor, context: Tensor | None = None) -> Tensor:
        """Samples x (B, D) from standard normals z (B, D) and contexts (B, C) of the prior."""
        return self.flow.inverse(z, context)[0]

    def given(self, masks: Tensor | None) -> Any:  # noqa: ANN401 - a LogDensity
        """The log-density of rows given contexts, with keep masks for as many blocks of rows."""

        def log_density(x: Tensor, context: Tensor | None) -> Tensor:
            own = masks
            if masks is not None and masks.shape[-1] != x.shape[0]:
                own = torch.cat([masks] * (x.shape[0] // masks.shape[-1]), dim=-1)
            z, log_det = self.flow(x, own, context)
            return log_normal(z) + log_det

        return log_density

    def _unpacked(self, noise: Tensor | None, batch: int) -> tuple[Tensor | None, Tensor | None]:
        """Keep masks and the latent's noise (B, N) out of what `draw_noise` gave."""
        if noise is None:
            return None, None
        shape = self.flow.dropout_shape(batch) if self.dropout else None
        count = 0 if shape is None else math.prod(shape)
        masks = None if shape is None else noise[:count].reshape(shape)
        rest = noise[count:]
        return masks, rest.reshape(batch, -1) if rest.shape[0] else None


def matched_width(config: Mapping[str, Any], dim: int) -> int:
    """The hidden width: the config's, or the one whose count of parameters comes nearest.

    With `match` a latent's name, that is the count of the model with this latent and the config's
    own width.
    """
    hidden = int(config["hidden"])
    if config["match"] == "none":
        return hidden
    target = _count({**config, "latent": config["match"]}, dim, hidden)
    while _count(config, dim, hidden) < target:
        hidden += 1
    while hidden > 1 and _count(config, dim, hidden - 1) >= target:
        hidden -= 1
    nearby = (max(1, hidden - 1), hidden)
    return min(nearby, key=lambda width: abs(_count(config, dim, width) - target))


def _count(config: Mapping[str, Any], dim: int, hidden: int) -> int:
    """Parameters of the model with this hidden width; the random stream stays where it was."""
    with torch.random.fork_rng(devices=[]):
        return count_parameters(
            VariationalFlow({**config, "hidden": hidden, "match": "none"}, dim)
        )


def _make_latent(config: Mapping[str, Any], dim: int) -> Latent:
    shape = (config["posterior_hidden"], config["posterior_layers"])
    if config["latent"] == "none":
        return NoLatent()
    if config["latent"] == "continuous":
        return ContinuousLatent(dim, config["importance_samples"], *shape)
    return DiscreteLatent(dim, config["states"], config["estimator"], *shape)
