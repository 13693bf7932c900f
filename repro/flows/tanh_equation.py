"""The one equation that inverting a flow with tanh units comes down to."""

from __future__ import annotations

import torch
from torch import Tensor

BISECTIONS = {torch.float32: 30, torch.float64: 60}


def solve(slope: Tensor, target: Tensor) -> Tensor:
    """The a (...) with a + slope * tanh(a) = target, for slope > -1; differentiable once.

    Bisection brings a within rounding; a Newton step then polishes it and carries the gradient.
    """
    with torch.no_grad():
        low, high = target - slope.abs(), target + slope.abs()
        for _ in range(BISECTIONS[target.dtype]):
            middle = 0.5 * (low + high)
            below = middle + slope * torch.tanh(middle) < target
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        a = 0.5 * (low + high)
        h = torch.tanh(a)
    return a - (a + slope * h - target) / (h * h + (1 + slope) * (1 - h * h))
