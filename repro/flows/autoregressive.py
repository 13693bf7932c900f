"""Autoregressive bijections: a masked residual network gives each feature its transformer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from repro.flows.base import Bijection
from repro.flows.spline import parameters_per_feature, rational_quadratic


class MaskedLinear(nn.Linear):
    """A linear layer (I, B) -> (O, B) whose weight (O, I) is used only where `mask` (O, I) is 1.

    Features come first, so that the gradient of the weight is made in the weight's own layout.
    """

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer("mask", mask, persistent=False)
        self.masks_nothing = bool(mask.all())

    def forward(self, x: Tensor) -> Tensor:
        """Multiply x (I, B) by the masked weight and add the bias: (O, B)."""
        weight = self.weight if self.masks_nothing else self.weight * self.mask
        return torch.addmm(self.bias[:, None], weight, x)


class MaskedResidualBlock(nn.Module):
    """A pre-activation residual block (H, B) -> (H, B) of two masked linear layers.

    The second layer starts near zero, uniform on [-1e-3, 1e-3].
    """

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.first = MaskedLinear(mask)
        self.second = MaskedLinear(mask)
        nn.init.uniform_(self.second.weight, -1e-3, 1e-3)
        nn.init.uniform_(self.second.bias, -1e-3, 1e-3)

    def forward(self, h: Tensor, keep: Tensor | None) -> Tensor:
        """Add the block's residual to h (H, B); keep (H, B) are scaled dropout masks or None."""
        residual = torch.relu(self.first(torch.relu(h)))
        if keep is not None:
            residual = residual * keep
        return h + self.second(residual)


class MADE(nn.Module):
    """A masked residual network: outputs of feature i see only the features before i.

    It maps (B, D) to (B, D, P) for P values a feature.

    Source: Germain et al. 2015 (MADE, arXiv 1502.03509) with the residual blocks, cyclic hidden
    degrees and initialisation of the released bayesiains/nsf transforms/made.py.
    """

    def __init__(self, dim: int, hidden: int, blocks: int, outputs: int) -> None:
        super().__init__()
        features = torch.arange(1, dim + 1)
        degrees = torch.arange(hidden) % max(1, dim - 1) + min(1, dim - 1)
        self.outputs = outputs
        self.first = MaskedLinear(_mask(degrees, features))
        between = _mask(degrees, degrees)
        self.blocks = nn.ModuleList(MaskedResidualBlock(between) for _ in range(blocks))
        self.last = MaskedLinear(_mask(features.repeat_interleave(outputs) - 1, degrees))

    def forward(self, x: Tensor, dropout: Tensor | None = None) -> Tensor:
        """Map x (B, D) to (B, D, P); dropout (blocks, H, B) are scaled keep masks or None."""
        h = self.first(x.T)
        for i, block in enumerate(self.blocks):
            h = block(h, None if dropout is None else dropout[i])
        return self.last(h).T.unflatten(-1, (x.shape[-1], self.outputs))


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

    def forward(self, x: Tensor, dropout: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map x (B, D) to y (B, D) with log|det| (B,) in one pass."""
        y, log_slopes = rational_quadratic(x, self.network(x, dropout), self.bound)
        return y, log_slopes.sum(dim=-1)

    def inverse(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Map y (B, D) to x (B, D) with log|det| (B,), feature by feature."""
        x = torch.zeros_like(y)
        for _ in range(y.shape[-1]):  # pass i makes feature i right, and every one before it
            x, log_slopes = rational_quadratic(y, self.network(x), self.bound, inverse=True)
        return x, log_slopes.sum(dim=-1)


def _mask(out_degrees: Tensor, in_degrees: Tensor) -> Tensor:
    """Mask (O, I) that lets an output see the inputs of at most its own degree."""
    return (out_degrees[:, None] >= in_degrees[None, :]).float()
