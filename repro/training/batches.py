"""Mini-batches for stacked seeds, each seed in its own order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from repro.randomness import generator


class Feed(Protocol):
    """Endless mini-batches for S seeds: what training is fed with."""

    @property
    def rows(self) -> int:
        """Rows B of the batch that `next` handed out last, which noise is drawn for."""
        ...

    @property
    def starts_epoch(self) -> bool:
        """Whether the next batch is the first of an epoch, a moment at which to look up."""
        ...

    def next(self) -> tuple[Tensor, ...]:
        """The next batch: tensors (S, B, ...), the first arguments of the model's forward."""
        ...

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps, by model seed, never by place in the pack."""
        ...

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`."""
        ...


@dataclass(frozen=True)
class Shared:
    """Data (N, ...) that all seeds have in common, held once."""

    values: Tensor


class NoData:
    """The feed of a model that is fitted to no data: batches of nothing, for B draws of noise."""

    PER_EPOCH = 100  # updates between two moments at which to look up

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self._made = 0

    @property
    def starts_epoch(self) -> bool:
        """Whether a moment to look up has come."""
        return self._made % self.PER_EPOCH == 0

    def next(self) -> tuple[Tensor, ...]:
        """Nothing."""
        self._made += 1
        return ()

    def state(self) -> dict[str, Any]:
        """The number of batches made."""
        return {"made": self._made}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`."""
        self._made = state["made"]


class Batches:
    """Endless mini-batches (S, B, ...) of data tensors (S, N, ...), or (N, ...) where `Shared`.

    `order` "fixed" repeats one permutation in every epoch (the released DataLoaderGPU),
    "reshuffle" draws a new one each epoch (the released DataLoader). The last batch of an epoch
    is smaller when B does not divide N. Seeds with the same model seed share their order.
    """

    def __init__(
        self,
        data: Sequence[Tensor | Shared],
        model_seeds: Sequence[int],
        batch_size: int,
        order: str,
    ) -> None:
        self._data = list(data)
        first = self._data[0]
        self._count = first.values.shape[0] if isinstance(first, Shared) else first.shape[1]
        self._device = first.values.device if isinstance(first, Shared) else first.device
        self._batch_size, self._reshuffle = batch_size, order == "reshuffle"
        self._sources = {seed: generator(seed, "order") for seed in dict.fromkeys(model_seeds)}
        self._orders: dict[int, Tensor] = {}
        self._model_seeds = list(model_seeds)
        self._row = torch.arange(len(model_seeds), device=self._device)[:, None]
        self._start = 0
        self.rows = min(batch_size, self._count)
        self._shuffle()

    @property
    def starts_epoch(self) -> bool:
        """Whether the next batch is the first of an epoch."""
        return self._start == 0 or self._start >= self._count

    def next(self) -> tuple[Tensor, ...]:
        """The next batch (S, B, ...) of each data tensor."""
        if self._start >= self._count:
            self._start = 0
            if self._reshuffle:
                self._shuffle()
        index = self._index[:, self._start : self._start + self._batch_size]
        self._start += self._batch_size
        self.rows = index.shape[1]
        return tuple(
            one.values[index] if isinstance(one, Shared) else one[self._row, index]
            for one in self._data
        )

    def _shuffle(self) -> None:
        self._orders = {
            seed: torch.randperm(self._count, generator=source)
            for seed, source in self._sources.items()
        }
        self._gather_orders()

    def _gather_orders(self) -> None:
        orders = [self._orders[seed] for seed in self._model_seeds]
        self._index = torch.stack(orders).to(self._device)  # (S, N)

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
