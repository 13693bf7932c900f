"""What the claim tests share: made-up rows of one experiment, and samples of them."""

import pytest

from repro.claims.judge import Asked, Evidence
from repro.claims.sample import select
from repro.claims.schema import Selection


def row(model, seed, mcc, model_seed=1, layers=3, arm="", **metrics):
    return {
        "id": f"{model}{layers}", "task": "identifiability", "data_seed": seed, "arm": arm,
        "model_seed": model_seed, "status": "done", "provenance": {}, "arrays": None,
        "config": {"model": {"name": model}, "data": {"layers": layers}},
        "metrics": {"mcc": mcc, **metrics},
    }  # fmt: skip


def sample(values, name="a", model_seeds=(1,), **more):
    """A sample with one value (or list) a data seed, counted from 1."""
    rows = [
        row(name, seed, value, model_seed)
        for seed, value in enumerate(values, 1)
        for model_seed in model_seeds
    ]
    return select(name, Selection("e", "mcc", **more), rows)


def evidence(rows, scale="paper", reductions=()):
    asked = tuple(
        Asked(r["id"], r["arm"], r["config"], r["data_seed"], r["model_seed"]) for r in rows
    )
    return Evidence("e", scale, tuple(rows), asked, tuple(reductions))


@pytest.fixture(name="make_row")
def _row():
    return row


@pytest.fixture(name="make_sample")
def _sample():
    return sample


@pytest.fixture(name="make_evidence")
def _evidence():
    return evidence
