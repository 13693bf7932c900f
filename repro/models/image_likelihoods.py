"""Densities of images given the features of a latent: a flow and a Gaussian decoder."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from repro.flows.multiscale import FlowShape, MultiScaleFlow
from repro.models.image_networks import Conditioner, ImageDecoder
from repro.models.normal import log_normal

Image = tuple[int, int, int]  # channels, height, width


class FlowLikelihood(nn.Module):
    """A multi-scale flow conditioned, level by level, on features (B, F, h, w); NF in the tables.

    Without features (F = 0) it is a plain normalizing flow.
    """

    def __init__(self, image: Image, shape: FlowShape, features: int) -> None:
        super().__init__()
        self.image = image
        self.conditioner = (
            Conditioner(features, len(shape.steps), shape.condition_channels) if features else None
        )
        self.flow = MultiScaleFlow(image, shape)

    def initialise(self, y: Tensor, features: Tensor | None) -> None:
        """Set every ActNorm from a first batch y (B, C, H, W) with its features."""
        with torch.no_grad():
            self.flow.initialise(y, self._conditions(features))

    def log_density(self, y: Tensor, features: Tensor | None) -> Tensor:
        """Log p(y | features) (B,) in nats, of y (B, C, H, W)."""
        z, log_det = self.flow(y, self._conditions(features))
        return log_normal(z) + log_det

    def sample(self, normals: Tensor, features: Tensor | None) -> Tensor:
        """Images y (B, C, H, W) from standard normals (B, CHW)."""
        return self.flow.inverse(normals, self._conditions(features))[0]

    def _conditions(self, features: Tensor | None) -> list[Tensor] | None:
        if self.conditioner is None:
            return None
        assert features is not None, "'features' are what this flow is conditioned on."
        return self.conditioner(features)


class GaussianLikelihood(nn.Module):
    """Independent normals whose means a decoder gives from features: VAE in the tables.

    One standard deviation for all pixels is learnt, as in Rybkin et al. 2021 (arXiv 2006.13202).
    A drawn image is the mean: the noise of the normals is no part of a picture.
    """

    def __init__(self, image: Image, features: int) -> None:
        super().__init__()
        self.image = image
        self.decoder = ImageDecoder(image[0], features)
        self.log_scale = nn.Parameter(torch.tensor(math.log(0.2)))

    def initialise(self, y: Tensor, features: Tensor | None) -> None:
        """Nothing depends on a first batch."""

    def log_density(self, y: Tensor, features: Tensor | None) -> Tensor:
        """Log p(y | features) (B,) in nats, of y (B, C, H, W)."""
        assert features is not None, "'features' are what the decoder makes its means from."
        standard = (y - self.decoder(features)) * (-self.log_scale).exp()
        log_scales = math.prod(self.image) * self.log_scale
        return log_normal(standard.flatten(1)) - log_scales

    def sample(self, normals: Tensor, features: Tensor | None) -> Tensor:
        """Mean images (B, C, H, W); the normals are not used."""
        assert features is not None, "'features' are what the decoder makes its means from."
        return self.decoder(features)
