"""Bounds on a log-likelihood from importance weights."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def free_energy(log_weights: Tensor) -> Tensor:
    """F = E_q[log q(z | x) - log p(x, z)] (B,) in nats from log p(x, z) / q(z | x) (I, B)."""
    return -log_weights.mean(dim=0)


def negative_log_likelihood(log_weights: Tensor) -> Tensor:
    """-log p(x) (B,) in nats, estimated from I importance weights (I, B).

    It is too high on average, and less so the more samples there are.

    Source: Burda et al. 2016 (Importance weighted autoencoders, arXiv 1509.00519), equation 8.
    """
    return math.log(log_weights.shape[0]) - torch.logsumexp(log_weights, dim=0)


def effective_samples(log_weights: Tensor) -> Tensor:
    """How many of I weighted samples (I, B) count, (B,): (sum w)^2 / sum w^2, from 1 to I."""
    twice = 2 * torch.logsumexp(log_weights, dim=0)
    return torch.exp(twice - torch.logsumexp(2 * log_weights, dim=0))
