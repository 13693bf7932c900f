"""What is measured at the headline: held-out data, the oracle, samples, and a perturbed start."""

import math

import pytest
import torch

from repro.config.tasks.identifiability import updates
from repro.data.held_out import fresh, split
from repro.data.sources import generate, oracle_log_likelihood
from repro.experiments.headline import compare_samples
from repro.experiments.identifiability import Pack, count_updates, run, start
from repro.jobs import Context, SeedPair
from repro.metrics.identifiability import mean_correlation

SEEDS = (SeedPair(1, 1), SeedPair(2, 3))
HELD = ("data.points_per_segment=40", "data.held_out=0.5", "training.max_updates=3",
        "evaluation.held_out_points=8", "evaluation.held_out_samples=7")  # fmt: skip


def first_metrics(config, seeds=SEEDS):
    return [outcome.metrics for outcome in run(config, seeds, Context())]


def test_held_out_points_are_scored_and_not_trained_on(make_config, model):
    config = make_config(model, *HELD)
    outcomes = run(config, SEEDS, Context())
    for pair, outcome in zip(SEEDS, outcomes, strict=True):
        assert len(outcome.arrays["x"]) == 3 * 20
        train, held = split(generate(config["data"], pair.data_seed), 0.5)
        found = outcome.metrics
        oracle = oracle_log_likelihood(train, config["data"]).mean()
        assert found["oracle_log_likelihood"] == pytest.approx(oracle)
        density = oracle_log_likelihood(held, config["data"]).reshape(3, 20)[:, :8]
        assert found["held_out_oracle_log_likelihood"] == pytest.approx(density.mean())
        assert found["held_out_mcc"] != found["mcc"]
        assert math.isfinite(found["held_out_log_likelihood"])
        assert found["held_out_elbo"] <= found["held_out_log_likelihood"] + 1e-9


def test_held_out_scores_are_those_of_the_model_on_the_held_out_points(make_config):
    config = make_config("iflow", *HELD)
    pack = Pack(config, SEEDS, Context())
    pack.train()
    for index, pair in enumerate(SEEDS):
        model, found = pack.fit.stack.member(index), pack.outcome(index).metrics
        _, held = split(generate(config["data"], pair.data_seed), 0.5)
        x, segment = torch.from_numpy(held.x), torch.from_numpy(held.segment)
        with torch.no_grad():
            density = model.log_likelihood(x, segment)[0].reshape(3, 20)[:, :8].mean()
            z = model.latents(x, segment)[0].numpy()
        assert found["held_out_log_likelihood"] == pytest.approx(float(density), rel=1e-5)
        assert found["held_out_mcc"] == pytest.approx(mean_correlation(held.s, z), rel=1e-5)


def test_a_split_changes_the_count_of_updates_alike_in_plan_and_task(make_config):
    config = make_config("ivae", "data.points_per_segment=40", "data.held_out=0.5",
                         "training.max_updates=null", "training.epochs=3")  # fmt: skip
    assert updates(config) == count_updates(config) == 3 * 4


def test_the_headline_does_not_change_the_other_metrics(make_config, model):
    plain = first_metrics(make_config(model))
    measured = first_metrics(make_config(model, "evaluation.samples_per_segment=10"))
    for one, other in zip(plain, measured, strict=True):
        assert {key: other[key] for key in one} == one


def test_samples_are_compared_and_kept(make_config, model):
    config = make_config(model, "evaluation.samples_per_segment=10")
    [first, second] = run(config, SEEDS, Context())
    assert first.arrays["samples"].shape == (30, 2)
    assert not (first.arrays["samples"] == second.arrays["samples"]).all()
    assert 0 <= first.metrics["sample_c2st"] <= 1
    assert len(first.metrics["sample_energy_by_segment"]) == 3
    [alone] = run(config, SEEDS[1:], Context())
    assert (alone.arrays["samples"] == second.arrays["samples"]).all()


def test_true_samples_pass_and_wrong_ones_do_not(make_config):
    data = make_config("iflow", "data.points_per_segment=150")["data"]
    truth = generate(data, 1)
    right = compare_samples(truth, fresh(truth, 100, 7), 100, 1)
    wrong = compare_samples(truth, fresh(truth, 100, 7) + 3, 100, 1)
    assert right["sample_energy"] < right["sample_energy_truth"] + 0.02
    assert wrong["sample_energy_rejected"] == wrong["sample_c2st_rejected"] == 1
    assert wrong["sample_failed"] == 0


@pytest.mark.parametrize("word", ["data.prior=laplace", "data.noise=0.1"])
def test_fresh_points_stand_beside_samples_only_where_they_are_the_truths(make_config, word):
    words = ["evaluation.samples_per_segment=10", "data.points_per_segment=20"]
    [plain, *_] = run(make_config("iflow", *words), SEEDS, Context())
    [other, *_] = run(make_config("iflow", *words, word), SEEDS, Context())
    assert plain.metrics.keys() - other.metrics.keys() >= {
        "sample_energy_truth", "sample_c2st_truth"
    }  # fmt: skip
    assert "sample_energy" in other.metrics


def test_samples_that_are_not_finite_are_counted_and_left_out(make_config):
    data = make_config("iflow", "data.points_per_segment=40")["data"]
    truth = generate(data, 1)
    x = truth.x.copy()
    x[:3] = float("nan")
    assert compare_samples(truth, x, 40, 1)["sample_failed"] == 3


def test_a_perturbed_start_differs_by_about_its_size(make_config):
    plain = start(make_config("ivae"), 1)
    moved = start(make_config("ivae", "training.perturbation=1e-3"), 1)
    for one, other in zip(plain.parameters(), moved.parameters(), strict=True):
        if one.abs().max() > 0:
            assert not torch.equal(one, other)
            torch.testing.assert_close(one, other, rtol=6e-3, atol=1e-9)


def test_a_perturbation_changes_a_run_but_not_its_order_or_data(make_config, model):
    plain = first_metrics(make_config(model))[0]
    moved = first_metrics(make_config(model, "training.perturbation=1e-7"))[0]
    assert moved["mcc"] == pytest.approx(plain["mcc"], abs=1e-3)
    assert moved["mcc"] != plain["mcc"]
