"""The task `density`: what it measures, as released and as it should be, on tiny runs."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from repro.config.compose import compose_all
from repro.data.tabular.features import FEATURES
from repro.data.two_modes import TwoModes
from repro.experiments import density_fit
from repro.experiments.density import DensityPack, kept, run
from repro.experiments.density_data import LOADERS, load_density_data
from repro.experiments.density_shape import _information, _slopes, _states
from repro.jobs import Context, Interrupted, SeedPair
from repro.models.latents import DiscreteLatent
from repro.training.best import Best
from repro.training.seed_stack import SeedStack

SEEDS = (SeedPair(1, 1), SeedPair(2, 1))


def config(*words: str, experiment: str = "nvf_toy") -> dict[str, Any]:
    base = [f"experiment={experiment}", "scale=smoke"]
    [composition] = compose_all([*base, *words])
    return composition.cells[0].config


def metrics(*words: str, experiment: str = "nvf_toy") -> list[dict[str, Any]]:
    outcomes = run(config(*words, experiment=experiment), SEEDS, Context())
    assert [one.status for one in outcomes] == ["done", "done"]
    return [one.metrics for one in outcomes]


def test_every_tabular_data_set_has_its_number_of_features() -> None:
    assert set(FEATURES) == {*LOADERS, "bsds300_patches"}
    bundled = {"name": "breast_cancer", "train_rows": None}
    assert load_density_data(bundled, 1, Path("nowhere")).dim == FEATURES["breast_cancer"]


@pytest.mark.parametrize("experiment", ["nvf_toy", "convolution_density"])
def test_a_seed_that_never_had_a_finite_validation_loss_is_diverged_and_not_untrained(
    experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    after = Best.after_iteration

    def measured(self: Best, iteration: int) -> None:
        measure = self._measure

        def lost_first(stack: SeedStack) -> Tensor:
            return measure(stack).index_fill(0, torch.tensor([0]), math.inf)

        self._measure = lost_first
        after(self, iteration)
        self._measure = measure

    monkeypatch.setattr(Best, "after_iteration", measured)
    task = {"nvf_toy": run, "convolution_density": density_fit.run}[experiment]
    cell = config(experiment=experiment)
    lost, kept_one = task(cell, SEEDS, Context())
    assert (lost.status, kept_one.status) == ("diverged", "done")
    assert lost.metrics["diverged_at"] == cell["training"]["updates"]


def test_a_seed_does_not_depend_on_its_pack() -> None:
    cell = config("arm=nvf")
    together = run(cell, SEEDS, Context())
    alone = run(cell, SEEDS[1:], Context())[0]
    assert together[1].metrics == alone.metrics
    for name, array in (together[1].arrays or {}).items():
        np.testing.assert_array_equal(array, (alone.arrays or {})[name])


def test_a_stop_while_testing_is_noticed_and_changes_nothing(tmp_path: Path) -> None:
    cell = config("arm=nvf", "training.updates=6", "evaluation.every=2")
    whole = run(cell, SEEDS, Context())
    made = [0]
    stopped = Context(
        checkpoint=tmp_path / "c", progress=lambda step, _: made.append(step),
        stop_requested=lambda: made[-1] == 6,
    )  # fmt: skip
    with pytest.raises(Interrupted):
        run(cell, SEEDS, stopped)
    resumed = Context(resume_from=tmp_path / "c")
    assert [one.metrics for one in run(cell, SEEDS, resumed)] == [one.metrics for one in whole]
    assert resumed.resumed_at == 6


def test_the_best_state_on_the_validation_set_is_the_one_tested() -> None:
    for found in metrics("arm=nvf", "training.updates=6", "evaluation.every=2"):
        history = found["val_history_nats"]
        assert set(history) == {"2", "4", "6"}
        assert found["val_nll_nats"] == min(history.values())
        assert history[str(found["best_update"])] == found["val_nll_nats"]
        assert found["excess_nats"] == pytest.approx(
            found["nll_full_nats"] - found["true_nll_nats"]
        )


def test_the_state_that_is_tested_and_kept_is_the_best_one_though_training_went_on() -> None:
    words = ["training.updates=12", "evaluation.every=5"]  # measured after 5 and 10 updates
    pack = DensityPack(config("arm=nvf", *words), SEEDS, Context())
    pack.train()
    best = pack.fit.best
    assert best is not None
    assert pack.fit.iteration == 12
    again = pack._validation_loss(pack._rows("val"))(pack.fit.stack)
    assert torch.equal(again.double(), best.loss)
    full = pack.likelihoods.of(pack.fit.stack, pack._rows("test")).double()
    assert torch.equal(pack.tested["full"], full)


def test_without_a_choice_of_rows_the_error_is_that_of_the_whole_test_set() -> None:
    for found in metrics("arm=nvf", "evaluation.rows=null"):
        assert found["test_rows"] == found["test_rows_full"]
        error = found["sd_full_nats"] / math.sqrt(found["test_rows_full"])
        assert found["se_nats"] == pytest.approx(error)


def test_ten_rows_are_the_first_ten_and_their_error_is_large() -> None:
    few = metrics("arm=nvf", "evaluation.rows=10")
    for found in few:
        assert found["test_rows"] == 10
        assert found["se_nats"] > found["sd_full_nats"] / math.sqrt(60) / 3
        assert found["nll_nats"] != found["nll_full_nats"]


def test_dropout_left_on_is_measured_so() -> None:
    words = ["arm=nvf", "model.dropout=0.25", "evaluation.every=4"]
    off, on = (metrics(*words, f"evaluation.dropout={flag}") for flag in ("false", "true"))
    for one, other in zip(off, on, strict=True):
        assert one["nll_full_nats"] == other["nll_full_nats"]  # the same state, dropout off
        assert one["nll_nats"] == one["nll_full_nats"]
        assert other["nll_nats"] != other["nll_full_nats"]


def test_piled_up_gradients_train_another_model() -> None:
    kept, piled = (
        metrics("arm=nvf", f"training.zero_grad={flag}")[0]["nll_nats"]
        for flag in ("true", "false")
    )
    assert kept != piled


def test_the_flow_alone_is_clipped() -> None:
    pack = DensityPack(config("arm=nvf", "training.clip_norm=1e-9"), SEEDS[:1], Context())
    before = {name: value.clone() for name, value in pack.fit.stack.state().items()}
    batch, noise = pack.fit.batches.next(), pack.fit.noise.next(20)[0]
    losses = pack.fit.stack.call("forward", *batch, noise, in_dims=(0, None))
    fresh = torch.autograd.grad(losses.sum(), list(pack.fit.stack.parameters.values()))
    ready = dict(zip(before, pack.fit.gradients.prepared(fresh), strict=True))
    norms = {name: float(value.norm()) for name, value in ready.items()}
    assert max(norm for name, norm in norms.items() if name.startswith("flow.")) <= 1e-9
    assert max(norm for name, norm in norms.items() if name.startswith("latent.")) > 1e-6


def test_slopes_and_maps_of_two_modes() -> None:
    outcome = run(config("arm=nf_slope_1", experiment="nvf_jacobian"), SEEDS[:1], Context())[0]
    found, arrays = outcome.metrics, outcome.arrays
    assert arrays is not None
    assert found["exact_slope"] == pytest.approx(0.5 * math.exp(0.5))
    assert found["measured_slope"] == pytest.approx(found["exact_slope"], rel=1e-4)
    steps = np.diff(arrays["image"][0]) / np.diff(arrays["noise"])
    near = np.abs(arrays["noise"][:-1]) < 2.4
    assert steps[near].max() <= found["max_slope"] * 1.01 <= 1.01
    at = np.linspace(arrays["low"][0], arrays["high"][0], len(arrays["log_density"]))
    mass = np.trapezoid(np.exp(arrays["log_density"].astype(float)), at)
    assert mass == pytest.approx(1, abs=0.1)


def test_the_largest_slope_is_over_all_states_and_the_gap_s_is_the_smallest() -> None:
    def flow(x: Tensor, dropout: None, context: Tensor) -> tuple[Tensor, Tensor]:
        slopes = context @ torch.tensor([2.0, 5.0])  # of the generating map, by state
        return x / slopes[:, None], -slopes.log()

    model: Any = SimpleNamespace(flow=flow, latent=DiscreteLatent(1, 2, "marginal", 4, 1))
    found = _slopes(model, TwoModes(1.0, 0.5))
    assert (found["max_slope"], found["gap_slope"]) == pytest.approx((5.0, 2.0))


def test_states_are_used_where_some_point_has_each() -> None:
    latent = DiscreteLatent(1, 3, "marginal", 4, 1)
    own = 50 * torch.eye(3).repeat(1, 4)  # (K, N): every point is of one state
    latent.by_state = lambda log_density, x: own  # type: ignore[method-assign]
    model: Any = SimpleNamespace(latent=latent, given=lambda masks: None)
    found = _states(model, torch.zeros(12, 1))
    assert found["states_used"] == pytest.approx(3.0)
    assert found["state_information_nats"] == pytest.approx(math.log(3))
    assert found["posterior_information_nats"] == pytest.approx(0.0, abs=1e-6)


def test_information_of_states() -> None:
    same, own = torch.full((4, 2), 0.5), torch.eye(2).repeat(2, 1)
    assert _information(same) == pytest.approx(0)
    assert _information(own) == pytest.approx(math.log(2))


def test_a_row_that_is_beyond_float16_is_kept_finite() -> None:
    values = kept(torch.tensor([-3.0, -1e6, 1e6], dtype=torch.float64))
    assert values.dtype == np.float16
    assert values.tolist() == [-3.0, -65504.0, 65504.0]


def test_tabular_rows_are_chosen_by_the_data_seed() -> None:
    data = {"name": "breast_cancer", "train_rows": 50}
    one, again, other = (load_density_data(data, seed, Path()) for seed in (1, 1, 2))
    assert one.train.shape == (50, 30)
    assert one.digest == again.digest != other.digest
    np.testing.assert_array_equal(one.test, other.test)
