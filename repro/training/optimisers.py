"""Optimisers for stacked seeds, each with its own learning rate and right to stand still."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from repro.errors import ConfigError
from repro.training.flat_optimisers import StackedAdamax, StackedRMSprop


class Optimiser(Protocol):
    """What updates parameters (S, ...) in place, seed by seed as torch.optim would."""

    def step(self, gradients: Sequence[Tensor], rates: Tensor, active: Tensor) -> None:
        """Update by gradients (S, ...) in the parameters' order; learning rates, activity (S,)."""
        ...

    def state(self) -> dict[str, Tensor]:
        """Tensors (S, ...) that a checkpoint keeps."""
        ...

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take the tensors of `state`, in place."""
        ...


def make_optimiser(config: Mapping[str, Any], parameters: Mapping[str, Tensor]) -> Optimiser:
    """The optimiser that a training config names, with its `momentum` or `weight_decay`.

    Raises:
        ConfigError: for another name.
    """
    match config["optimiser"]:
        case "adam":
            return StackedAdam(parameters)
        case "adamw":
            return StackedAdam(parameters, weight_decay=config["weight_decay"], decoupled=True)
        case "adamax":
            return StackedAdamax(parameters)
        case "rmsprop":
            return StackedRMSprop(parameters, momentum=config["momentum"])
    raise ConfigError(
        f"unknown optimiser '{config['optimiser']}'; set training.optimiser to adam, adamw, adamax"
        " or rmsprop"
    )


class StackedAdam:
    """Adam over parameters (S, ...) that gives every seed exactly what `torch.optim.Adam` would.

    torch.optim takes one learning rate for a tensor, so each seed's rows are handed to torch's
    own fused kernel as that seed's parameters. A seed that is not active is left untouched.
    `decoupled` makes it AdamW.

    Source: Kingma & Ba 2015, algorithm 1, as in torch.optim.Adam(fused=True); Loshchilov & Hutter
    2019, algorithm 2, as in torch.optim.AdamW(fused=True).
    """

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled: bool = False,
    ) -> None:
        self.betas, self.eps, self.weight_decay = betas, eps, weight_decay
        self._fused = torch._fused_adamw_ if decoupled else torch._fused_adam_
        values = [value.detach() for value in parameters.values()]
        self._size = values[0].shape[0]
        self._first = [torch.zeros_like(value) for value in values]
        self._second = [torch.zeros_like(value) for value in values]
        device = values[0].device
        self._steps = torch.zeros(self._size, device=device)
        self._skipped = torch.zeros(self._size, device=device)  # 1.0 where a seed stands still
        # The kernels read a rate from memory, each from its own kind of number.
        kind = torch.float64 if device.type == "cpu" else torch.float32
        self._rates = torch.zeros(self._size, device=device, dtype=kind)
        self._names = list(parameters)
        groups = (values, self._first, self._second)
        # Views made once: making them anew in each step would cost a small model half its step.
        self._rows = [[[t[s] for t in group] for group in groups] for s in range(self._size)]
        scalars = (self._steps, self._rates, self._skipped)
        self._scalars = [[each[s] for each in scalars] for s in range(self._size)]

    def step(self, gradients: Sequence[Tensor], rates: Tensor, active: Tensor) -> None:
        """Update in place by gradients (S, ...) in the parameters' order; rates, activity (S,).

        It waits for no device, so that a GPU may replay it.
        """
        # The fused kernel walks memory: a transposed gradient would update the wrong entries.
        by_seed = zip(*(gradient.contiguous().unbind() for gradient in gradients), strict=True)
        beta1, beta2 = self.betas
        self._rates.copy_(rates)
        self._skipped.copy_(~active)
        self._steps.add_(active)
        with torch.no_grad():
            for seed, rows in enumerate(by_seed):
                values, first, second = self._rows[seed]
                step, rate, skipped = self._scalars[seed]
                self._fused(
                    values,
                    list(rows),
                    first,
                    second,
                    [],
                    [step] * len(values),
                    amsgrad=False,
                    beta1=beta1,
                    beta2=beta2,
                    lr=rate,
                    weight_decay=self.weight_decay,
                    eps=self.eps,
                    maximize=False,
                    found_inf=skipped,
                )

    def state(self) -> dict[str, Tensor]:
        """Moments (S, ...) and step counts (S,), for a checkpoint."""
        state = {"steps": self._steps}
        for name, first, second in zip(self._names, self._first, self._second, strict=True):
            state[f"first.{name}"], state[f"second.{name}"] = first, second
        return state

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take the moments and step counts of `state`, in place."""
        for name, value in self.state().items():
            value.copy_(state[name])
