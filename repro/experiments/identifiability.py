"""The task `identifiability`: trains a model on the non-stationary sources, scores its latents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from repro.data.held_out import held_out_count, split
from repro.data.sources import Sources, generate
from repro.errors import ConfigError
from repro.experiments.evaluation import evaluate
from repro.experiments.headline import DataSet, measure
from repro.experiments.pack import TrainedPack, initialised
from repro.jobs import Context, Outcome, SeedPair
from repro.models.base import IdentifiableModel, count_parameters
from repro.models.registry import make_model
from repro.randomness import generator
from repro.training.batches import Batches, Shared, batches_per_epoch
from repro.training.fit import Fit
from repro.training.noise import NoiseSource
from repro.training.schedules import make_schedule
from repro.training.seed_stack import SeedStack


def run(config: dict[str, Any], seeds: tuple[SeedPair, ...], context: Context) -> list[Outcome]:
    """Train and evaluate one pack of seeds; one outcome a seed, in the order of `seeds`.

    Raises:
        ConfigError: if `evaluation.primary` names an iteration that the training does not reach.
        Interrupted: when asked to stop, with the checkpoint on disk.
        StoreError: if the checkpoint to go on from is damaged or another job's.
    """
    return Pack(config, seeds, context).run()


class Pack(TrainedPack):
    """One job in progress: its data sets, its stacked models, their training and their metrics.

    `at` holds, for each seed, the metrics by evaluation point ("2500", ..., "end"), and `more`
    those that are taken once, at the primary point, with `latents` and, if asked for, `samples`.
    """

    def __init__(
        self, config: Mapping[str, Any], seeds: Sequence[SeedPair], context: Context
    ) -> None:
        self.updates = count_updates(config)
        self.at: list[dict[str, dict[str, Any]]] = [{} for _ in seeds]
        self.more: list[dict[str, Any]] = [{} for _ in seeds]
        self.latents: Tensor | None = None  # (S, N, D) once the primary evaluation is made
        self.samples: Tensor | None = None  # (S, N', D)
        watch = [i for i in config["evaluation"]["at"] if i < self.updates]
        self._check_primary(config, watch)
        super().__init__(config, seeds, context)
        self.watch = watch

    def make_fit(self) -> Fit:
        """Draw the data sets, make the models and their training."""
        unique = {p.data_seed: _data_set(self.config["data"], p.data_seed) for p in self.seeds}
        self.data = [unique[pair.data_seed] for pair in self.seeds]
        self.sources = [each.train for each in self.data]
        self.model, fit = _make_fit(self.config, self.seeds, self.sources, self.context.device)
        return fit

    def after(self, iteration: int) -> None:
        """Evaluate after the update of a watched iteration."""
        self._evaluate(str(iteration))

    def finish(self) -> None:
        """Evaluate after the last update."""
        self._evaluate("end")

    def _check_primary(self, config: Mapping[str, Any], watch: Sequence[int]) -> None:
        primary = config["evaluation"]["primary"]
        points = [*(str(i) for i in watch), "end"]
        if primary not in points:
            raise ConfigError(
                f"evaluation.primary={primary} is never reached in {self.updates} updates; "
                f"choose one of {', '.join(points)}"
            )

    def extra_state(self) -> dict[str, Any]:
        """Metrics so far, and the latents and samples of the primary evaluation."""
        arrays = {"latents": self.latents, "samples": self.samples}
        return {"at": self.at, "more": self.more, **arrays}

    def take(self, saved: Mapping[str, Any], rows: Sequence[int]) -> None:
        """Take this pack's metrics and latents from a checkpoint."""
        self.at = [saved["at"][row] for row in rows]
        self.more = [saved["more"][row] for row in rows]
        if saved["latents"] is not None:
            self.latents = saved["latents"][list(rows)]
        if saved["samples"] is not None:
            self.samples = saved["samples"][list(rows)]

    def _evaluate(self, point: str) -> None:
        evaluation = self.config["evaluation"]
        metrics, latents = evaluate(self.fit.stack, self.sources, self.seeds, evaluation)
        if point == evaluation["primary"]:
            self.latents = latents.cpu()
            self.more, self.samples = measure(
                self.fit.stack, self.data, self.seeds, self.config, latents
            )
        for index, found in enumerate(metrics):
            if found is None and self.fit.diverged_at[index] < 0:
                self.fit.diverged_at[index] = self.fit.iteration
            if found is not None and self.fit.diverged_at[index] < 0:
                found["energy"] = -float(self.fit.window_mean[index])
                found["learning_rate"] = float(self.fit.schedule.rates[index])
                self.at[index][point] = found

    def outcome(self, index: int) -> Outcome:
        """`done` with the seed's metrics, or `diverged` with the iteration."""
        pair = self.seeds[index]
        diverged_at = int(self.fit.diverged_at[index])
        low_at = int(self.fit.schedule.low_at[index])
        common = {
            "parameters": count_parameters(self.model),
            "learning_rate_low_at": low_at if low_at >= 0 else None,
            "at": self.at[index],
        }
        if diverged_at >= 0:
            metrics = {"diverged_at": diverged_at, "updates": diverged_at, **common}
            return Outcome(pair, "diverged", metrics)
        primary = self.at[index][self.config["evaluation"]["primary"]]
        metrics = {**primary, **self.more[index], "updates": self.updates, **common}
        return Outcome(pair, "done", metrics, self._arrays(index))

    def _arrays(self, index: int) -> dict[str, np.ndarray] | None:
        if self.latents is None or not self.context.keep_arrays:
            return None
        sources = self.sources[index]
        samples = {} if self.samples is None else {"samples": self.samples[index].numpy()}
        return {
            "s": sources.s,
            "x": sources.x,
            "z": self.latents[index].numpy(),
            "segment": sources.segment.astype(np.int16),
            **samples,
        }


