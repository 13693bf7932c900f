"""The standard normal, base of every flow and prior of every latent here."""

from __future__ import annotations

import math

from torch import Tensor

LOG_2PI = math.log(2 * math.pi)


def log_normal(z: Tensor) -> Tensor:
    """Log-density (...) of a standard normal at z (..., Z), in nats."""
    return -0.5 * (z * z + LOG_2PI).sum(dim=-1)
