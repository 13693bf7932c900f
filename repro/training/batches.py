"""Mini-batches for stacked seeds, each seed in its own order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from repro.randomness import generator


class Batches:
    """Endless mini-batches (S, B, D) of data (S, N, D) with their segments (S, B).

    `order` "fixed" repeats one permutation in every epoch (the released DataLoaderGPU),
    "reshuffle" draws a new one each epoch (the released DataLoader). The last batch of an epoch
    is smaller when B does not divide N. Seeds with the same model seed share their order.
    """

    def __init__(
        self,
        x: Tensor,
        segment: Tensor,
        model_seeds: Sequence[int],
        batch_size: int,
        order: str,
    ) -> None:
        self._x, self._segment = x, segment
        self._batch_size, self._reshuffle = batch_size, order == "reshuffle"
        self._sources = {seed: generator(seed, "order") for seed in dict.fromkeys(model_seeds)}
        self._orders: dict[int, Tensor] = {}
        self._model_seeds = list(model_seeds)
        self._row = torch.arange(len(model_seeds), device=x.device)[:, None]
        self._start = 0
        self._shuffle()

    @property
    def per_epoch(self) -> int:
        """Number of batches in an epoch."""
        return batches_per_epoch(self._x.shape[1], self._batch_size)

    @property
    def starts_epoch(self) -> bool:
        """Whether the next batch is the first of an epoch."""
        return self._start == 0 or self._start >= self._x.shape[1]

    def next(self) -> tuple[Tensor, Tensor]:
        """The next batch: observations (S, B, D) and segments (S, B)."""
        if self._start >= self._x.shape[1]:
            self._start = 0
            if self._reshuffle:
                self._shuffle()
        index = self._index[:, self._start : self._start + self._batch_size]
        self._start += self._batch_size
        return self._x[self._row, index], self._segment[index]

    def _shuffle(self) -> None:
        rows = self._x.shape[1]
        self._orders = {
            seed: torch.randperm(rows, generator=source) for seed, source in self._sources.items()
        }
        self._gather_orders()

    def _gather_orders(self) -> None:
        orders = [self._orders[seed] for seed in self._model_seeds]
        self._index = torch.stack(orders).to(self._x.device)  # (S, N)

    def state(self) -> dict[str, Any]:
        """Position, orders and generator states by model seed."""
        return {
            "start": self._start,
            "orders": {str(seed): order for seed, order in self._orders.items()},
            "sources": {str(seed): s.get_state() for seed, s in self._sources.items()},
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`."""
        self._start = state["start"]
        self._orders = {seed: state["orders"][str(seed)] for seed in self._sources}
        for seed, source in self._sources.items():
            source.set_state(state["sources"][str(seed)])
        self._gather_orders()


def batches_per_epoch(rows: int, batch_size: int) -> int:
    """Number of mini-batches in an epoch, the smaller last one included."""
    return -(-rows // batch_size)
