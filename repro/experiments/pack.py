"""A job in progress, whatever it trains: its training, checkpoints, interruption and outcomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import nn

from repro.errors import StoreError
from repro.jobs import Context, Interrupted, Outcome, SeedPair
from repro.randomness import generator
from repro.training.checkpoint import read_checkpoint
from repro.training.fit import Fit, FitHooks, StopTraining

Model = TypeVar("Model", bound=nn.Module)


class TrainedPack:
    """A pack of seeds that one `Fit` trains; a task makes a subclass of it and calls `run`.

    A subclass makes data, models and `Fit` in `make_fit` and an outcome in `outcome`. It measures
    in `after`, at the iterations of `watch`, and in `finish`. What it has measured by then goes
    into `extra_state`, and comes back through `take`, cut down to the rows of this pack's seeds.
    """

    def __init__(
        self, config: Mapping[str, Any], seeds: Sequence[SeedPair], context: Context
    ) -> None:
        self.config, self.seeds, self.context = config, tuple(seeds), context
        torch.backends.cuda.matmul.allow_tf32 = context.tf32
        self.watch: Sequence[int] = ()  # iterations, counted from 0, after which to measure
        self.fit = self.make_fit()
        if context.resume_from is not None:
            self._resume()

    def make_fit(self) -> Fit:
        """Make data and models for the seeds, and the training of all of them."""
        raise NotImplementedError

    def after(self, iteration: int) -> None:
        """Measure after the update of a watched iteration."""

    def finish(self) -> None:
        """Measure after the last update."""

    def outcome(self, index: int) -> Outcome:
        """What the seed at `index` found."""
        raise NotImplementedError

    def extra_state(self) -> dict[str, Any]:
        """Measurements that a checkpoint keeps: plain values and tensors."""
        return {}

    def take(self, saved: Mapping[str, Any], rows: Sequence[int]) -> None:
        """Take this pack's `rows` of what `extra_state` gave to a checkpoint.

        It comes before the training's own state, so that it may put another training in place.
        """

    def run(self) -> list[Outcome]:
        """Train and measure; one outcome a seed, in the order of `seeds`.

        Raises:
            Interrupted: when asked to stop, with the checkpoint on disk.
        """
        try:
            self.train()
            return self.outcomes()
        except StopTraining as stop:
            raise Interrupted from stop

    def train(self) -> None:
        """Make every remaining update, measuring on the way and at the end."""
        self.fit.run(self.hooks())
        self.finish()

    def hooks(self) -> FitHooks:
        """What the training is to tell, to ask and to keep."""
        context = self.context
        return FitHooks(
            watch=self.watch,
            after=self.after,
            extra_state=self._state,
            progress=context.progress,
            stop_requested=context.stop_requested,
            checkpoint=context.checkpoint,
            checkpoint_seconds=60 * context.checkpoint_minutes,
        )

    def outcomes(self) -> list[Outcome]:
        """One outcome a seed, and between two of them a moment to stop, if asked to."""
        found = []
        for index in range(len(self.seeds)):
            self.fit.pause(self.hooks())
            found.append(self.outcome(index))
        return found

    def diverged_at(self, index: int) -> int | None:
        """Where a seed diverged, if it did: `Fit.lost_at`."""
        iteration = int(self.fit.lost_at()[index])
        return None if iteration < 0 else iteration

    def _state(self) -> dict[str, Any]:
        return {"pack": [list(pair) for pair in self.seeds], **self.extra_state()}

    def _resume(self) -> None:
        path = self.context.resume_from
        assert path is not None
        try:
            saved = read_checkpoint(path)
            packed = [SeedPair(*pair) for pair in saved["pack"]]
            rows = [packed.index(pair) for pair in self.seeds]
            self.take(saved, rows)
            self.fit.load(saved["fit"], rows)
        except (KeyError, ValueError, TypeError, RuntimeError) as error:
            raise StoreError(
                f"the checkpoint {path} does not belong to this job ({error!r}); delete it and "
                "run again: the job then starts from its beginning"
            ) from error
        self.context.resumed_at = self.fit.iteration


def initialised(model_seed: int, make: Callable[[], Model]) -> Model:
    """A fresh model, all that it draws from torch's global generator fixed by the model seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator(model_seed, "init").initial_seed())
        return make()
