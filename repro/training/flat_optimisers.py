"""Optimisers whose update is one sum over all of a seed's parameters, laid out in one row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor


class _Flat:
    """Parameters (S, ...) as rows (S, P), with moments (S, P) beside them.

    torch.optim takes one learning rate for a tensor, so the update is written out here for all
    seeds at once. A seed that is not active is left untouched. It waits for no device.
    """

    def __init__(self, parameters: Mapping[str, Tensor], moments: Sequence[str]) -> None:
        self._values = [value.detach() for value in parameters.values()]
        self._size = self._values[0].shape[0]
        self._sizes = [value[0].numel() for value in self._values]
        rows = self._values[0].new_zeros(self._size, sum(self._sizes))
        self._moments = {name: torch.zeros_like(rows) for name in moments}

    def step(self, gradients: Sequence[Tensor], rates: Tensor, active: Tensor) -> None:
        """Update in place by gradients (S, ...) in the parameters' order; rates, activity (S,)."""
        flat = torch.cat([g.reshape(self._size, -1) for g in gradients], dim=1)
        moves = active[:, None]
        with torch.no_grad():
            step = self._step(flat, rates.to(flat.dtype)[:, None], moves)
            step = torch.where(moves, step, 0.0)
            for value, part in zip(self._values, step.split(self._sizes, dim=1), strict=True):
                value.sub_(part.view_as(value))

    def _step(self, gradient: Tensor, rates: Tensor, moves: Tensor) -> Tensor:
        """What to take off the parameters (S, P), given rates and activity (S, 1)."""
        raise NotImplementedError

    def _become(self, name: str, value: Tensor, moves: Tensor) -> Tensor:
        """The moment (S, P) of a name, which takes `value` in the seeds that move."""
        moment = self._moments[name]
        return moment.copy_(torch.where(moves, value, moment))

    def state(self) -> dict[str, Tensor]:
        """Moments (S, P), for a checkpoint."""
        return dict(self._moments)

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take the tensors of `state`, in place."""
        for name, value in self.state().items():
            value.copy_(state[name])


class StackedRMSprop(_Flat):
    """RMSprop with or without momentum that gives every seed what `torch.optim.RMSprop` would.

    Source: Tieleman & Hinton 2012, lecture 6.5, as in torch.optim.RMSprop.
    """

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        momentum: float = 0.0,
        alpha: float = 0.99,
        eps: float = 1e-8,
    ) -> None:
        super().__init__(parameters, ("square", "buffer"))
        self.momentum, self.alpha, self.eps = momentum, alpha, eps

    def _step(self, gradient: Tensor, rates: Tensor, moves: Tensor) -> Tensor:
        square = self.alpha * self._moments["square"] + (1 - self.alpha) * gradient * gradient
        square = self._become("square", square, moves)
        scaled = gradient / (square.sqrt() + self.eps)
        buffer = self.momentum * self._moments["buffer"] + scaled
        return rates * self._become("buffer", buffer, moves)


class StackedAdamax(_Flat):
    """Adamax that gives every seed what `torch.optim.Adamax` would.

    Source: Kingma & Ba 2015, algorithm 2, as in torch.optim.Adamax.
    """

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(parameters, ("first", "largest"))
        self.betas, self.eps = betas, eps
        self._steps = torch.zeros(self._size, device=self._values[0].device)

    def _step(self, gradient: Tensor, rates: Tensor, moves: Tensor) -> Tensor:
        beta1, beta2 = self.betas
        self._steps.add_(moves[:, 0])
        first = self._moments["first"]
        first = self._become("first", first + (1 - beta1) * (gradient - first), moves)
        largest = torch.maximum(beta2 * self._moments["largest"], gradient.abs() + self.eps)
        largest = self._become("largest", largest, moves)
        correction = 1 - beta1 ** self._steps.to(first.dtype).clamp_min(1)
        return rates / correction[:, None] * first / torch.where(moves, largest, 1.0)

    def state(self) -> dict[str, Tensor]:
        """Moments (S, P) and step counts (S,), for a checkpoint."""
        return super().state() | {"steps": self._steps}
