"""The task `density_fit`: trains a flow as a density and scores it on held-out points."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from repro.data.densities import generate_density
from repro.experiments.pack import TrainedPack, initialised
from repro.jobs import Context, Outcome, SeedPair
from repro.models.base import count_parameters
from repro.models.density import DensityFlow
from repro.training.batches import Batches
from repro.training.best import Best
from repro.training.fit import Fit, fit_steps
from repro.training.noise import NoiseSource
from repro.training.seed_stack import SeedStack

MEASUREMENTS = 20  # of the validation loss in a run


def run(config: dict[str, Any], seeds: tuple[SeedPair, ...], context: Context) -> list[Outcome]:
    """Train and score one pack of seeds; one outcome a seed, in the order of `seeds`.

    Raises:
        Interrupted: when asked to stop, with the checkpoint on disk.
        StoreError: if the checkpoint to go on from is damaged or another job's.
    """
    return Pack(config, seeds, context).run()


class Pack(TrainedPack):
    """One job in progress: its data sets, its stacked models and their training.

    A model sees every feature less its mean in the training points and over its deviation there;
    likelihoods are of the features as they are. The state that is scored is that of the lowest
    validation loss.
    """

    def make_fit(self) -> Fit:
        """Draw the data sets, make the models and their training."""
        data, training = self.config["data"], self.config["training"]
        unique = dict.fromkeys(pair.data_seed for pair in self.seeds)
        drawn = {seed: generate_density(data, seed) for seed in unique}
        self.data = [drawn[pair.data_seed] for pair in self.seeds]
        train, self.val, self.test = (self._standardised(p) for p in ("train", "val", "test"))
        model_seeds, device = [pair.model_seed for pair in self.seeds], self.context.device
        models = {
            seed: initialised(seed, lambda: DensityFlow(self.config["model"], data["dim"]))
            for seed in dict.fromkeys(model_seeds)
        }
        self.model = models[model_seeds[0]]
        stack = SeedStack([models[seed] for seed in model_seeds], device)
        batches = Batches([train], model_seeds, training["batch_size"], training["order"])
        noise = NoiseSource(model_seeds, self.model.noise_stream, self.model.draw_noise, device)
        every = max(training["updates"] // MEASUREMENTS, 1)
        self.best = Best(stack, every, lambda stack: _losses(stack, self.val))
        return fit_steps(training, stack, batches, noise, best=self.best)

    def finish(self) -> None:
        """Score the best states on the test points."""
        self.best.restore()
        with torch.no_grad():
            self.losses = _losses(self.fit.stack, self.test)

    def outcome(self, index: int) -> Outcome:
        """`done` with the seed's metrics, or `diverged` with the iteration."""
        pair, data, loss = self.seeds[index], self.data[index], float(self.losses[index])
        lost = not np.isfinite(loss) or int(self.best.iteration[index]) < 0
        if (iteration := self.diverged_at(index)) is not None or lost:
            at = self.fit.iteration if iteration is None else iteration
            return Outcome(pair, "diverged", {"diverged_at": at})
        nll = loss + float(np.log(_deviations(data.train)).sum())
        metrics = {
            "nll_nats": nll,
            "entropy_nats": data.entropy_sample,
            "gap_nats": nll - data.entropy_sample,
            "parameters": count_parameters(self.model),
            "best_iteration": int(self.best.iteration[index]),
            "updates": self.fit.iteration,
        }
        return Outcome(pair, "done", metrics)

    def _standardised(self, part: str) -> Tensor:
        scaled = [
            (getattr(one, part) - one.train.mean(axis=0)) / _deviations(one.train)
            for one in self.data
        ]
        return torch.from_numpy(np.stack(scaled).astype(np.float32)).to(self.context.device)


def _losses(stack: SeedStack, x: Tensor) -> Tensor:
    """Mean negative log-likelihood (S,) of points (S, N, D)."""
    found: Tensor = stack.call("forward", x, None, in_dims=(0, None))
    return found


def _deviations(x: np.ndarray) -> np.ndarray:
    return np.asarray(x, np.float64).std(axis=0)
