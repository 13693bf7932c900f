"""Learning-rate schedules with one rate a seed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from repro.errors import ConfigError

LOW = 1e-5  # a rate at which a run of these lengths has stopped learning


class Schedule:
    """Learning rates (S,) float64 that may change as training goes on; here they stay constant.

    `low_at` (S,) is the first zero-based iteration made at a rate below `LOW`, or -1.
    """

    def __init__(self, rate: float, seeds: int, device: str = "cpu") -> None:
        self.initial = rate
        self.rates = torch.full((seeds,), rate, dtype=torch.float64, device=device)
        self.low_at = torch.full((seeds,), -1, device=device)

    def after_iteration(self, iteration: int) -> None:
        """Set the rates of the next iteration; `iteration` counts from zero."""
        self.advance(iteration)
        self.low_at.masked_fill_((self.rates < LOW) & (self.low_at < 0), iteration + 1)

    def advance(self, iteration: int) -> None:
        """Change the rates (S,) for the iteration after this one, where a schedule does so."""

    def after_window(self, loss: Tensor) -> None:
        """Take the mean training loss (S,) in nats of a window of iterations that just ended."""

    def state(self) -> dict[str, Tensor]:
        """Tensors (S, ...) that a checkpoint keeps."""
        return {"rates": self.rates, "low_at": self.low_at}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take the tensors of `state`, in place."""
        for name, value in self.state().items():
            value.copy_(state[name])


class Plateau(Schedule):
    """Cuts a seed's rate when the mean training loss of a window stops falling.

    It follows torch's ReduceLROnPlateau (relative threshold 1e-4, eps 1e-8) seed by seed.

    Source: released MathsXDC/iFlow main.py (factor .25, patience 10, stepped at every log).
    """

    threshold = 1e-4
    eps = 1e-8

    def __init__(
        self, rate: float, seeds: int, factor: float, patience: int, device: str = "cpu"
    ) -> None:
        super().__init__(rate, seeds, device)
        self.factor, self.patience = factor, patience
        self.best = torch.full_like(self.rates, math.inf)
        self.bad = torch.zeros(seeds, dtype=torch.int64, device=device)

    def after_window(self, loss: Tensor) -> None:
        """Count a bad window for every seed whose loss (S,) is no better; cut after `patience`."""
        better = loss < self.best * (1 - self.threshold)
        self.best = torch.where(better, loss, self.best)
        self.bad = torch.where(better, 0, self.bad + 1)
        cut = self.bad > self.patience
        lower = self.rates * self.factor
        worth_it = cut & (self.rates - lower > self.eps)
        self.rates.copy_(torch.where(worth_it, lower, self.rates))
        self.bad = torch.where(cut, 0, self.bad)

    def state(self) -> dict[str, Tensor]:
        """Rates, when they became low, best losses and counts of bad windows, each (S,)."""
        return super().state() | {"best": self.best, "bad": self.bad}


class Cosine(Schedule):
    """Lowers the rate of every seed to zero along half a cosine over `total` iterations.

    Source: Loshchilov & Hutter 2017 (SGDR), equation 5 without restarts.
    """

    def __init__(self, rate: float, seeds: int, total: int, device: str = "cpu") -> None:
        super().__init__(rate, seeds, device)
        self.total = total

    def advance(self, iteration: int) -> None:
        """Set the rates (S,) of the next iteration."""
        share = min(1.0, (iteration + 1) / self.total)
        self.rates.fill_(self.initial * 0.5 * (1 + math.cos(math.pi * share)))


class Milestones(Schedule):
    """Multiplies the rate of every seed by a factor once each of some numbers of updates is made.

    It follows torch's MultiStepLR, stepped at every update.
    """

    def __init__(
        self, rate: float, seeds: int, at: Sequence[int], factor: float, device: str = "cpu"
    ) -> None:
        super().__init__(rate, seeds, device)
        self.at, self.factor = tuple(at), factor

    def advance(self, iteration: int) -> None:
        """Set the rates (S,) of the next iteration."""
        passed = sum(iteration + 1 >= milestone for milestone in self.at)
        self.rates.fill_(self.initial * self.factor**passed)


def make_schedule(
    config: Mapping[str, Any], rate: float, seeds: int, total: int, device: str = "cpu"
) -> Schedule:
    """The schedule that `config` names (plateau | constant | cosine | milestones) for S seeds.

    Raises:
        ConfigError: for another name.
    """
    match config["name"]:
        case "plateau":
            return Plateau(rate, seeds, config["factor"], config["patience"], device)
        case "cosine":
            return Cosine(rate, seeds, total, device)
        case "milestones":
            return Milestones(rate, seeds, config["at"], config["factor"], device)
        case "constant":
            return Schedule(rate, seeds, device)
    raise ConfigError(
        f"unknown schedule '{config['name']}'; set training.schedule.name to plateau, "
        "constant, cosine or milestones"
    )
