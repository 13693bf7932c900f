"""The task `tabular_gaussian`: a full-covariance Gaussian, the simplest density of a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from repro.errors import DataError
from repro.experiments.density_data import load_density_data
from repro.experiments.untrained import seed_by_seed
from repro.jobs import Context, Outcome, SeedPair
from repro.metrics.gaussian import gaussian_log_likelihood


def run(config: dict[str, Any], seeds: tuple[SeedPair, ...], context: Context) -> list[Outcome]:
    """Fit on the training rows and score the test rows, a seed after the other.

    Raises:
        DataError: if a data file is missing or damaged, or features repeat each other.
        Interrupted: when asked to stop; nothing is kept.
    """
    data, root = config["data"], context.data
    return seed_by_seed(seeds, context, lambda pair: Outcome(pair, "done", _fit(data, pair, root)))


def _fit(config: dict[str, Any], pair: SeedPair, root: Path) -> dict[str, Any]:
    data = load_density_data(config, pair.data_seed, root)
    try:
        found = gaussian_log_likelihood(data.train, data.test)
    except ValueError as error:
        raise DataError(f"no Gaussian fits {config['name']}: {error}") from error
    return {
        "log_likelihood_nats": float(found.mean()),
        "sd_nats": float(found.std(ddof=1)),
        "two_se_nats": float(2 * found.std(ddof=1) / len(found) ** 0.5),
        "train_rows": len(data.train),
        "test_rows": len(data.test),
        "dim": data.dim,
        "data_digest": data.digest,
    }
