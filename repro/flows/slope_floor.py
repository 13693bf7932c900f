"""A bijection of the line whose slope never falls below a floor."""

from __future__ import annotations

import torch
from torch import Tensor

from repro.flows.base import Bijection

HALVINGS = 60  # of the interval that holds a preimage
REACH = 1e3  # how far a preimage is looked for


class SlopeFloor(Bijection):
    """The map floor x + f(x) of one feature for an increasing bijection f, so of slope >= floor.

    Read from data to noise, it bounds the slope of the generating map by 1 / floor. `inverse`
    looks for the preimage by halving an interval.
    """

    def __init__(self, member: Bijection, floor: float) -> None:
        super().__init__()
        assert floor > 0, "'floor' must be above 0."
        self.member = member
        self.floor = floor

    def dropout_shape(self, batch: int) -> tuple[int, ...] | None:
        """Shape of the member's keep masks."""
        return self.member.dropout_shape(batch)

    def forward(
        self, x: Tensor, dropout: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Map x (B, 1) to y (B, 1) with log|det| (B,)."""
        assert x.shape[-1] == 1, "'x' must have one feature: a slope is a number."
        y, log_slope = self.member(x, dropout, context)
        return y + self.floor * x, torch.log(self.floor + torch.exp(log_slope))

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map y (B, 1) back to x (B, 1) in [-1000, 1000] with log|det| (B,)."""
        low, high = torch.full_like(y, -REACH), torch.full_like(y, REACH)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            above = self.forward(middle, None, context)[0] > y
            low, high = torch.where(above, low, middle), torch.where(above, middle, high)
        x = (low + high) / 2
        return x, -self.forward(x, None, context)[1]
