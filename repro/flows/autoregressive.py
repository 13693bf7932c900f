"""Autoregressive bijections: a masked residual network gives each feature its transformer."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from repro.flows.affine import bounded, scale_and_shift
from repro.flows.base import Bijection, check_rows
from repro.flows.conditioners import ContextLayer, MaskedResidualBlock
from repro.flows.masked_network import MaskedLinear, residual_network
from repro.flows.spline import parameters_per_feature, rational_quadratic


class MADE(nn.Module):
    """A masked residual network: outputs of feature i see only the features before i.

    It maps (B, D) to (B, D, P) for P values a feature. A context of C values, if there is one, is
    added to the hidden units by a linear layer, through a ReLU where the network starts and
    directly within each block, as in nflows: so the first feature, which sees no hidden unit, sees
    no context either.

    Source: Germain et al. 2015 (MADE, arXiv 1502.03509) with the residual blocks, hidden degrees
    and initialisation of the released bayesiains/nsf transforms/made.py; there the degrees go
    round in a circle, here the same ones are sorted, so that the masks are made of blocks.
    """

    def __init__(self, dim: int, hidden: int, blocks: int, outputs: int, context: int = 0) -> None:
        super().__init__()
        features = torch.arange(1, dim + 1)
        degrees = (torch.arange(hidden) % max(1, dim - 1) + min(1, dim - 1)).sort().values
        self.dim, self.outputs = dim, outputs
        self.first = MaskedLinear(_mask(degrees, features))
        between = _mask(degrees, degrees)
        self.blocks = nn.ModuleList(MaskedResidualBlock(between) for _ in range(blocks))
        self.last = MaskedLinear(_mask(features.repeat_interleave(outputs) - 1, degrees))
        self.context = ContextLayer(context, hidden, blocks) if context else None

    def forward(
        self, x: Tensor, dropout: Tensor | None = None, context: Tensor | None = None
    ) -> Tensor:
        """Map x (B, D) to (B, D, P); dropout (blocks, H, B) are scaled keep masks or None."""
        check_rows(x, self.dim)
        added = None if self.context is None else self.context(context)
        outputs = residual_network(self._layers(), x.T, dropout, added)
        return outputs.unflatten(0, (self.dim, self.outputs)).permute(2, 0, 1)

    def _layers(self) -> list[MaskedLinear]:
        blocks = (cast(MaskedResidualBlock, block) for block in self.blocks)
        between = (layer for block in blocks for layer in (block.first, block.second))
        return [self.first, *between, self.last]


class Autoregressive(Bijection):
    """A transformer of each feature whose parameters depend on the features before it.

    `forward` takes one pass of the network, `inverse` takes D.
    """

    def __init__(self, dim: int, hidden: int, blocks: int, outputs: int, context: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.network = MADE(dim, hidden, blocks, outputs, context)

    def dropout_shape(self, batch: int) -> tuple[int, ...]:
        """Shape (blocks, hidden, B) of the keep masks."""
        return (len(self.network.blocks), self.hidden, batch)

    def forward(
        self, x: Tensor, dropout: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Map x (B, D) to y (B, D) with log|det| (B,) in one pass."""
        return self._transform(x, self.network(x, dropout, context), inverse=False)

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map y (B, D) to x (B, D) with log|det| (B,), feature by feature."""
        x = torch.zeros_like(y)
        log_det = torch.zeros_like(y[:, 0])
        for _ in range(y.shape[-1]):  # pass i makes feature i right, and every one before it
            x, log_det = self._transform(y, self.network(x, None, context), inverse=True)
        return x, log_det

    def _transform(self, x: Tensor, raw: Tensor, *, inverse: bool) -> tuple[Tensor, Tensor]:
        """Image (B, D) and log|det| (B,) of x (B, D) for the network's outputs raw (B, D, P)."""
        raise NotImplementedError


class AutoregressiveSpline(Autoregressive):
    """A rational-quadratic spline for each feature, its knots given by the features before it.

    Outside [-bound, bound] a feature passes unchanged.

    Source: Durkan et al. 2019 (RQ-NSF (AR)); the raw widths and heights are not divided by
    sqrt(hidden), as in the released code, whose MADE has no such attribute.
    """

    def __init__(
        self, dim: int, hidden: int, blocks: int, bins: int, bound: float, context: int = 0
    ) -> None:
        super().__init__(dim, hidden, blocks, parameters_per_feature(bins), context)
        self.bound = bound

    def _transform(self, x: Tensor, raw: Tensor, *, inverse: bool) -> tuple[Tensor, Tensor]:
        """Image (B, D) and log|det| (B,) of x (B, D) by the splines raw (B, D, P).

        Features go first, as in the memory that the network's products leave.
        """
        features = raw.transpose(0, 1)
        y, log_slopes = rational_quadratic(x.T, features, self.bound, inverse=inverse)
        return y.T, log_slopes.sum(dim=0)


class AutoregressiveAffine(Autoregressive):
    """A positive scale and a shift for each feature, given by the features before it (MAF, IAF).

    Log-scales lie in [-bound, bound], as in an affine coupling.

    Source: Papamakarios et al. 2017 (MAF, arXiv 1705.07057), whose density is one pass of this
    map from data to noise; Kingma et al. 2016 (IAF, arXiv 1606.04934) let it run from noise.
    """

    def __init__(
        self, dim: int, hidden: int, blocks: int, bound: float = 2.0, context: int = 0
    ) -> None:
        super().__init__(dim, hidden, blocks, 2, context)
        self.bound = bound

    def _transform(self, x: Tensor, raw: Tensor, *, inverse: bool) -> tuple[Tensor, Tensor]:
        log_scale, shift = raw.unbind(dim=-1)
        return scale_and_shift(x, bounded(log_scale, self.bound), shift, inverse=inverse)


def _mask(out_degrees: Tensor, in_degrees: Tensor) -> Tensor:
    """Mask (O, I) that lets an output see the inputs of at most its own degree."""
    return (out_degrees[:, None] >= in_degrees[None, :]).float()
