"""NVF for images: a latent variable, and a flow (or a Gaussian decoder) given it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from repro.flows.multiscale import FlowShape
from repro.models.image_latents import (
    Coded,
    ContinuousLatent,
    DiscreteLatent,
    Latent,
    Map,
    SequentialLatent,
)
from repro.models.image_likelihoods import FlowLikelihood, GaussianLikelihood, Image
from repro.models.image_networks import HALVINGS, ImageEncoder
from repro.models.pixels import Pixels


class Bound(NamedTuple):
    """Costs in nats of each image (B,): all but the latent, and the latent under its prior.

    Their sum bounds the images' -log P from above. `codes` (B, L) are a sequential latent's.
    """

    likelihood: Tensor
    latent: Tensor
    codes: Tensor | None


class NVFImage(nn.Module):
    """p(x) = integral p(x | latent) p(latent), bounded through an encoder's posterior.

    `likelihood` is "flow" (Dong et al. 2022, NVF) or "gaussian" (a VAE); `latent` is none,
    continuous, discrete or sequential. Randomness comes in as uniforms (B, `draws`): the
    dequantisation noise, then the latent's.

    Source: Dong et al. 2022 (NVF); released hendrydong/normalizing-variational-flow, where the
    latent conditions the priors of the splits alone, as here unless `condition_couplings`.
    """

    noise_stream = "noise"

    def __init__(self, config: Mapping[str, Any], image: Image, pixels: Pixels) -> None:
        super().__init__()
        self.image, self.pixels = image, pixels
        features = int(config["features"])
        self.shape: Map = (features, *(side // 2**HALVINGS for side in image[1:]))
        self.latent = _latent(config, self.shape)
        self.encoder = ImageEncoder(image[0], features) if self.latent is not None else None
        self.likelihood = _likelihood(config, image, features if self.latent is not None else 0)
        self.draws = self.values + (0 if self.latent is None else self.latent.draws)

    @property
    def following(self) -> tuple[str, ...]:
        """The buffers that follow the data: the code book's."""
        if not isinstance(self.latent, SequentialLatent):
            return ()
        return tuple(f"latent.{name}" for name, _ in self.latent.named_buffers())

    @property
    def values(self) -> int:
        """The number of values of an image: what bits per dimension count by."""
        return math.prod(self.image)

    def draw_noise(self, batch: int, source: torch.Generator) -> Tensor:
        """Uniforms (B, draws) for the pixels' cells and the latent."""
        return torch.rand(batch, self.draws, generator=source)

    def initialise(self, x: Tensor, uniforms: Tensor) -> None:
        """Set what starts from a first batch of pixels x (B, C, H, W): ActNorms, code book."""
        with torch.no_grad():
            if isinstance(self.latent, SequentialLatent):
                assert self.encoder is not None
                self.latent.initialise(self.encoder(self.pixels.centred(x)))
            y, _ = self.pixels.forward(x, self._cells(x, uniforms))
            coded = self._coded(x, uniforms)
            self.likelihood.initialise(y, None if coded is None else coded.features)

    def forward(self, x: Tensor, uniforms: Tensor, weight: Tensor | float = 1.0) -> Tensor:
        """Mean negative bound in nats per dimension, the latent's cost times `weight`."""
        y, log_det = self.pixels.forward(x, self._cells(x, uniforms))
        coded = self._coded(x, uniforms)
        if coded is None:
            loss = -(self.likelihood.log_density(y, None) + log_det)
        else:
            log_density = self.likelihood.log_density(y, coded.features) + log_det
            loss = weight * coded.cost + coded.penalty - log_density
        return loss.mean() / self.values

    def averages(self, x: Tensor) -> dict[str, Tensor]:
        """The values of `following` after one more batch of pixels x (B, C, H, W)."""
        if not isinstance(self.latent, SequentialLatent):
            return {}
        assert self.encoder is not None
        moved = self.latent.averages(self.encoder(self.pixels.centred(x)))
        return {f"latent.{name}": value for name, value in moved.items()}

    def bound(self, x: Tensor, uniforms: Tensor) -> Bound:
        """The costs (B,) in nats of pixels x (B, C, H, W)."""
        y, log_det = self.pixels.forward(x, self._cells(x, uniforms))
        coded = self._coded(x, uniforms)
        features = None if coded is None else coded.features
        cost = -(self.likelihood.log_density(y, features) + log_det)
        if coded is None:
            return Bound(cost, torch.zeros_like(cost), None)
        return Bound(cost, coded.cost, coded.codes)

    def code(self, x: Tensor) -> Tensor:
        """The codes (B, L) of pixels x (B, C, H, W), of a sequential latent."""
        codes = self._coded(x, x.new_zeros(len(x), self.draws))
        assert codes is not None, "'code' needs a latent."
        assert codes.codes is not None, "'code' needs a sequential latent."
        return codes.codes

    def reconstruct(self, x: Tensor, uniforms: Tensor, normals: Tensor) -> Tensor:
        """Pixels (B, C, H, W) drawn given the latent of x alone, by normals (B, CHW)."""
        coded = self._coded(x, uniforms)
        assert coded is not None, "'reconstruct' needs a latent to go through."
        return self.pixels.inverse(self.likelihood.sample(normals, coded.features))

    def sample(self, uniforms: Tensor, normals: Tensor, codes: Tensor | None = None) -> Tensor:
        """Pixels (B, C, H, W) of draws from the model: latent by its prior, or by given codes."""
        return self.pixels.inverse(
            self.likelihood.sample(normals, self._from_prior(uniforms, codes))
        )

    def _from_prior(self, uniforms: Tensor, codes: Tensor | None) -> Tensor | None:
        if self.latent is None:
            return None
        if codes is not None:
            assert isinstance(self.latent, SequentialLatent), "'codes' are of a sequential latent."
            return self.latent.from_codes(codes)
        return self.latent.from_prior(uniforms[:, self.values :])

    def _cells(self, x: Tensor, uniforms: Tensor) -> Tensor:
        return uniforms[:, : self.values].reshape(x.shape)

    def _coded(self, x: Tensor, uniforms: Tensor) -> Coded | None:
        if self.latent is None or self.encoder is None:
            return None
        features = self.encoder(self.pixels.centred(x))
        return self.latent(features, uniforms[:, self.values :])


def flow_shape(config: Mapping[str, Any], condition_channels: int) -> FlowShape:
    """The sizes of a multi-scale flow as a config of a model gives them."""
    return FlowShape(
        steps=tuple(config["flow_steps"]),
        hidden=tuple(config["flow_widths"]),
        coupling=config["coupling"],
        bins=config["bins"],
        bound=config["tail_bound"],
        condition_channels=condition_channels,
        condition_couplings=condition_channels > 0 and config["condition_couplings"],
        prior_hidden=config["split_hidden"],
    )


def _latent(config: Mapping[str, Any], shape: Map) -> Latent | None:
    kind = config["latent"]
    if kind == "continuous":
        return ContinuousLatent(shape, config["latent_size"])
    if kind == "discrete":
        return DiscreteLatent(
            shape, config["variables"], config["categories"], config["temperature"]
        )
    if kind == "sequential":
        return SequentialLatent(
            shape,
            config["vocabulary"],
            config["code_width"],
            config["decay"],
            config["commitment"],
        )
    return None


def _likelihood(
    config: Mapping[str, Any], image: Image, features: int
) -> FlowLikelihood | GaussianLikelihood:
    if config["likelihood"] == "gaussian":
        return GaussianLikelihood(image, features)
    shape = flow_shape(config, config["condition_channels"] if features else 0)
    return FlowLikelihood(image, shape, features)
