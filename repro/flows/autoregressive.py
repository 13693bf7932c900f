"""Autoregressive bijections: a masked residual network gives each feature its transformer."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from repro.flows.base import Bijection
from repro.flows.masked_network import MaskedLinear, residual_network
from repro.flows.spline import parameters_per_feature, rational_quadratic


class MaskedResidualBlock(nn.Module):
    """The two masked linear layers of a residual block of H hidden units.

    The second layer starts near zero, uniform on [-1e-3, 1e-3].
    """

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.first = MaskedLinear(mask)
        self.second = MaskedLinear(mask)
        for parameter in self.second.parameters():
            nn.init.uniform_(parameter, -1e-3, 1e-3)


class MADE(nn.Module):
    """A masked residual network: outputs of feature i see only the features before i.

    It maps (B, D) to (B, D, P) for P values a feature.

    Source: Germain et al. 2015 (MADE, arXiv 1502.03509) with the residual blocks, hidden degrees
    and initialisation of the released bayesiains/nsf transforms/made.py; there the degrees go
    round in a circle, here the same ones are sorted, so that the masks are made of blocks.
    """

    def __init__(self, dim: int, hidden: int, blocks: int, outputs: int) -> None:
        super().__init__()
        features = torch.arange(1, dim + 1)
        degrees = (torch.arange(hidden) % max(1, dim - 1) + min(1, dim - 1)).sort().values
        self.outputs = outputs
        self.first = MaskedLinear(_mask(degrees, features))
        between = _mask(degrees, degrees)
        self.blocks = nn.ModuleList(MaskedResidualBlock(between) for _ in range(blocks))
        self.last = MaskedLinear(_mask(features.repeat_interleave(outputs) - 1, degrees))

    def forward(self, x: Tensor, dropout: Tensor | None = None) -> Tensor:
        """Map x (B, D) to (B, D, P); dropout (blocks, H, B) are scaled keep masks or None."""
        outputs = residual_network(self._layers(), x.T, dropout)
        return outputs.unflatten(0, (x.shape[-1], self.outputs)).permute(2, 0, 1)

    def _layers(self) -> list[MaskedLinear]:
        blocks = (cast(MaskedResidualBlock, block) for block in self.blocks)
        between = (layer for block in blocks for layer in (block.first, block.second))
        return [self.first, *between, self.last]


class AutoregressiveSpline(Bijection):
    """A rational-quadratic spline for each feature, its knots given by the features before it.

    `forward` takes one pass of the network, `inverse` takes D. Outside [-bound, bound] a feature
    passes unchanged.

    Source: Durkan et al. 2019 (RQ-NSF (AR)); the raw widths and heights are not divided by
    sqrt(hidden), as in the released code, whose MADE has no such attribute.
    """

    def __init__(self, dim: int, hidden: int, blocks: int, bins: int, bound: float) -> None:
        super().__init__()
        self.bound = bound
        self.hidden = hidden
        self.network = MADE(dim, hidden, blocks, parameters_per_feature(bins))

    def dropout_shape(self, batch: int) -> tuple[int, ...]:
        """Shape (blocks, hidden, B) of the keep masks."""
        return (len(self.network.blocks), self.hidden, batch)

    def forward(
        self, x: Tensor, dropout: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Map x (B, D) to y (B, D) with log|det| (B,) in one pass."""
        return self._transform(x, self.network(x, dropout), inverse=False)

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map y (B, D) to x (B, D) with log|det| (B,), feature by feature."""
        x = torch.zeros_like(y)
        log_det = torch.zeros_like(y[:, 0])
        for _ in range(y.shape[-1]):  # pass i makes feature i right, and every one before it
            x, log_det = self._transform(y, self.network(x), inverse=True)
        return x, log_det

    def _transform(self, x: Tensor, raw: Tensor, *, inverse: bool) -> tuple[Tensor, Tensor]:
        """Image (B, D) and log|det| (B,) of x (B, D) by the splines raw (B, D, P).

        Features go first, as in the memory that the network's products leave.
        """
        features = raw.transpose(0, 1)
        y, log_slopes = rational_quadratic(x.T, features, self.bound, inverse=inverse)
        return y.T, log_slopes.sum(dim=0)


def _mask(out_degrees: Tensor, in_degrees: Tensor) -> Tensor:
    """Mask (O, I) that lets an output see the inputs of at most its own degree."""
    return (out_degrees[:, None] >= in_degrees[None, :]).float()
