"""The tasks that train nothing: times of passes, and the Gaussian of a table."""

from __future__ import annotations

import pytest

from repro.config.compose import compose_all
from repro.experiments import flow_times, tabular_gaussian
from repro.jobs import Context, SeedPair


def test_ratios_are_of_the_seconds_beside_them() -> None:
    [composition] = compose_all(["experiment=nvf_times", "scale=smoke", "arm=coupling_2"])
    [outcome] = flow_times.run(composition.cells[0].config, (SeedPair(1, 1),), Context())
    found = outcome.metrics
    for what, other in (("sampling", "sampling"), ("scoring", "scoring"), ("bound", "scoring")):
        ratio = found[f"nvf_{what}_seconds"] / found[f"nf_{other}_seconds"]
        assert found[f"{what}_ratio"] == pytest.approx(ratio)
        assert ratio > 0
    assert found["parameters"] > found["nf_parameters"]


def test_the_gaussian_of_a_table() -> None:
    [composition] = compose_all(["experiment=tabular_gaussian", "scale=smoke"])
    [outcome] = tabular_gaussian.run(composition.cells[0].config, (SeedPair(1, 1),), Context())
    found = outcome.metrics
    assert (found["train_rows"], found["test_rows"], found["dim"]) == (462, 56, 30)
    assert found["two_se_nats"] == pytest.approx(2 * found["sd_nats"] / 56**0.5)
    assert -60 < found["log_likelihood_nats"] < 0
