"""The training loop: stacked seeds in, trained seeds out, interruptible at any iteration."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from repro.training.batches import Feed
from repro.training.best import Best
from repro.training.checkpoint import write_checkpoint
from repro.training.gradients import Gradients
from repro.training.noise import NoiseSource
from repro.training.optimisers import Optimiser, StackedAdam, make_optimiser
from repro.training.replay import Replayed
from repro.training.schedules import Schedule, make_schedule
from repro.training.seed_stack import SeedStack


class StopTraining(Exception):
    """Raised by `Fit` after its checkpoint is on disk, when it was asked to stop."""


@dataclass
class FitHooks:
    """What the caller of `Fit.run` wants to hear and to have kept.

    `after` is called with (zero-based iteration) for each iteration in `watch`, once its update
    is made: the moment at which the released code saves the checkpoint of that name.
    """

    watch: Sequence[int] = ()
    after: Callable[[int], None] = lambda iteration: None
    extra_state: Callable[[], dict[str, Any]] = dict
    progress: Callable[[int, int], None] = lambda step, steps: None
    stop_requested: Callable[[], bool] = lambda: False
    checkpoint: Path | None = None
    checkpoint_seconds: float = 300.0


class Fit:
    """The state of one pack's training: everything that a checkpoint keeps.

    A batch is a tuple of tensors (S, B, ...), and the stacked model's `forward(*batch, noise)` is
    its loss, a scalar; with `annealing`, a function of the zero-based iteration, it is
    `forward(*batch, noise, value)`. `best`, if there is one, measures and keeps on the way. A
    model with `following` buffers has a method `averages(*batch)`, which gives their values after
    an update, by name.

    Every tensor that belongs to seeds has them in its first dimension, so that a checkpoint of a
    larger pack can be cut down to some of its seeds. `window_mean` (S,) is the mean training loss
    in nats of the last closed window of iterations (the released code's logged loss) and
    `diverged_at` (S,) the zero-based iteration of a seed's first loss that is not finite, or -1.

    All of it stays on the stack's device, where a GPU replays each update as one graph: the host
    waits for it between epochs only.
    """

    def __init__(
        self,
        stack: SeedStack,
        batches: Feed,
        noise: NoiseSource,
        schedule: Schedule,
        updates: int,
        window: int = 25,
        *,
        optimiser: Optimiser | None = None,
        gradients: Gradients | None = None,
        annealing: Callable[[int], float] | None = None,
        best: Best | None = None,
    ) -> None:
        self.stack, self.batches, self.noise, self.schedule = stack, batches, noise, schedule
        self.updates, self.window = updates, window
        self.optimiser = optimiser or StackedAdam(stack.parameters)
        self.gradients = gradients or Gradients(stack.parameters)
        self.annealing, self.best = annealing, best
        self.iteration = 0  # updates made so far
        device = stack.device
        self.window_sum = torch.zeros(stack.size, dtype=torch.float64, device=device)
        self.window_count = 0
        self.window_mean = torch.full_like(self.window_sum, torch.nan)
        self.diverged_at = torch.full((stack.size,), -1, device=device)
        self._noise_dim: int | None = None
        self._step = Replayed(self._update) if device.type == "cuda" else self._update

    def run(self, hooks: FitHooks) -> None:
        """Train to the last update, or until asked to stop.

        Raises:
            StopTraining: when asked to stop; the checkpoint, if there is to be one, is written.
        """
        began = saved = time.monotonic()
        while self.iteration < self.updates:
            if self.batches.starts_epoch and bool((self.diverged_at >= 0).all()):
                return
            self.pause(hooks)
            if time.monotonic() - saved > hooks.checkpoint_seconds:
                self._save(hooks)
                saved = time.monotonic()
            done = self.iteration
            self._iterate()
            if done in hooks.watch:
                hooks.after(done)
            hooks.progress(self.iteration, self.updates)
        if time.monotonic() - began > hooks.checkpoint_seconds:  # measuring may take as long
            self._save(hooks)

    def lost_at(self) -> Tensor:
        """Where each seed diverged, (S,): the zero-based iteration of its first loss not finite.

        Else this iteration, where a parameter is not finite; -1 for a healthy seed.
        """
        lost = (self.diverged_at < 0) & ~self.stack.finite()
        return torch.where(lost, self.iteration, self.diverged_at)

    def pause(self, hooks: FitHooks) -> None:
        """Stop here if asked to; long measurements after the last update call it now and then.

        Raises:
            StopTraining: when asked to stop; the checkpoint, if there is to be one, is written.
        """
        if hooks.stop_requested():
            self._save(hooks)
            raise StopTraining

    def _iterate(self) -> None:
        batch = self.batches.next()
        noise, self._noise_dim = self.noise.next(self.batches.rows)
        losses = self._step(*batch, noise, *self._annealed())
        fresh = (self.diverged_at < 0) & ~losses.isfinite()
        self.diverged_at.masked_fill_(fresh, self.iteration)
        self._log(losses)
        self.schedule.after_iteration(self.iteration)
        if self.best is not None:
            self.best.after_iteration(self.iteration)
        self.iteration += 1

    def _annealed(self) -> tuple[Tensor, ...]:
        """This iteration's value for the model, as a tensor, where it is annealed."""
        if self.annealing is None:
            return ()
        dtype = next(iter(self.stack.parameters.values())).dtype
        value = torch.tensor(self.annealing(self.iteration), dtype=dtype)
        return (value.to(self.stack.device, non_blocking=True),)

    def _update(self, *inputs: Tensor | None) -> Tensor:
        """Make one update of every seed whose losses have all been finite; the losses (S,)."""
        after = (None,) if self.annealing is not None else ()
        before = (0,) * (len(inputs) - 1 - len(after))
        in_dims = (*before, self._noise_dim, *after)
        losses = self.stack.call("forward", *inputs, in_dims=in_dims)
        fresh = torch.autograd.grad(losses.sum(), list(self.stack.parameters.values()))
        losses = losses.detach().double()
        active = (self.diverged_at < 0) & losses.isfinite()
        self.optimiser.step(self.gradients.prepared(fresh), self.schedule.rates, active)
        if self.stack.following:
            batch = inputs[: len(before)]
            self.stack.follow(self.stack.call("averages", *batch, in_dims=before), active)
        return losses

    def _log(self, losses: Tensor) -> None:
        """Close a window at iterations 0, window, 2 window, ...; step the schedule on its mean."""
        self.window_sum += losses
        self.window_count += 1
        if self.iteration % self.window == 0:
            self.window_mean = self.window_sum / self.window_count
            self.schedule.after_window(self.window_mean)
            self.window_sum, self.window_count = torch.zeros_like(self.window_sum), 0

    def state(self) -> dict[str, Any]:
        """Everything needed to go on: tensors (S, ...) under `seeds`, the rest beside them."""
        seeds = {
            **_prefixed("parameters", self.stack.state()),
            **_prefixed("optimiser", self.optimiser.state()),
            **_prefixed("gradients", self.gradients.state()),
            **_prefixed("best", self.best.state() if self.best is not None else {}),
            **_prefixed("schedule", self.schedule.state()),
            "window_sum": self.window_sum,
            "window_mean": self.window_mean,
            "diverged_at": self.diverged_at,
        }
        return {
            "seeds": seeds,
            "iteration": self.iteration,
            "window_count": self.window_count,
            "batches": self.batches.state(),
            "noise": self.noise.state(),
        }

    def load(self, state: Mapping[str, Any], rows: Sequence[int]) -> None:
        """Go on from `state`, of which `rows` are this pack's seeds, in order."""
        chosen = torch.as_tensor(list(rows))
        device = self.stack.device
        seeds = {name: value[chosen].to(device) for name, value in state["seeds"].items()}
        self.stack.load(_unprefixed("parameters", seeds))
        self.optimiser.load(_unprefixed("optimiser", seeds))
        self.gradients.load(_unprefixed("gradients", seeds))
        if self.best is not None:
            self.best.load(_unprefixed("best", seeds))
        self.schedule.load(_unprefixed("schedule", seeds))
        self.window_sum, self.window_mean = seeds["window_sum"], seeds["window_mean"]
        self.diverged_at.copy_(seeds["diverged_at"])
        self.iteration, self.window_count = state["iteration"], state["window_count"]
        self.batches.load(state["batches"])
        self.noise.load(state["noise"])

    def _save(self, hooks: FitHooks) -> None:
        if hooks.checkpoint is None:
            return
        try:
            write_checkpoint(hooks.checkpoint, {"fit": self.state(), **hooks.extra_state()})
        except OSError as error:  # a full disk, say: no reason to throw the training away
            warnings.warn(f"no checkpoint could be written: {error}", stacklevel=2)


def fit_steps(
    training: Mapping[str, Any],
    stack: SeedStack,
    batches: Feed,
    noise: NoiseSource,
    *,
    annealing: Callable[[int], float] | None = None,
    best: Best | None = None,
    clip_only: str = "",
) -> Fit:
    """The training that a config of the kind `steps`, with its schedule, describes.

    The gradient's norm is bounded for the parameters alone whose name begins with `clip_only`.

    Raises:
        ConfigError: an unknown optimiser or schedule.
    """
    device = str(stack.device)
    rate, updates = training["learning_rate"], training["updates"]
    return Fit(
        stack,
        batches,
        noise,
        make_schedule(training["schedule"], rate, stack.size, updates, device),
        updates,
        training["log_every"],
        optimiser=make_optimiser(training, stack.parameters),
        gradients=Gradients(
            stack.parameters, training["clip_norm"], training["zero_grad"], clip_only
        ),
        annealing=annealing,
        best=best,
    )


def _prefixed(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}/{name}": value for name, value in state.items()}


def _unprefixed(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    start = f"{prefix}/"
    return {k.removeprefix(start): v for k, v in state.items() if k.startswith(start)}
