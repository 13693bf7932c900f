"""Which latents of a model with a posterior tell anything: their divergence from the prior."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from repro.data.sources import Sources
from repro.experiments.evaluation import ROWS, in_parts, inputs
from repro.metrics.identifiability import matched_correlations
from repro.training.seed_stack import SeedStack

ACTIVE = 0.01  # nats


def active_units(stack: SeedStack, sources: Sequence[Sources]) -> list[dict[str, Any]]:
    """What each seed's latents tell of its own data beyond the segment, dropout off.

    kl_by_source are the mean divergences, nats a point, of the posterior of each latent from its
    prior, in the order of the sources that the posterior means are matched with; active_units
    counts those of at least .01. A seed whose numbers are not all finite has neither.

    Source: Burda et al. 2016 count active units by the variance of their posterior means; the
    divergence and its threshold are our protocol's, declared before the rows.
    """
    x, segment = inputs(sources, stack)

    def part(rows: slice) -> tuple[torch.Tensor, torch.Tensor]:
        return stack.call("divergences", x[:, rows], segment[rows], in_dims=(0, None))

    with torch.no_grad():
        parts = zip(*in_parts(part, len(segment), ROWS), strict=True)
        means, divergences = (torch.cat(values, dim=1).cpu().numpy() for values in parts)
    seeds = zip(sources, means, divergences, strict=True)
    return [_of_seed(each, mean, divergence) for each, mean, divergence in seeds]


def _of_seed(truth: Sources, mean: np.ndarray, divergence: np.ndarray) -> dict[str, Any]:
    kl = divergence.mean(axis=0, dtype=np.float64)
    if not (np.isfinite(mean).all() and np.isfinite(kl).all()):
        return {}
    matched = kl[matched_correlations(truth.s, mean).assignment]
    return {"kl_by_source": matched.tolist(), "active_units": int((matched >= ACTIVE).sum())}
