"""From stored pixels to what a density sees, and back; bits per dimension as a true bound."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from repro.flows.elementwise import sigmoid


@dataclass(frozen=True)
class Pixels:
    """How pixels of 0..255 become real values: fewer bits, noise, and a scale.

    With uniform noise the expected log-density bounds the log-probability of the pixels from
    below. With `noise` "none", as released, there is no bound: a density on a lattice of points
    can be as high as one likes, and the "bits" can fall below any number.

    Source: Theis, van den Oord & Bethge 2016 (arXiv 1511.01844), section 3.1, for the bound;
    Dinh et al. 2017 (RealNVP), section 4.1, for the logit.
    """

    bits: int = 8
    noise: str = "uniform"
    scale: str = "centred"
    margin: float = 1e-6  # of the logit: values are squeezed into [margin, 1 - margin] before it

    @property
    def levels(self) -> int:
        """The number of values that a pixel can have."""
        return 2**self.bits

    def reduce(self, pixels: Tensor) -> Tensor:
        """Keep the highest `bits` of pixels (...) in 0..255: whole numbers in 0..levels - 1."""
        return torch.floor(pixels / 2 ** (8 - self.bits))

    def forward(self, pixels: Tensor, uniforms: Tensor) -> tuple[Tensor, Tensor]:
        """Real values y as `pixels` (B, C, H, W), and the log-determinant (B,) of lattice to y.

        `uniforms` in [0, 1) of the same shape are the noise. log p(y) plus the log-determinant
        is, in nats, the log-probability of the pixels or its bound.
        """
        noise = uniforms if self.noise == "uniform" else torch.zeros_like(uniforms)
        share = (self.reduce(pixels) + noise) / self.levels
        log_det = -share[0].numel() * math.log(self.levels) * torch.ones_like(share[:, 0, 0, 0])
        if self.scale == "centred":
            return share - 0.5, log_det
        inner = self.margin + (1 - 2 * self.margin) * share
        y = torch.log(inner) - torch.log1p(-inner)
        slopes = math.log(1 - 2 * self.margin) - torch.log(inner) - torch.log1p(-inner)
        return y, log_det + slopes.flatten(1).sum(dim=1)

    def inverse(self, y: Tensor) -> Tensor:
        """The pixels in 0..255 (whole numbers, as float) whose cells hold y (B, C, H, W)."""
        if self.scale == "logit":
            share = (sigmoid(y) - self.margin) / (1 - 2 * self.margin)
        else:
            share = y + 0.5
        level = torch.floor(share * self.levels).clamp(0, self.levels - 1)
        return torch.floor(level * 255 / (self.levels - 1))

    def centred(self, pixels: Tensor) -> Tensor:
        """The pixels' lattice points (B, C, H, W) in [-1/2, 1/2), for an encoder to see."""
        return self.reduce(pixels) / self.levels - 0.5


def bits_per_dim(nats: Tensor, dimensions: int) -> Tensor:
    """Costs in nats (...) as bits per dimension of images with that many values."""
    return nats / (dimensions * math.log(2))


def as_released(images: Tensor, side: int) -> Tensor:
    """Grey images (N, 1, H, W) as the released NVF code shows them: resized, three channels.

    Source: released hendrydong/normalizing-variational-flow, its MNIST transform: 32 x 32
    (bilinear) and three identical channels, so that two of three are exact copies.
    """
    resized = F.interpolate(images.float(), size=(side, side), mode="bilinear", antialias=True)
    return resized.round().clamp(0, 255).to(images.dtype).expand(-1, 3, -1, -1)
