"""The affine transformer of couplings and autoregressive flows, and the bound of its scale."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def bounded(raw: Tensor, bound: float) -> Tensor:
    """Log-scales (...) in [-bound, bound] from raw values, of slope 2/pi at 0.

    Source: released VLL-HD/FrEIA, coupling_layers.py (`clamp`).
    """
    return 2 / math.pi * bound * torch.atan(raw / bound)


def scale_and_shift(
    x: Tensor, log_scale: Tensor, shift: Tensor, *, inverse: bool
) -> tuple[Tensor, Tensor]:
    """The map x exp(log_scale) + shift of (B, D) tensors, or its inverse, with log|det| (B,)."""
    if inverse:
        return (x - shift) * torch.exp(-log_scale), -log_scale.sum(dim=-1)
    return x * torch.exp(log_scale) + shift, log_scale.sum(dim=-1)
