"""The task `energy_fit`: fits a density to an energy, measures its free energy and its modes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from repro.experiments.pack import TrainedPack, initialised
from repro.jobs import Context, Outcome, SeedPair
from repro.models.base import count_parameters
from repro.models.energies import energy, first_mode, first_share, log_normaliser
from repro.models.energy_fit import EnergyFit
from repro.randomness import generator
from repro.training.batches import NoData
from repro.training.fit import Fit, fit_steps
from repro.training.noise import NoiseSource
from repro.training.seed_stack import SeedStack

ROWS = 10_000  # draws a pass; fixed, so that a seed's numbers do not depend on its pack
LOOKS = 10  # how often the training loss is noted
COVERED = 0.4  # the least share of the rarer of two equal modes for both to count as found


def run(config: dict[str, Any], seeds: tuple[SeedPair, ...], context: Context) -> list[Outcome]:
    """Fit and measure one pack of seeds; one outcome a seed, in the order of `seeds`.

    Raises:
        Interrupted: when asked to stop, with the checkpoint on disk.
        StoreError: if the checkpoint to go on from is damaged or another job's.
    """
    return Pack(config, seeds, context).run()


class Pack(TrainedPack):
    """One job in progress; `losses` holds, for each seed, the training loss as it went."""

    def __init__(
        self, config: Mapping[str, Any], seeds: Sequence[SeedPair], context: Context
    ) -> None:
        self.losses: list[dict[str, float]] = [{} for _ in seeds]
        self.found: list[dict[str, Any] | None] = []
        self.pictures: list[np.ndarray] = []
        super().__init__(config, seeds, context)
        self.watch = watched(config["training"]["updates"])

    def make_fit(self) -> Fit:
        """Make the models and the training of all of them; there are no data."""
        config, training = self.config, self.config["training"]
        model_seeds = [pair.model_seed for pair in self.seeds]
        models = [
            initialised(seed, lambda: EnergyFit(config["model"], config["data"]))
            for seed in model_seeds
        ]
        self.model = models[0]
        stack = SeedStack(models, self.context.device)
        draw = self.model.draw_noise
        noise = NoiseSource(model_seeds, "noise", draw, self.context.device)
        return fit_steps(
            training, stack, NoData(training["batch_size"]), noise, annealing=weigher(training)
        )

    def after(self, iteration: int) -> None:
        """Note the mean training loss of the last window."""
        for index, losses in enumerate(self.losses):
            losses[str(iteration + 1)] = float(self.fit.window_mean[index])

    def finish(self) -> None:
        """Measure all fitted densities on fixed draws."""
        z, log_q, joint = self._draws()
        data = self.config["data"]
        for index in range(len(self.seeds)):
            finite = bool(torch.isfinite(log_q[index] - joint[index]).all())
            measured = measures(z[index], log_q[index] - joint[index], data) if finite else None
            self.found.append(measured)
            picture = histogram(z[index], data["box"], self.config["evaluation"]["cells"])
            self.pictures.append(picture)

    def extra_state(self) -> dict[str, Any]:
        """The training losses noted so far."""
        return {"losses": self.losses}

    def take(self, saved: Mapping[str, Any], rows: Sequence[int]) -> None:
        """Take this pack's losses from a checkpoint."""
        self.losses = [saved["losses"][row] for row in rows]

    def outcome(self, index: int) -> Outcome:
        """`done` with the seed's metrics, or `diverged` with the iteration."""
        pair, measured = self.seeds[index], self.found[index]
        common = {"parameters": count_parameters(self.model), "losses": self.losses[index]}
        lost = self.diverged_at(index)
        if lost is not None or measured is None:
            at = self.fit.iteration if lost is None else lost
            return Outcome(pair, "diverged", {"diverged_at": at, **common})
        arrays = {
            "draws": self.pictures[index],
            "target": target_picture(self.config["data"], self.config["evaluation"]["cells"]),
        }
        return Outcome(pair, "done", {**measured, **common}, arrays)

    def _draws(self) -> tuple[Tensor, Tensor, Tensor]:
        """Draws z (S, N, 2) of the fitted densities, log q and log-joints (S, N)."""
        sources = [generator(pair.model_seed, "evaluation") for pair in self.seeds]
        left, parts = self.config["evaluation"]["samples"], []
        while left:
            rows = min(ROWS, left)
            noise = torch.stack([self.model.draw_noise(rows, source) for source in sources])
            with torch.no_grad():
                call = self.fit.stack.call("terms", noise.to(self.fit.stack.device), in_dims=(0,))
            parts.append([part.cpu() for part in call])
            left -= rows
        z, log_q, joint = (torch.cat(one, dim=1) for one in zip(*parts, strict=True))
        return z, log_q.double(), joint.double()


def watched(updates: int) -> list[int]:
    """The iterations, counted from 0, after which the training loss is noted."""
    return sorted({max(1, round(updates * look / LOOKS)) - 1 for look in range(1, LOOKS + 1)})


def weigher(training: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a function of an iteration
    """The weight of the log-joint at each iteration, counted from 0."""
    start, over = training["anneal_start"], training["anneal_updates"]
    return lambda iteration: min(1.0, start + iteration / over) if over else 1.0


def measures(z: Tensor, losses: Tensor, data: Mapping[str, Any]) -> dict[str, Any]:
    """Free energy and its gap to the optimum in nats, and the modes found, of draws z (N, 2).

    `losses` (N,) are log q(z) + U(z). `kl` is the free energy plus the target's log-normaliser,
    and so KL(q || p); `rarer_mode` the share of draws at the rarer mode in the target's own share.
    """
    where = (data["target"], data["box"], data["wall"])
    mean = float(losses.mean())
    found = {
        "free_energy": mean,
        "free_energy_se": float(losses.std() / len(losses) ** 0.5),
        "log_normaliser": log_normaliser(*where),
        "kl": mean + log_normaliser(*where),
    }
    first = first_mode(data["target"], z)
    wanted = first_share(*where)
    if first is None or wanted is None:
        return found
    share = float(first.double().mean())
    rarer = min(share / wanted, (1 - share) / (1 - wanted)) / 2
    return found | {
        "first_mode": share,
        "rarer_mode": rarer,
        "covers_modes": float(rarer >= COVERED),
        "one_mode": float(rarer < (1 - COVERED) / 10),
    }


def histogram(z: Tensor, box: float, cells: int) -> np.ndarray:
    """Counts of draws (N, 2) on a grid over [-box, box] squared, in 255ths of the largest."""
    edges = np.linspace(-box, box, cells + 1)
    points = z.numpy().astype(np.float64)
    counts, _, _ = np.histogram2d(points[:, 1], points[:, 0], bins=(edges, edges))
    return shade(counts)


def target_picture(data: Mapping[str, Any], cells: int) -> np.ndarray:
    """The target's density on a grid over [-box, box] squared, in 255ths of the largest."""
    step = 2 * data["box"] / cells
    line = torch.arange(cells, dtype=torch.float64) * step - data["box"] + step / 2
    z = torch.stack(torch.meshgrid(line, line, indexing="xy"), dim=-1)
    return shade(torch.exp(-energy(data["target"], z, data["box"], data["wall"])).numpy())


def shade(values: np.ndarray) -> np.ndarray:
    """Values >= 0 as bytes, the largest as 255."""
    most = values.max()
    return np.round(255 * values / most if most > 0 else values).astype(np.uint8)
