"""The task `identifiability`: trains a model on the non-stationary sources, scores its latents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from repro.data.sources import Sources, generate
from repro.errors import ConfigError, StoreError
from repro.experiments.evaluation import evaluate
from repro.jobs import Context, Interrupted, Outcome, SeedPair
from repro.models.base import IdentifiableModel, count_parameters
from repro.models.registry import make_model
from repro.randomness import generator
from repro.training.batches import Batches, batches_per_epoch
from repro.training.checkpoint import read_checkpoint
from repro.training.fit import Fit, FitHooks, StopTraining
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
    pack = Pack(config, seeds, context)
    try:
        pack.train()
    except StopTraining as stop:
        raise Interrupted from stop
    return pack.outcomes()


class Pack:
    """One job in progress: its data sets, its stacked models, their training and their metrics.

    `at` holds, for each seed, the metrics by evaluation point ("2500", ..., "end").
    """

    def __init__(
        self, config: Mapping[str, Any], seeds: Sequence[SeedPair], context: Context
    ) -> None:
        self.config, self.seeds, self.context = config, tuple(seeds), context
        torch.backends.cuda.matmul.allow_tf32 = context.tf32
        self.updates = count_updates(config)
        self._watch = [i for i in config["evaluation"]["at"] if i < self.updates]
        self._check_primary()
        unique = {pair.data_seed: generate(config["data"], pair.data_seed) for pair in seeds}
        self.sources = [unique[pair.data_seed] for pair in seeds]
        self.model, self.fit = _make_fit(config, self.seeds, self.sources, context.device)
        self.at: list[dict[str, dict[str, Any]]] = [{} for _ in seeds]
        self.latents: Tensor | None = None  # (S, N, D) once the primary evaluation is made
        if context.resume_from is not None:
            self._resume()

    def train(self) -> None:
        """Make every remaining update, evaluating on the way and at the end."""
        context = self.context
        self.fit.run(
            FitHooks(
                watch=self._watch,
                after=lambda iteration: self._evaluate(str(iteration)),
                extra_state=self._extra_state,
                progress=context.progress,
                stop_requested=context.stop_requested,
                checkpoint=context.checkpoint,
                checkpoint_seconds=60 * context.checkpoint_minutes,
            )
        )
        self._evaluate("end")

    def outcomes(self) -> list[Outcome]:
        """One outcome a seed: `done` with its metrics, or `diverged` with the iteration."""
        return [self._outcome(index) for index in range(len(self.seeds))]

    def _check_primary(self) -> None:
        primary = self.config["evaluation"]["primary"]
        points = [str(i) for i in self._watch] + ["end"]
        if primary not in points:
            raise ConfigError(
                f"evaluation.primary={primary} is never reached in {self.updates} updates; "
                f"choose one of {', '.join(points)}"
            )

    def _resume(self) -> None:
        path = self.context.resume_from
        assert path is not None
        try:
            self._take(read_checkpoint(path))
        except (KeyError, ValueError, TypeError, RuntimeError) as error:
            raise StoreError(
                f"the checkpoint {path} does not belong to this job ({error!r}); delete it and "
                "run again: the job then starts from its beginning"
            ) from error
        self.context.resumed_at = self.fit.iteration

    def _take(self, saved: Mapping[str, Any]) -> None:
        packed = [SeedPair(*pair) for pair in saved["pack"]]
        rows = [packed.index(pair) for pair in self.seeds]
        self.fit.load(saved["fit"], rows)
        self.at = [saved["at"][row] for row in rows]
        if saved["latents"] is not None:
            self.latents = saved["latents"][rows]

    def _evaluate(self, point: str) -> None:
        evaluation = self.config["evaluation"]
        metrics, latents = evaluate(self.fit.stack, self.sources, self.seeds, evaluation)
        if point == evaluation["primary"]:
            self.latents = latents.cpu()
        for index, found in enumerate(metrics):
            if found is None and self.fit.diverged_at[index] < 0:
                self.fit.diverged_at[index] = self.fit.iteration
            if found is not None and self.fit.diverged_at[index] < 0:
                found["energy"] = -float(self.fit.window_mean[index])
                found["learning_rate"] = float(self.fit.schedule.rates[index])
                self.at[index][point] = found

    def _outcome(self, index: int) -> Outcome:
        pair = self.seeds[index]
        diverged_at = int(self.fit.diverged_at[index])
        common = {"parameters": count_parameters(self.model), "at": self.at[index]}
        if diverged_at >= 0:
            metrics = {"diverged_at": diverged_at, "updates": diverged_at, **common}
            return Outcome(pair, "diverged", metrics)
        primary = self.at[index][self.config["evaluation"]["primary"]]
        metrics = {**primary, "updates": self.updates, **common}
        return Outcome(pair, "done", metrics, self._arrays(index))

    def _extra_state(self) -> dict[str, Any]:
        pack = [list(pair) for pair in self.seeds]
        return {"pack": pack, "at": self.at, "latents": self.latents}

    def _arrays(self, index: int) -> dict[str, np.ndarray] | None:
        if self.latents is None or not self.context.keep_arrays:
            return None
        sources = self.sources[index]
        return {
            "s": sources.s,
            "x": sources.x,
            "z": self.latents[index].numpy(),
            "segment": sources.segment.astype(np.int16),
        }


def count_updates(config: Mapping[str, Any]) -> int:
    """Number of parameter updates of a run: epochs x mini-batches, or `max_updates` if fewer."""
    data, training = config["data"], config["training"]
    rows = data["segments"] * data["points_per_segment"]
    updates = training["epochs"] * batches_per_epoch(rows, training["batch_size"])
    limit = training["max_updates"]
    return updates if limit is None else min(updates, limit)


def _make_fit(
    config: Mapping[str, Any],
    seeds: Sequence[SeedPair],
    sources: Sequence[Sources],
    device: str,
) -> tuple[IdentifiableModel, Fit]:
    """A model of the pack (for its size and noise) and the training of all of them."""
    training = config["training"]
    model_seeds = [pair.model_seed for pair in seeds]
    models = {seed: _initialised(config, seed) for seed in dict.fromkeys(model_seeds)}
    model = models[model_seeds[0]]
    stack = SeedStack([models[seed] for seed in model_seeds], device)
    x = torch.stack([torch.from_numpy(s.x) for s in sources]).to(device)
    segment = torch.from_numpy(sources[0].segment).to(device)
    batches = Batches(x, segment, model_seeds, training["batch_size"], training["order"])
    noise = NoiseSource(model_seeds, model.noise_stream, model.draw_noise, device)
    updates = count_updates(config)
    rate = training["learning_rate"]
    schedule = make_schedule(training["schedule"], rate, len(seeds), updates, device)
    return model, Fit(stack, batches, noise, schedule, updates, training["log_every"])


def _initialised(config: Mapping[str, Any], model_seed: int) -> IdentifiableModel:
    """A fresh model, its initial weights and permutations drawn from the model seed alone."""
    data = config["data"]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator(model_seed, "init").initial_seed())
        return make_model(config["model"], data["dim"], data["segments"])
