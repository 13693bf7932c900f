"""iFlow on images: a multi-scale flow whose Gaussian prior depends on the class."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from repro.flows.multiscale import MultiScaleFlow
from repro.models.iflow import IFlow
from repro.models.image_likelihoods import Image
from repro.models.nvf_image import flow_shape
from repro.models.pixels import Pixels


class IFlowImage(IFlow):
    """iFlow of dequantised images (B, C, H, W), u being the class: the [Re] report's 4.4.7.

    The prior is iFlow's own, N(eta / 2|xi|, 1 / 2|xi|) for each of the CHW latents and each class;
    the flow, which sees no class, is a multi-scale one in place of the spline of vectors.

    Source: Li, Hooi & Lee 2020 (iFlow); Kingma & Dhariwal 2018 (Glow) for the flow.
    """

    noise_stream = "noise"

    def __init__(
        self, config: Mapping[str, Any], image: Image, classes: int, pixels: Pixels
    ) -> None:
        self.image, self.pixels = image, pixels
        vector = {"dropout": 0.0, "log_pi": True, **config}  # what IFlow of vectors asks for
        super().__init__(vector, math.prod(image), classes)

    def _make_flow(self, config: Mapping[str, Any]) -> nn.Module:
        return MultiScaleFlow(self.image, flow_shape(config, 0))

    def draw_noise(self, batch: int, source: torch.Generator) -> Tensor:
        """Uniforms (B, CHW) for the pixels' cells."""
        return torch.rand(batch, self.dim, generator=source)

    def initialise(self, x: Tensor, uniforms: Tensor) -> None:
        """Set every ActNorm from a first batch of pixels x (B, C, H, W)."""
        y, _ = self.pixels.forward(x, uniforms.reshape(x.shape))
        assert isinstance(self.flow, MultiScaleFlow)
        self.flow.initialise(y)

    def forward(self, x: Tensor, segment: Tensor, noise: Tensor | None) -> Tensor:
        """Mean negative bound on log P(x | u) in nats per dimension; noise (B, CHW) uniforms."""
        assert noise is not None, "'noise' is needed for the pixels' cells."
        return -self.log_probability(x, segment, noise).mean() / self.dim

    def log_probability(self, x: Tensor, segment: Tensor, uniforms: Tensor) -> Tensor:
        """Bound (B,) in nats on the log-probability of pixels x (B, C, H, W), classes (B,)."""
        y, log_det = self.pixels.forward(x, uniforms.reshape(x.shape))
        log_p, _ = self._log_density(y, segment, None)
        return log_p - self.dim * 0.5 * math.log(math.pi) + log_det

    def encode(self, x: Tensor, uniforms: Tensor) -> Tensor:
        """The latents z (B, CHW) of pixels x (B, C, H, W)."""
        return self.flow(self.pixels.forward(x, uniforms.reshape(x.shape))[0])[0]

    def decode(self, z: Tensor) -> Tensor:
        """The pixels (B, C, H, W), whole numbers in 0..255, of latents z (B, CHW)."""
        return self.pixels.inverse(self.flow.inverse(z)[0])

    def draw(self, segment: Tensor, normals: Tensor, temperature: float = 1.0) -> Tensor:
        """Pixels (B, C, H, W) of classes (B,), from standard normals (B, CHW).

        At temperature 1 these are exact draws from the model; below, the prior's standard
        deviation is multiplied by it.
        """
        mean, scale = self.moments(segment)
        return self.decode(mean + temperature * scale * normals)

    def moments(self, segment: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (B, CHW) of the prior of classes (B,)."""
        xi, eta = self.natural_parameters(segment)
        return eta / (-2 * xi), (-2 * xi).rsqrt()
