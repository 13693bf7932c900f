"""The tasks `energy_fit` and `flow_gallery`: measures by hand, packs, interruption."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from repro.experiments import energy_fit, flow_gallery
from repro.experiments.energy_fit import measures, watched, weigher
from repro.jobs import Context, Interrupted, SeedPair
from repro.models.energies import first_mode, first_share

DATA = {"name": "energies", "target": "u1", "box": 4.0, "wall": 0.1}
CONFIG: dict[str, Any] = {
    "task": "energy_fit",
    "data": DATA,
    "model": {"name": "planar", "flow_length": 2, "centred": True, "aimed": False},
    "training": {
        "name": "annealed", "optimiser": "rmsprop", "learning_rate": 0.01, "momentum": 0.9,
        "weight_decay": 0.0, "clip_norm": None, "zero_grad": True, "batch_size": 20,
        "updates": 12, "order": "fixed", "log_every": 3, "anneal_start": 0.01,
        "anneal_updates": 6, "schedule": {"name": "constant"},
    },
    "evaluation": {"name": "draws", "samples": 300, "cells": 16},
}  # fmt: skip
SEEDS = tuple(SeedPair(1, seed) for seed in (1, 2, 3))


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def changed(section: str, **values: Any) -> dict[str, Any]:
    return {**CONFIG, section: {**CONFIG[section], **values}}


def metrics_of(outcomes: list) -> list[dict[str, Any]]:
    return [outcome.metrics for outcome in outcomes]


def test_a_seed_does_not_depend_on_its_pack() -> None:
    together = metrics_of(energy_fit.run(CONFIG, SEEDS, Context()))
    [alone] = metrics_of(energy_fit.run(CONFIG, SEEDS[1:2], Context()))
    assert together[1] == alone
    assert together[0] != together[1]
    assert alone["parameters"] == 10
    assert list(alone["losses"]) == [str(i + 1) for i in watched(12)]


def test_an_interrupted_job_goes_on_to_the_same_numbers(tmp_path: Path) -> None:
    whole = energy_fit.run(CONFIG, SEEDS, Context())
    steps: list[int] = []
    stopped = Context(
        checkpoint=tmp_path / "c", progress=lambda step, _: steps.append(step),
        stop_requested=lambda: len(steps) == 7,
    )  # fmt: skip
    with pytest.raises(Interrupted):
        energy_fit.run(CONFIG, SEEDS, stopped)
    resumed = Context(resume_from=tmp_path / "c")
    rest = energy_fit.run(CONFIG, SEEDS[1:], resumed)
    assert resumed.resumed_at == 7
    assert metrics_of(rest) == metrics_of(whole)[1:]
    for one, other in zip(rest, whole[1:], strict=True):
        assert one.arrays is not None
        assert other.arrays is not None
        assert np.array_equal(one.arrays["draws"], other.arrays["draws"])


def test_free_energy_and_kl_of_a_known_density() -> None:
    z = torch.randn(200_000, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    from repro.models.energies import energy

    log_q = -0.5 * z.square().sum(dim=-1) - math.log(2 * math.pi)
    found = measures(z, log_q + energy("u1", z, 4.0, 0.1), DATA)
    assert found["free_energy"] == pytest.approx(2.687, abs=0.03)  # of N(0, I) on U1
    assert found["kl"] == pytest.approx(found["free_energy"] + 1.8775, abs=1e-3)
    assert found["covers_modes"] == 1
    assert found["one_mode"] == 0


@pytest.mark.parametrize(
    ("left", "covers", "one"), [(0.5, 1, 0), (0.41, 1, 0), (0.2, 0, 0), (0.01, 0, 1)]
)
def test_modes_that_are_found(left: float, covers: float, one: float) -> None:
    z = torch.zeros(1000, 2, dtype=torch.float64)
    z[:, 0] = 2.0
    z[: int(1000 * left), 0] = -2.0
    found = measures(z, torch.zeros(1000, dtype=torch.float64), DATA)
    assert found["rarer_mode"] == pytest.approx(left)
    assert (found["covers_modes"], found["one_mode"]) == (covers, one)
    assert "covers_modes" not in measures(z, z[:, 0], {**DATA, "target": "u2"})


def test_modes_of_unequal_size_are_weighed_by_the_targets_own_shares() -> None:
    where = {**DATA, "target": "u4"}
    wanted = first_share("u4", 4.0, 0.1)
    assert wanted is not None
    assert abs(wanted - 0.5) > 0.1
    grid = torch.cartesian_prod(*[torch.linspace(-3.5, 3.5, 141, dtype=torch.float64)] * 2)
    first = first_mode("u4", grid)
    assert first is not None
    count = round(1000 * wanted)
    z = torch.cat((grid[first][:count], grid[~first][: 1000 - count]))
    found = measures(z, torch.zeros(1000, dtype=torch.float64), where)
    assert found["first_mode"] == pytest.approx(count / 1000)
    assert found["rarer_mode"] == pytest.approx(0.5, abs=0.01), "each mode has its own share"


def test_a_run_that_leaves_the_finite_numbers_is_diverged() -> None:
    config = changed("training", learning_rate=1e30)
    [outcome] = energy_fit.run(config, SEEDS[:1], Context())
    assert outcome.status == "diverged"
    assert outcome.metrics["diverged_at"] <= 12


def test_the_log_joint_is_weighed_as_stated() -> None:
    weigh = weigher({"anneal_start": 0.01, "anneal_updates": 10_000})
    assert [weigh(i) for i in (0, 5000, 9900, 20_000)] == pytest.approx([0.01, 0.51, 1.0, 1.0])
    assert weigher({"anneal_start": 0.01, "anneal_updates": 0})(0) == 1.0
    assert watched(500_000)[-1] == 499_999
    assert watched(3) == [0, 1, 2]


@pytest.mark.parametrize("family", ["planar", "radial"])
@pytest.mark.parametrize("base", ["gaussian", "uniform"])
def test_a_gallery_density_has_the_mass_of_a_density(family: str, base: str) -> None:
    config = {
        "data": {"name": "shapes", "base": base, "box": 30.0, "cells": 400},
        "model": {"name": "drawn_flow", "family": family, "flow_length": 2, "strength": 0.5},
    }
    [first, second] = flow_gallery.run(config, SEEDS[:2], Context())
    assert first.metrics["mass"] == pytest.approx(1, abs=0.03)
    assert first.metrics["inverse_error"] < 1e-8
    assert first.metrics["log_det_error"] < 1e-8
    assert first.arrays is not None
    assert first.arrays["density"].shape == (400, 400)
    assert asdict(first)["metrics"] != asdict(second)["metrics"]
