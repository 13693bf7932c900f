"""Elementwise functions that round the same wherever an element stands in a stack of seeds.

torch's own softplus and sigmoid take a vector path for most of a tensor and a scalar path for its
tail, which differ in the last bit; logsigmoid and exp have one path.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def softplus(x: Tensor) -> Tensor:
    """The function log(1 + exp(x)) of a tensor (...), without overflow."""
    return -F.logsigmoid(-x)


def sigmoid(x: Tensor) -> Tensor:
    """The function 1 / (1 + exp(-x)) of a tensor (...)."""
    return torch.exp(F.logsigmoid(x))
