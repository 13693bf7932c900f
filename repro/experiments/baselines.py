"""The task `baselines`: what the data sets give away without any training."""

from __future__ import annotations

from typing import Any

from repro.data.sources import Sources, generate, has_exact_density, oracle_log_likelihood
from repro.experiments.untrained import seed_by_seed
from repro.jobs import Context, Outcome, SeedPair
from repro.metrics.baselines import baseline_scores


def run(config: dict[str, Any], seeds: tuple[SeedPair, ...], context: Context) -> list[Outcome]:
    """The scores of every baseline on each data set: mcc_<name> and mcc_within_<name>, no unit.

    Where the density has a closed form, oracle_log_likelihood is its mean in nats a point.

    Raises:
        Interrupted: when asked to stop; nothing is kept, since a data set takes a second.
    """
    return seed_by_seed(seeds, context, lambda pair: _outcome(pair, config["data"]))


def _outcome(pair: SeedPair, data: dict[str, Any]) -> Outcome:
    sources = generate(data, pair.data_seed)
    metrics: dict[str, Any] = dict(baseline_scores(sources.s, sources.x, sources.segment))
    return Outcome(pair, "done", metrics | _oracle(sources, data))


def _oracle(sources: Sources, data: dict[str, Any]) -> dict[str, float]:
    if not has_exact_density(data):
        return {}
    return {"oracle_log_likelihood": float(oracle_log_likelihood(sources, data).mean())}
