"""The task `gin_sources`: finds the informative latents of GIN or of its volume-changing twin."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from repro.data.hidden_sources import HiddenSources, Points, generate_hidden_sources
from repro.experiments.pack import TrainedPack, initialised
from repro.jobs import Context, Outcome, SeedPair
from repro.metrics.identifiability import (
    matched_correlations,
    mean_correlation,
    within_segment_mcc,
)
from repro.metrics.informative import cluster_information, spreads
from repro.models.base import count_parameters
from repro.models.gin import Gin
from repro.training.batches import Batches
from repro.training.fit import Fit, fit_steps
from repro.training.noise import NoiseSource
from repro.training.seed_stack import SeedStack

DRAWN = 1500  # points a picture shows


def run(config: dict[str, Any], seeds: tuple[SeedPair, ...], context: Context) -> list[Outcome]:
    """Train and score one pack of seeds; one outcome a seed, in the order of `seeds`.

    Raises:
        Interrupted: when asked to stop, with the checkpoint on disk.
        StoreError: if the checkpoint to go on from is damaged or another job's.
    """
    return Pack(config, seeds, context).run()


class Pack(TrainedPack):
    """One job in progress: its data sets, its stacked models and their training."""

    def make_fit(self) -> Fit:
        """Draw the data sets, make the models and their training."""
        data, training = self.config["data"], self.config["training"]
        drawn = {seed: generate_hidden_sources(data, seed) for seed in _unique(self.seeds)}
        self.data = [drawn[pair.data_seed] for pair in self.seeds]
        model_seeds, device = [pair.model_seed for pair in self.seeds], self.context.device
        models = {
            seed: initialised(
                seed, lambda: Gin(self.config["model"], data["dim"], data["clusters"])
            )
            for seed in dict.fromkeys(model_seeds)
        }
        self.model = models[model_seeds[0]]
        stack = SeedStack([models[seed] for seed in model_seeds], device)
        x = torch.stack([torch.from_numpy(one.train.x) for one in self.data]).to(device)
        cluster = torch.stack([torch.from_numpy(one.train.cluster) for one in self.data])
        batches = Batches(
            [x, cluster.to(device)], model_seeds, training["batch_size"], training["order"]
        )
        noise = NoiseSource(model_seeds, self.model.noise_stream, self.model.draw_noise, device)
        return fit_steps(training, stack, batches, noise)

    def finish(self) -> None:
        """Map all points to latents."""
        with torch.no_grad():
            self.latents = {
                part: self.fit.stack.call("latents", x, in_dims=(0,)).cpu().numpy()
                for part, x in (("train", self._stacked("train")), ("test", self._stacked("test")))
            }

    def outcome(self, index: int) -> Outcome:
        """`done` with the seed's metrics, or `diverged` with the iteration."""
        pair, data = self.seeds[index], self.data[index]
        test = self.latents["test"][index]
        finite = all(np.isfinite(z[index]).all() for z in self.latents.values())
        if (iteration := self.diverged_at(index)) is not None or not finite:
            at = self.fit.iteration if iteration is None else iteration
            return Outcome(pair, "diverged", {"diverged_at": at})
        train = score(data.train, self.latents["train"][index])
        metrics = {
            **score(data.test, test),
            "train": {key: train[key] for key in ("mcc", "mcc_information", "gap")},
            "parameters": count_parameters(self.model),
            "loss": float(self.fit.window_mean[index]),
            "updates": self.fit.iteration,
        }
        return Outcome(pair, "done", metrics, self._arrays(data, test))

    def _stacked(self, part: str) -> torch.Tensor:
        chosen = [torch.from_numpy(getattr(one, part).x) for one in self.data]
        return torch.stack(chosen).to(self.context.device)

    def _arrays(self, data: HiddenSources, z: NDArray[np.floating]) -> dict[str, Any] | None:
        if not self.context.keep_arrays:
            return None
        order = np.argsort(-spreads(z, data.test.cluster))
        return {
            "s": data.test.s[:DRAWN].astype(np.float16),
            "z": z[:DRAWN, order].astype(np.float16),
            "cluster": data.test.cluster[:DRAWN].astype(np.int8),
        }


def score(points: Points, z: NDArray[np.floating]) -> dict[str, Any]:
    """What the latents z (N, D) of some points tell, chosen by spread and by information.

    `gap` is the spread of the last latent that should tell something over that of the next.
    """
    wanted = points.s.shape[1]
    spread, information = spreads(z, points.cluster), cluster_information(z, points.cluster)
    by_spread, by_information = np.argsort(-spread), np.argsort(-information)
    chosen, told = by_spread[:wanted], by_information[:wanted]
    ordered = spread[by_spread]
    gap = float(ordered[wanted - 1] / ordered[wanted]) if len(ordered) > wanted else None
    return {
        "mcc": mean_correlation(points.s, z[:, chosen]),
        "mcc_information": mean_correlation(points.s, z[:, told]),
        "mcc_any": _best(points.s, z),
        "mcc_within": within_segment_mcc(points.s, z[:, chosen], points.cluster),
        "r2": _explained(points.s, z[:, chosen]),
        "mcc_x": _best(points.s, points.x),
        "gap": gap,
        "log_gap": None if gap is None else float(np.log(gap)),
        "same_choice": float(set(chosen.tolist()) == set(told.tolist())),
        "spreads": ordered.tolist(),
        "information": information[by_spread].tolist(),
    }


def _best(s: NDArray[np.floating], z: NDArray[np.floating]) -> float:
    """MCC (mean over sources) of the best one-to-one choice among all columns of z."""
    nothing = np.zeros((len(s), z.shape[1] - s.shape[1]))
    padded = matched_correlations(np.concatenate((s, nothing), axis=1), z)
    return float(padded.correlations[: s.shape[1]].mean())


def _explained(s: NDArray[np.floating], z: NDArray[np.floating]) -> float:
    """Share of the sources' variance that an affine map of z explains, a mean over sources."""
    design = np.concatenate((z, np.ones((len(z), 1))), axis=1).astype(np.float64)
    left = s - design @ np.linalg.lstsq(design, s.astype(np.float64), rcond=None)[0]
    return float((1 - left.var(axis=0) / s.var(axis=0)).mean())


def _unique(seeds: tuple[SeedPair, ...]) -> list[int]:
    return list(dict.fromkeys(pair.data_seed for pair in seeds))
