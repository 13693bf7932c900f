"""The best state of each seed on validation data, kept while training goes on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from repro.training.seed_stack import SeedStack


class Best:
    """Each seed's parameters at its lowest validation loss, measured every so many updates.

    `loss` (S,) is that loss, `iteration` (S,) the zero-based iteration after whose update it was
    measured (-1: never), and `history` the losses (S,) of every measurement by iteration.

    Args:
        stack: what is trained.
        every: updates between two measurements.
        measure: the validation loss (S,) of the stack as it is.
    """

    def __init__(
        self, stack: SeedStack, every: int, measure: Callable[[SeedStack], Tensor]
    ) -> None:
        self.every, self._measure, self._stack = every, measure, stack
        self.loss = torch.full((stack.size,), math.inf, dtype=torch.float64, device=stack.device)
        self.iteration = torch.full((stack.size,), -1, device=stack.device)
        self.history: dict[int, Tensor] = {}
        self._kept = {name: value.clone() for name, value in stack.state().items()}

    def after_iteration(self, iteration: int) -> None:
        """Measure if it is time, and keep the seeds that have never been better."""
        if (iteration + 1) % self.every:
            return
        with torch.no_grad():
            loss = self._measure(self._stack).double()
        self.history[iteration] = loss
        better = loss < self.loss  # never for NaN
        self.loss = torch.where(better, loss, self.loss)
        self.iteration = torch.where(better, iteration, self.iteration)
        for name, value in self._stack.state().items():
            shape = (-1, *[1] * (value.dim() - 1))
            self._kept[name] = torch.where(better.view(shape), value, self._kept[name])

    def restore(self) -> None:
        """Give every seed of the stack its best parameters back."""
        self._stack.load(self._kept)

    def state(self) -> dict[str, Tensor]:
        """Tensors (S, ...), for a checkpoint."""
        kept = {f"kept.{name}": value for name, value in self._kept.items()}
        past = {f"history.{step}": loss for step, loss in self.history.items()}
        return {"loss": self.loss, "iteration": self.iteration, **kept, **past}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go on from `state`."""
        self.loss, self.iteration = state["loss"], state["iteration"]
        self._kept = {name: state[f"kept.{name}"] for name in self._kept}
        steps = (key.removeprefix("history.") for key in state if key.startswith("history."))
        self.history = {int(step): state[f"history.{step}"] for step in steps}
