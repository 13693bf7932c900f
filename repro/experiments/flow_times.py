"""The task `flow_times`: how long a flow with a latent variable takes, beside the same without."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from repro.experiments.pack import initialised
from repro.experiments.untrained import seed_by_seed
from repro.jobs import Context, Outcome, SeedPair
from repro.models.base import count_parameters
from repro.models.latents import DiscreteLatent
from repro.models.variational_flow import VariationalFlow
from repro.randomness import generator


def run(config: dict[str, Any], seeds: tuple[SeedPair, ...], context: Context) -> list[Outcome]:
    """Time a fresh flow with and without its latent variable, a seed after the other.

    Both are timed in turns within one run, so that their ratios do not depend on the machine's
    load; nothing is trained, since a pass takes as long with any weights.

    Raises:
        Interrupted: when asked to stop; nothing is kept.
    """

    def outcome(pair: SeedPair) -> Outcome:
        return Outcome(pair, "done", _measure(config, pair.model_seed, context.device))

    return seed_by_seed(seeds, context, outcome)


def _measure(config: dict[str, Any], seed: int, device: str) -> dict[str, Any]:
    """Seconds of NF and NVF to sample, to score exactly and by the bound, and their ratios."""
    model, timing, dim = config["model"], config["evaluation"], config["data"]["dim"]
    plain = {**model, "latent": "none"}
    nvf = initialised(seed, lambda: VariationalFlow(model, dim)).to(device)
    nf = initialised(seed, lambda: VariationalFlow(plain, dim)).to(device)
    source = generator(seed, "evaluation")
    x = torch.randn(timing["rows"], dim, generator=source).to(device)
    passes: dict[str, Callable[[], object]] = {
        "nf_sampling": lambda: nf.generate(x),
        "nvf_sampling": lambda: nvf.generate(x, _prior(nvf, len(x), source, device)),
        "nf_scoring": lambda: nf.log_likelihood(x),
        "nvf_bound": lambda: _bound(nvf, x, source, device),
        "nvf_scoring": lambda: nvf.log_likelihood(
            x, _sent(nvf.latent.evaluation_noise(len(x), source), device)
        ),
    }
    seconds = _medians(passes, timing["repeats"], device)
    return {
        **{f"{name}_seconds": value for name, value in seconds.items()},
        "sampling_ratio": seconds["nvf_sampling"] / seconds["nf_sampling"],
        "scoring_ratio": seconds["nvf_scoring"] / seconds["nf_scoring"],
        "bound_ratio": seconds["nvf_bound"] / seconds["nf_scoring"],
        "nf_parameters": count_parameters(nf),
        "parameters": count_parameters(nvf),
    }


def _medians(
    passes: dict[str, Callable[[], object]], repeats: int, device: str
) -> dict[str, float]:
    """The median seconds of each pass, all passes in turns; the first turn only warms up."""
    taken: dict[str, list[float]] = {name: [] for name in passes}
    with torch.no_grad():
        for _ in range(repeats + 1):
            for name, one in passes.items():
                start = time.perf_counter()
                one()
                if device.startswith("cuda"):
                    torch.cuda.synchronize()
                taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(seconds[1:]) for name, seconds in taken.items()}


def _bound(model: VariationalFlow, x: Tensor, source: torch.Generator, device: str) -> Tensor:
    """Negative evidence lower bound (B,) in nats of rows x: one pass of posterior and flow."""
    noise = model.latent.draw_noise(len(x), source)
    return model.latent.loss(model.given(None), x, _sent(noise, device))


def _prior(
    model: VariationalFlow, count: int, source: torch.Generator, device: str
) -> Tensor | None:
    if isinstance(model.latent, DiscreteLatent):
        chosen = torch.randint(model.latent.width, (count,), generator=source)
        return model.latent.states[chosen.to(device)]
    return _sent(model.latent.prior(count, source), device)


def _sent(value: Tensor | None, device: str) -> Tensor | None:
    return None if value is None else value.to(device)
