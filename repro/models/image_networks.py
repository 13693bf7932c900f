"""Convolutional networks between images and the small grids of features that latents live on."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

HALVINGS = 2  # of height and width, between an image and its grid


class ImageEncoder(nn.Module):
    """Images (B, C, H, W) to features (B, F, H/4, W/4)."""

    def __init__(self, channels: int, features: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, features, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(features, features, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(features, features, 3, padding=1),
            nn.ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map x (B, C, H, W) to (B, F, H/4, W/4)."""
        return self.layers(x)


class ImageDecoder(nn.Module):
    """Features (B, F, H/4, W/4) to images (B, C, H, W)."""

    def __init__(self, channels: int, features: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(features, features, 3, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(features, features, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(features, channels, 4, stride=2, padding=1),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Map features (B, F, H/4, W/4) to (B, C, H, W)."""
        return self.layers(features)


class Conditioner(nn.Module):
    """Features (B, F, H/4, W/4) to (B, G, H / 2^l, W / 2^l) for each level l of a flow."""

    def __init__(self, features: int, levels: int, outputs: int) -> None:
        super().__init__()
        self.trunk = nn.Conv2d(features, features, 3, padding=1)
        self.heads = nn.ModuleList(
            nn.Conv2d(features, outputs, 3, padding=1) for _ in range(levels)
        )

    def forward(self, features: Tensor) -> list[Tensor]:
        """Map features to one tensor a level, the finest first."""
        shared = torch.relu(self.trunk(torch.relu(features)))
        return [
            torch.relu(head(_resized(shared, HALVINGS - level)))
            for level, head in enumerate(self.heads, 1)
        ]


def _resized(x: Tensor, doublings: int) -> Tensor:
    """Features (B, F, h, w) with sides 2^doublings as long, also where that is a fraction."""
    if doublings < 0:
        return F.avg_pool2d(x, 2**-doublings)
    return x.repeat_interleave(2**doublings, dim=2).repeat_interleave(2**doublings, dim=3)
