"""A multi-scale flow: images in, one vector of latents out, half of them leaving at each level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from repro.flows.image import (
    ActNorm,
    ConditionalScaling,
    ImageBijection,
    ImageCoupling,
    LUConvolution,
    Squeeze,
)

Conditions = Sequence[Tensor]  # a level's features (B, F, H / 2^level, W / 2^level), in order


@dataclass(frozen=True)
class FlowShape:
    """The sizes of a multi-scale flow.

    `steps` has one entry a level: how many steps (ActNorm, 1x1 convolution, coupling) it makes
    after its squeeze. A level without steps only squeezes. `condition_channels` (F) features a
    level condition the priors of what leaves, and with `condition_couplings` the couplings too.
    """

    steps: tuple[int, ...]
    hidden: tuple[int, ...]  # of the couplings' networks, by level
    coupling: str = "affine"
    bins: int = 8
    bound: float = 3.0
    condition_channels: int = 0
    condition_couplings: bool = False
    prior_hidden: int = 32

    @property
    def divisor(self) -> int:
        """What an image's height and width must be multiples of."""
        return 2 ** len(self.steps)


class FlowStep(ImageBijection):
    """ActNorm, an LU 1x1 convolution and a coupling.

    Source: Kingma & Dhariwal 2018 (Glow), figure 2a.
    """

    def __init__(self, channels: int, hidden: int, shape: FlowShape) -> None:
        super().__init__()
        coupling = ImageCoupling(
            channels,
            hidden,
            shape.coupling,
            bins=shape.bins,
            bound=shape.bound,
            condition_channels=shape.condition_channels if shape.condition_couplings else 0,
        )
        self._members = nn.ModuleList([ActNorm(channels), LUConvolution(channels), coupling])

    @property
    def members(self) -> list[ImageBijection]:
        """The three bijections, in the order of `forward`."""
        return [cast(ImageBijection, member) for member in self._members]

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map x (B, C, H, W) through the three, first to last."""
        total = torch.zeros_like(x[:, 0, 0, 0])
        for member in self.members:
            x, log_det = member(x, condition)
            total = total + log_det
        return x, total

    def inverse(self, y: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map y (B, C, H, W) back, last to first."""
        total = torch.zeros_like(y[:, 0, 0, 0])
        for member in reversed(self.members):
            y, log_det = member.inverse(y, condition)
            total = total + log_det
        return y, total


class Level(nn.Module):
    """One scale: a squeeze, flow steps, and the half of the channels that leaves.

    What leaves is standardised by a normal whose moments a network gives from what stays and from
    the condition; on the last level everything leaves, standardised by the condition alone.
    """

    def __init__(self, channels: int, index: int, shape: FlowShape) -> None:
        super().__init__()
        last = index == len(shape.steps) - 1
        self.squeeze = Squeeze()
        steps, hidden = shape.steps[index], shape.hidden[index]
        self.steps = nn.ModuleList(FlowStep(channels, hidden, shape) for _ in range(steps))
        self.leaving = channels if last else channels // 2 if steps else 0
        seen = channels - self.leaving + shape.condition_channels
        self.prior = (
            ConditionalScaling(self.leaving, seen, shape.prior_hidden)
            if self.leaving and seen
            else None
        )

    def forward(self, x: Tensor, condition: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """What stays (B, C', H, W), what leaves (B, C'', H, W), and log|det| (B,)."""
        x, total = self.squeeze(x)
        for step in self.steps:
            x, log_det = step(x, condition)
            total = total + log_det
        stays, leaves = x[:, self.leaving :], x[:, : self.leaving]
        if self.prior is not None:
            leaves, log_det = self.prior(leaves, _seen(stays, condition))
            total = total + log_det
        return stays, leaves, total

    def inverse(
        self, stays: Tensor, leaves: Tensor, condition: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The level's input (B, C, H, W) and log|det| (B,) of the inverse."""
        total = leaves.new_zeros(len(leaves))
        if self.prior is not None:
            leaves, log_det = self.prior.inverse(leaves, _seen(stays, condition))
            total = total + log_det
        x = torch.cat((leaves, stays), dim=1)
        for step in reversed(self.steps):
            x, log_det = cast(FlowStep, step).inverse(x, condition)
            total = total + log_det
        return self.squeeze.inverse(x)[0], total


class MultiScaleFlow(nn.Module):
    """A bijection of images (B, C, H, W) and vectors (B, CHW), optionally conditioned.

    Before a standard normal it is Glow with learnt priors of the splits.

    Source: Dinh et al. 2017 (RealNVP) section 3.6; Kingma & Dhariwal 2018 (Glow) figure 2b.
    """

    def __init__(self, image: tuple[int, int, int], shape: FlowShape) -> None:
        super().__init__()
        channels, height, width = image
        assert height % shape.divisor == width % shape.divisor == 0, (
            f"'image' must have sides that are multiples of {shape.divisor}."
        )
        assert len(shape.hidden) == len(shape.steps), "'hidden' needs one width a level."
        assert shape.steps[-1] > 0, "'steps' must not end with a level that has none."
        self.levels = nn.ModuleList()
        self.pieces: list[tuple[int, int, int]] = []  # what leaves, in order
        for index in range(len(shape.steps)):
            level = Level(4 * channels, index, shape)
            height, width = height // 2, width // 2
            channels = 4 * channels - level.leaving
            self.levels.append(level)
            self.pieces.append((level.leaving, height, width))

    def initialise(self, x: Tensor, conditions: Conditions | None = None) -> None:
        """Set every ActNorm from a first batch x (B, C, H, W), in the order of `forward`."""

        def adapt(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            cast(ActNorm, module).adapt(inputs[0])

        norms = [module for module in self.modules() if isinstance(module, ActNorm)]
        handles = [module.register_forward_pre_hook(adapt) for module in norms]
        try:
            with torch.no_grad():
                self(x, conditions)
        finally:
            for handle in handles:
                handle.remove()

    def forward(self, x: Tensor, conditions: Conditions | None = None) -> tuple[Tensor, Tensor]:
        """Map x (B, C, H, W) to z (B, CHW) with log|det| (B,) in nats."""
        left, total = [], torch.zeros_like(x[:, 0, 0, 0])
        for index, level in enumerate(self.levels):
            x, leaves, log_det = level(x, _at(conditions, index))
            left.append(leaves.flatten(1))
            total = total + log_det
        return torch.cat(left, dim=1), total

    def inverse(self, z: Tensor, conditions: Conditions | None = None) -> tuple[Tensor, Tensor]:
        """Map z (B, CHW) to x (B, C, H, W) with log|det| (B,) in nats."""
        sizes = [channels * height * width for channels, height, width in self.pieces]
        left = [
            part.reshape(len(z), *piece)
            for part, piece in zip(z.split(sizes, dim=1), self.pieces, strict=True)
        ]
        x, total = left[-1][:, :0], torch.zeros_like(z[:, 0])
        for index in reversed(range(len(self.levels))):
            level = cast(Level, self.levels[index])
            x, log_det = level.inverse(x, left[index], _at(conditions, index))
            total = total + log_det
        return x, total


def _at(conditions: Conditions | None, level: int) -> Tensor | None:
    return None if conditions is None else conditions[level]


def _seen(stays: Tensor, condition: Tensor | None) -> Tensor:
    """What the prior of the leaving half is made from: (B, C' + F, H, W)."""
    return stays if condition is None else torch.cat((stays, condition), dim=1)
