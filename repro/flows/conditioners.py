"""Networks that give a transformer its parameters, from some features and a context."""

from __future__ import annotations

import itertools
from typing import cast

import torch
from torch import Tensor, nn

from repro.flows.masked_network import MaskedLinear, residual_network


class Conditioner(nn.Module):
    """A network from I features (B, I), and a context (B, C) if it is made for one, to (B, O)."""

    hidden: int

    def dropout_shape(self, batch: int) -> tuple[int, ...] | None:
        """Shape of the keep masks that `forward` takes for `batch` rows; None if it takes none."""
        return None

    def forward(
        self, x: Tensor, dropout: Tensor | None = None, context: Tensor | None = None
    ) -> Tensor:
        """Outputs (B, O) for x (B, I)."""
        raise NotImplementedError


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


class ContextLayer(nn.Module):
    """What a context (B, C) adds to the hidden units of a residual network, (1 + blocks, H, B).

    The part for the network's start goes through a ReLU, those for its blocks are linear.

    Source: nflows transforms/made.py (`context_layer`).
    """

    def __init__(self, context: int, hidden: int, blocks: int) -> None:
        super().__init__()
        self.shape = (1 + blocks, hidden)
        self.linear = nn.Linear(context, (1 + blocks) * hidden)

    def forward(self, context: Tensor | None) -> Tensor:
        """Values (1 + blocks, H, B) for a context (B, C)."""
        assert context is not None, "'context' must be given: the flow was made for one."
        raw = self.linear(context).T.unflatten(0, self.shape)
        return torch.cat((raw[:1].relu(), raw[1:]))


class ResidualConditioner(Conditioner):
    """A residual network of `blocks` blocks of H hidden units, with dropout within each.

    A context is added to the hidden units as in MADE here.

    Source: Durkan et al. 2019 (NSF, arXiv 1906.04032), appendix B.1.
    """

    def __init__(
        self, inputs: int, outputs: int, hidden: int, blocks: int, context: int = 0
    ) -> None:
        super().__init__()
        self.hidden = hidden
        self.first = MaskedLinear(torch.ones(hidden, inputs))
        between = torch.ones(hidden, hidden)
        self.blocks = nn.ModuleList(MaskedResidualBlock(between) for _ in range(blocks))
        self.last = MaskedLinear(torch.ones(outputs, hidden))
        self.context = ContextLayer(context, hidden, blocks) if context else None

    def dropout_shape(self, batch: int) -> tuple[int, ...]:
        """Shape (blocks, hidden, B) of the keep masks."""
        return (len(self.blocks), self.hidden, batch)

    def forward(
        self, x: Tensor, dropout: Tensor | None = None, context: Tensor | None = None
    ) -> Tensor:
        """Outputs (B, O) for x (B, I); dropout (blocks, H, B) are scaled keep masks or None."""
        blocks = (cast(MaskedResidualBlock, block) for block in self.blocks)
        between = (layer for block in blocks for layer in (block.first, block.second))
        added = None if self.context is None else self.context(context)
        return residual_network([self.first, *between, self.last], x.T, dropout, added).T


class Perceptron(Conditioner):
    """A feed-forward ReLU network with the given hidden widths; a context joins its inputs.

    Its last layer starts at `last_scale` times the usual values: 0 makes affine couplings start
    at the identity.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        widths: tuple[int, ...],
        context: int = 0,
        last_scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.hidden = widths[-1]
        sizes = itertools.pairwise((inputs + context, *widths, outputs))
        self.layers = nn.ModuleList(nn.Linear(i, o) for i, o in sizes)
        with torch.no_grad():
            for parameter in self.layers[-1].parameters():
                parameter.mul_(last_scale)
        self.context = context

    def forward(
        self, x: Tensor, dropout: Tensor | None = None, context: Tensor | None = None
    ) -> Tensor:
        """Outputs (B, O) for x (B, I)."""
        if self.context:
            assert context is not None, "'context' must be given: the flow was made for one."
            x = torch.cat((x, context), dim=-1)
        *hidden, last = self.layers
        for layer in hidden:
            x = layer(x).relu()
        return cast(Tensor, last(x))
