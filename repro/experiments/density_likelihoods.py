"""Log-likelihoods of stacked densities on data, part by part, with each seed's own randomness."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from repro.models.variational_flow import VariationalFlow
from repro.randomness import generator
from repro.training.seed_stack import SeedStack

PASS_ROWS = 4096  # rows of a flow in a pass, all states or importance samples counted
VALIDATION_SAMPLES = 10  # importance samples while training; the final test takes the config's


class Likelihoods:
    """Measures log p(x) of a stack's models, S seeds at once.

    Rows x are (S, N, D), or (N, D) where all seeds share them. Every measurement starts the
    model seeds' evaluation streams anew, so that it does not depend on what was measured before.
    """

    def __init__(self, model: VariationalFlow, model_seeds: Sequence[int]) -> None:
        self._model, self._seeds = model, list(model_seeds)

    def of(
        self, stack: SeedStack, x: Tensor, *, dropout: bool = False, samples: int | None = None
    ) -> Tensor:
        """Log-likelihoods (S, N) in nats; `samples` limits the importance samples."""
        sources = {seed: generator(seed, "evaluation") for seed in dict.fromkeys(self._seeds)}
        parts = []
        with torch.no_grad():
            for rows in x.split(self._rows(samples), dim=-2):
                noise = _sent(self._drawn(sources, rows.shape[-2], samples), x.device)
                masks = self._masks(sources, rows.shape[-2]) if dropout else None
                masks = _sent(masks, x.device)
                in_dims = (0 if rows.dim() == 3 else None, _dim(noise), _dim(masks))
                found = stack.call("log_likelihood", rows, noise, masks, in_dims=in_dims)
                parts.append(found)
        return torch.cat(parts, dim=1)

    def _rows(self, samples: int | None) -> int:
        latent = self._model.latent
        blocks = getattr(latent, "samples", max(1, latent.width))
        return max(1, PASS_ROWS // (blocks if samples is None else min(blocks, samples)))

    def _drawn(
        self, sources: dict[int, torch.Generator], batch: int, samples: int | None
    ) -> Tensor | None:
        """Importance noise (S, I, B) of a likelihood that is estimated."""
        drawn = [self._model.latent.evaluation_noise(batch, one) for one in sources.values()]
        noise = self._by_seed(drawn, sources)
        return noise if noise is None or samples is None else noise[:, :samples]

    def _masks(self, sources: dict[int, torch.Generator], batch: int) -> Tensor | None:
        drawn = [self._model.draw_masks(batch, one) for one in sources.values()]
        return self._by_seed(drawn, sources)

    def _by_seed(
        self, drawn: Sequence[Tensor | None], sources: dict[int, torch.Generator]
    ) -> Tensor | None:
        there = [one for one in drawn if one is not None]
        if not there:
            return None
        order = list(sources)
        return torch.stack(there)[[order.index(seed) for seed in self._seeds]]


def _sent(value: Tensor | None, device: torch.device) -> Tensor | None:
    return None if value is None else value.to(device)


def _dim(value: Tensor | None) -> int | None:
    return None if value is None else 0