def count_updates(config: Mapping[str, Any]) -> int:
    """Number of parameter updates of a run: epochs x mini-batches, or `max_updates` if fewer."""
    data, training = config["data"], config["training"]
    held = held_out_count(data["points_per_segment"], data["held_out"])
    rows = data["segments"] * (data["points_per_segment"] - held)
    updates = training["epochs"] * batches_per_epoch(rows, training["batch_size"])
    limit = training["max_updates"]
    return updates if limit is None else min(updates, limit)


def _data_set(data: Mapping[str, Any], data_seed: int) -> DataSet:
    return DataSet(*split(generate(data, data_seed), data["held_out"]))


def _make_fit(
    config: Mapping[str, Any],
    seeds: Sequence[SeedPair],
    sources: Sequence[Sources],
    device: str,
) -> tuple[IdentifiableModel, Fit]:
    """A model of the pack (for its size and noise) and the training of all of them."""
    training = config["training"]
    model_seeds = [pair.model_seed for pair in seeds]
    models = {seed: start(config, seed) for seed in dict.fromkeys(model_seeds)}
    model = models[model_seeds[0]]
    stack = SeedStack([models[seed] for seed in model_seeds], device)
    x = torch.stack([torch.from_numpy(s.x) for s in sources]).to(device)
    segment = torch.from_numpy(sources[0].segment).to(device)
    batches = Batches([x, Shared(segment)], model_seeds, training["batch_size"], training["order"])
    noise = NoiseSource(model_seeds, model.noise_stream, model.draw_noise, device)
    updates = count_updates(config)
    rate = training["learning_rate"]
    schedule = make_schedule(training["schedule"], rate, len(seeds), updates, device)
    return model, Fit(stack, batches, noise, schedule, updates, training["log_every"])


def start(config: Mapping[str, Any], model_seed: int) -> IdentifiableModel:
    """The untrained model of a model seed, perturbed where `training.perturbation` asks for it."""
    data, size = config["data"], config["training"]["perturbation"]
    model = initialised(
        model_seed, lambda: make_model(config["model"], data["dim"], data["segments"])
    )
    if size > 0:
        _perturb(model, size, generator(model_seed, "perturbation"))
    return model


def _perturb(model: IdentifiableModel, size: float, source: torch.Generator) -> None:
    """Multiply every parameter by 1 + `size` times a standard normal."""
    with torch.no_grad():
        for parameter in model.parameters():
            normals = torch.randn(parameter.shape, generator=source, dtype=torch.float64)
            parameter.mul_(1 + size * normals)
