"""The task `density`: fits a flow with or without a latent variable, tests its likelihood."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from repro.experiments.density_data import DensityData, load_density_data
from repro.experiments.density_likelihoods import VALIDATION_SAMPLES, Likelihoods
from repro.experiments.density_shape import shape_arrays, shape_metrics
from repro.experiments.pack import TrainedPack, initialised
from repro.jobs import Context, Outcome, SeedPair
from repro.models.base import count_parameters
from repro.models.variational_flow import VariationalFlow
from repro.training.batches import Batches, Shared
from repro.training.best import Best
from repro.training.fit import Fit, fit_steps
from repro.training.noise import NoiseSource
from repro.training.seed_stack import SeedStack

CLIPPED = "flow."  # as released, the posterior network's gradient is not bounded
TABLE_DIM = 3  # from so many features on, a test row's log-likelihood is kept, not a picture


def run(config: dict[str, Any], seeds: tuple[SeedPair, ...], context: Context) -> list[Outcome]:
    """Train and test one pack of seeds; one outcome a seed, in the order of `seeds`.

    Raises:
        DataError: if a data file is missing or damaged.
        Interrupted: when asked to stop, with the checkpoint on disk.
        StoreError: if the checkpoint to go on from is damaged or another job's.
    """
    return DensityPack(config, seeds, context).run()


class DensityPack(TrainedPack):
    """One job in progress: data, stacked flows, the best state of each on the validation set."""

    data: list[DensityData]
    model: VariationalFlow
    tested: dict[str, Tensor]  # log-likelihoods (S, N) by what they were measured on

    def make_fit(self) -> Fit:
        """Load the data sets, initialise a flow a model seed, and stack them."""
        config, training, device = self.config, self.config["training"], self.context.device
        unique = {
            pair.data_seed: load_density_data(config["data"], pair.data_seed, self.context.data)
            for pair in self.seeds
        }
        self.data = [unique[pair.data_seed] for pair in self.seeds]
        dim, model_seeds = self.data[0].dim, [pair.model_seed for pair in self.seeds]
        models = {
            seed: initialised(seed, lambda: VariationalFlow(config["model"], dim))
            for seed in dict.fromkeys(model_seeds)
        }
        self.model = models[model_seeds[0]]
        self.likelihoods = Likelihoods(self.model, model_seeds)
        stack = SeedStack([models[seed] for seed in model_seeds], device)
        rows = self._rows("train")
        shared = rows if rows.dim() == 3 else Shared(rows)
        batches = Batches([shared], model_seeds, training["batch_size"], training["order"])
        noise = NoiseSource(model_seeds, self.model.noise_stream, self.model.draw_noise, device)
        best = Best(stack, config["evaluation"]["every"], self._validation_loss(self._rows("val")))
        return fit_steps(training, stack, batches, noise, best=best, clip_only=CLIPPED)

    def _rows(self, split: str) -> Tensor:
        """A split's rows (S, N, D) on the device; (N, D) where all seeds share a data set."""
        alike = all(one is self.data[0] for one in self.data)
        chosen = self.data[:1] if alike else self.data
        tensors = [torch.from_numpy(getattr(one, split)) for one in chosen]
        return (tensors[0] if alike else torch.stack(tensors)).to(self.context.device)

    def _validation_loss(self, val: Tensor) -> Any:  # noqa: ANN401 - a function of the stack
        evaluation = self.config["evaluation"]
        val = _first(val, evaluation["rows"])

        def measure(stack: SeedStack) -> Tensor:
            found = self.likelihoods.of(
                stack, val, dropout=evaluation["dropout"], samples=VALIDATION_SAMPLES
            )
            return -found.double().mean(dim=1)

        return measure

    def finish(self) -> None:
        """Bring the best states back and test them: as the config says, and on all test rows."""
        assert self.fit.best is not None
        self.fit.best.restore()
        evaluation, test = self.config["evaluation"], self._rows("test")
        full = self.likelihoods.of(self.fit.stack, test).double().cpu()
        asked = full[:, : evaluation["rows"]]
        if evaluation["dropout"]:
            some = _first(test, evaluation["rows"])
            asked = self.likelihoods.of(self.fit.stack, some, dropout=True).double().cpu()
        self.tested = {"asked": asked, "full": full}

    def outcome(self, index: int) -> Outcome:
        """`done` with the seed's metrics, or `diverged` with the iteration."""
        pair, diverged_at = self.seeds[index], self.diverged_at(index)
        data = self.data[index]
        common = {"parameters": count_parameters(self.model), "data_digest": data.digest}
        if diverged_at is not None or not self._scored(index):
            at = self.fit.iteration if diverged_at is None else diverged_at
            return Outcome(pair, "diverged", {"diverged_at": at, "updates": at, **common})
        member = self.fit.stack.member(index)
        assert isinstance(member, VariationalFlow)
        metrics = {
            **self._likelihood_metrics(index),
            **shape_metrics(member, data, self.config["evaluation"], pair.model_seed),
            "updates": self.fit.iteration,
            **common,
        }
        arrays = self._arrays(index, member) if self.context.keep_arrays else None
        return Outcome(pair, "done", metrics, arrays)

    def _scored(self, index: int) -> bool:
        """Whether a state was ever best, by a finite validation loss, and all its rows finite."""
        assert self.fit.best is not None
        tested = bool(self.tested["full"][index].isfinite().all())
        return tested and int(self.fit.best.iteration[index]) >= 0

    def _likelihood_metrics(self, index: int) -> dict[str, Any]:
        best = self.fit.best
        assert best is not None
        asked, full = self.tested["asked"][index], self.tested["full"][index]
        rows = len(asked)
        history = {str(step + 1): float(loss[index]) for step, loss in best.history.items()}
        found: dict[str, Any] = {
            "nll_nats": -float(asked.mean()),
            "se_nats": float(asked.std() / rows**0.5) if rows > 1 else None,
            "test_rows": rows,
            "nll_full_nats": -float(full.mean()),
            "test_rows_full": len(full),
            "sd_full_nats": float(full.std()),
            "val_nll_nats": float(best.loss[index]),
            "best_update": int(best.iteration[index]) + 1,
            "val_history_nats": history,
            "train_loss_nats": float(self.fit.window_mean[index]),
        }
        truth = self.data[index].truth
        if truth is not None:
            exact = -float(truth.log_density(self.data[index].test).mean())
            found |= {"true_nll_nats": exact, "excess_nats": found["nll_full_nats"] - exact}
        return found

    def _arrays(self, index: int, member: VariationalFlow) -> dict[str, np.ndarray]:
        if self.data[index].dim >= TABLE_DIM:
            return {"log_likelihood": kept(self.tested["full"][index])}
        evaluation, seed = self.config["evaluation"], self.seeds[index].model_seed
        return shape_arrays(member, self.data[index], evaluation, seed)


def kept(log_likelihood: Tensor) -> np.ndarray:
    """Log-likelihoods (N,) in nats as float16, those beyond its range (65,504) at its ends."""
    within = np.finfo(np.float16)
    return np.clip(log_likelihood.numpy(), within.min, within.max).astype(np.float16)


def _first(rows: Tensor, count: int | None) -> Tensor:
    """The first rows (..., n, D) of (..., N, D); all where `count` is None."""
    return rows if count is None else rows[..., :count, :]
