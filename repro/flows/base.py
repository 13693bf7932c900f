"""What every bijection offers, and the chain that joins several."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn


class Bijection(nn.Module):
    """An invertible map of (B, D) tensors that knows the log-determinant of its Jacobian.

    `forward` maps x to y and `inverse` maps y to x; each returns the result (B, D) and
    log|det| of its own Jacobian (B,) in nats, so that the two log-determinants of a round trip
    add up to zero. A bijection with dropout takes the keep masks as an input (`dropout_shape`),
    so that randomness always comes from outside. One that is conditional takes a context (B, C),
    a row's own; the others take no notice of it.
    """

    def dropout_shape(self, batch: int) -> tuple[int, ...] | None:
        """Shape of the keep masks that `forward` takes for `batch` rows; None if it takes none."""
        return None

    def forward(
        self, x: Tensor, dropout: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Map x (B, D) to y (B, D) with log|det dy/dx| (B,) in nats; context is (B, C) or None."""
        raise NotImplementedError

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map y (B, D) back to x (B, D) with log|det dx/dy| (B,) in nats."""
        raise NotImplementedError


def check_rows(x: Tensor, dim: int) -> None:
    """Refuse what is no (B, D) tensor of `dim` features, but would broadcast or be cut to one."""
    fits = x.dim() == 2 and x.shape[-1] == dim
    assert fits, f"'x' must be (B, {dim}), got {tuple(x.shape)}."


class Chain(Bijection):
    """A composition of bijections, applied first to last.

    The keep masks of its members that use dropout (all of one shape) are stacked along the first
    dimension, in order. Every member gets the same context.
    """

    def __init__(self, members: Iterable[Bijection]) -> None:
        super().__init__()
        self._members = nn.ModuleList(members)

    @property
    def members(self) -> list[Bijection]:
        """The bijections, in the order of `forward`."""
        return [cast(Bijection, member) for member in self._members]

    def dropout_shape(self, batch: int) -> tuple[int, ...] | None:
        """Shape (members with dropout, *their shape), or None if no member uses dropout."""
        shapes = [shape for m in self.members if (shape := m.dropout_shape(batch)) is not None]
        if not shapes:
            return None
        assert len(set(shapes)) == 1, "'members' with dropout must share one mask shape."
        return (len(shapes), *shapes[0])

    def forward(
        self, x: Tensor, dropout: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Map x (B, D) through every member; dropout (members with dropout, ...) or None."""
        total = torch.zeros_like(x[:, 0])
        used = 0
        for member in self.members:
            mask = None
            if dropout is not None and member.dropout_shape(x.shape[0]) is not None:
                mask = dropout[used]
                used += 1
            x, log_det = member(x, mask, context)
            total = total + log_det
        return x, total

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map y (B, D) back through every member, last to first."""
        total = torch.zeros_like(y[:, 0])
        for member in reversed(self.members):
            y, log_det = member.inverse(y, context)
            total = total + log_det
        return y, total
