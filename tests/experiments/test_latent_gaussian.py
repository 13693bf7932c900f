"""The task latent_gaussian: its bounds, packs, resumption, data and limits."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch

from repro.config.compose import compose_tree
from repro.data.binarisation import binarise
from repro.data.images import digest, load_images
from repro.errors import ConfigError, DataError
from repro.experiments.bounds import annealed_nll, measure
from repro.experiments.image_rows import image_rows
from repro.experiments.latent_gaussian import Pack, _annealing, fall_in_last_fifth, run
from repro.jobs import Context, Interrupted, SeedPair
from repro.models.latent_gaussian import LatentGaussian
from repro.randomness import generator
from repro.training.seed_stack import SeedStack

TINY = [
    "experiment=mnist_bounds",
    "scale=quick",
    "arm=gaussian",
    "model.latents=3",
    "model.units=6",
    "model.flow=planar",
    "model.flow_length=2",
    "model.annealing_updates=4",
    "training.updates=8",
    "training.log_every=2",
    "training.learning_rate=0.01",
    "training.batch_size=50",
    "evaluation.images=12",
    "evaluation.importance_samples=5",
    "evaluation.annealed_images=0",
    "evaluation.tighter_images=0",
]
SEEDS = (SeedPair(1, 1), SeedPair(1, 2), SeedPair(2, 1))


def make(tree, *words):
    last = {word.partition("=")[0]: word for word in (*TINY, *words)}
    [composition] = compose_tree(tree, list(last.values()))
    return composition.cells[0].config


def same(one, two):
    assert (one.seeds, one.status, one.metrics) == (two.seeds, two.status, two.metrics)
    for name, values in one.arrays.items():
        np.testing.assert_array_equal(values, two.arrays[name])


def test_a_row_holds_bounds_that_fit_together_and_the_hash_of_its_images(tree):
    outcomes = run(make(tree), SEEDS, Context())
    assert [outcome.seeds for outcome in outcomes] == list(SEEDS)
    for outcome in outcomes:
        metrics = outcome.metrics
        assert outcome.status == "done"
        assert json.loads(json.dumps(metrics, allow_nan=False))["updates"] == 8
        assert metrics["gap"] == pytest.approx(metrics["free_energy"] - metrics["nll"], abs=1e-4)
        assert metrics["gap"] > 0
        assert 1 <= metrics["effective_samples"] <= 5
        assert outcome.arrays["nll"].shape == (12,)
        assert metrics["nll"] == pytest.approx(outcome.arrays["nll"].mean(), rel=1e-5)
        assert [step for step, _ in metrics["curve"]] == [3, 5, 7]
    test = load_images("digits", ".").test
    assert outcomes[0].metrics["sha256"]["test"] == digest(binarise(test, "static", 1, "test"))
    assert outcomes[0].metrics["sha256"] == outcomes[1].metrics["sha256"]
    assert outcomes[0].metrics["sha256"]["test"] != outcomes[2].metrics["sha256"]["test"]
    assert outcomes[0].metrics["nll"] != outcomes[1].metrics["nll"]


def test_a_seed_finds_the_same_in_any_pack(tree):
    config = make(tree)
    whole = run(config, SEEDS, Context())
    for index in (0, 2):
        same(run(config, SEEDS[index : index + 1], Context())[0], whole[index])


@pytest.mark.parametrize(("asked", "at"), [(5, 5), (8, 8)])
def test_an_interrupted_job_goes_on_to_the_same_numbers(tree, tmp_path, asked, at):
    """In training, or in measuring after the last of 8 updates."""
    config, file = make(tree), tmp_path / "checkpoint.pt"
    calls = []

    def stop():
        calls.append(None)
        return len(calls) > asked

    with pytest.raises(Interrupted):
        run(config, SEEDS[:2], Context(checkpoint=file, stop_requested=stop))
    resumed = Context(resume_from=file)
    [found] = run(config, SEEDS[1:2], resumed)
    assert resumed.resumed_at == at
    same(found, run(config, SEEDS[:2], Context())[1])


def test_training_lowers_the_free_energy_of_images_not_trained_on(tree):
    words = ["training.optimiser=adam", "model.annealing=none", "evaluation.images=100"]
    before, after = (
        run(make(tree, *words, f"training.updates={n}"), SEEDS[:1], Context())[0].metrics
        for n in (2, 60)
    )
    assert after["free_energy"] < before["free_energy"] - 5


def test_the_annealing_reaches_the_model(tree):
    found = {
        annealing: run(make(tree, f"model.annealing={annealing}"), SEEDS[:1], Context())[0].metrics
        for annealing in ("none", "joint", "kl")
    }
    assert len({metrics["nll"] for metrics in found.values()}) == 3
    first = {annealing: metrics["curve"][0][1] for annealing, metrics in found.items()}
    assert first["joint"] < first["kl"] < first["none"]


def test_the_validation_images_are_the_last_ones_and_never_trained_on(tree):
    data = make(tree, "data.validation=200")["data"]
    rows, all_rows = image_rows(data, 1, "."), image_rows(data | {"validation": 0}, 1, ".")
    assert (len(rows.train), len(rows.validation)) == (1300, 200)
    torch.testing.assert_close(torch.cat((rows.train, rows.validation)), all_rows.train)
    assert rows.sha256 == all_rows.sha256
    words = ("data.validation=200", "evaluation.split=validation")
    [outcome] = run(make(tree, *words), SEEDS[:1], Context())
    [other] = run(make(tree, "data.validation=200"), SEEDS[:1], Context())
    assert outcome.metrics["nll"] != other.metrics["nll"]


def test_patches_are_values_inside_the_unit_interval(tree):
    words = ("data=image_patches", "data.dataset=digits", "data.size=4", "data.per_image=3",
             "data.validation=10", "model.likelihood=logit_normal")  # fmt: skip
    config = make(tree, *words)
    rows = image_rows(config["data"], 1, ".")
    assert rows.train.shape == (1490 * 3, 16)
    assert rows.validation.shape == (30, 16)
    assert (rows.test.min(), rows.test.max()) == pytest.approx((1e-4, 1 - 1e-4))
    [outcome] = run(config, SEEDS[:1], Context())
    assert outcome.status == "done"
    assert math.isfinite(outcome.metrics["nll"])


@pytest.mark.parametrize("rows", [1000, 3])
def test_importance_and_annealed_estimates_agree_where_the_posterior_is_the_prior(
    tree, monkeypatch, rows
):
    """A decoder that ignores its latents: every estimate of -log p is exact, in parts too."""
    monkeypatch.setattr("repro.experiments.bounds.LATENT_ROWS", rows)
    config = make(tree, "model.flow=none", "model.flow_length=0")
    torch.manual_seed(0)
    model = LatentGaussian(config["model"], 64)
    with torch.no_grad():
        for layer in (model.output, model.mean, model.log_variance):
            layer.weight.zero_()
        model.mean.bias.zero_()
        model.log_variance.bias.zero_()
    x = image_rows(config["data"], 1, ".").test[:6]
    found = measure(SeedStack([model]), [x], 3, [1], 4)
    annealing = {"annealed_chains": 2, "annealed_temperatures": 5, "annealed_pilots": 0}
    annealed = annealed_nll(model, x, 1, annealing)
    piloted = annealed_nll(model, x, 1, {**annealing, "annealed_pilots": 3})
    exact = -model.log_likelihood(x, torch.zeros(6, 3))
    torch.testing.assert_close(found.effective[0], torch.full((6,), 4.0), atol=0.01, rtol=0)
    for estimate in (found.free_energy[0], found.nll[0], annealed, piloted):
        torch.testing.assert_close(estimate, exact.detach(), atol=1e-3, rtol=0)


def test_the_temperature_rises_from_a_hundredth_as_the_paper_s():
    temperature = _annealing({"annealing": "joint", "annealing_updates": 10_000})
    assert [temperature(i) for i in (0, 5000, 9900, 20_000)] == pytest.approx([0.01, 0.51, 1, 1])
    assert _annealing({"annealing": "none", "annealing_updates": 10_000}) is None


def test_the_chains_of_an_image_move_by_its_own_pilots_steps(tree, monkeypatch):
    seen = {}

    def weights(log_likelihood, rows, dim, temperatures, source, steps):
        seen["steps"] = steps
        return torch.zeros(rows)

    bounds = "repro.experiments.bounds."
    monkeypatch.setattr(bounds + "learnt_steps", lambda *_: torch.tensor([[0.1, 0.2]]))
    monkeypatch.setattr(bounds + "annealed_log_weights", weights)
    config = make(tree)
    annealing = {"annealed_chains": 3, "annealed_temperatures": 1, "annealed_pilots": 2}
    annealed_nll(LatentGaussian(config["model"], 64), torch.zeros(2, 64), 1, annealing)
    torch.testing.assert_close(seen["steps"], torch.tensor([[0.1] * 3 + [0.2] * 3]))


def test_evaluation_noise_is_the_model_seed_s_own(tree):
    config = make(tree)
    pack = Pack(config, SEEDS[:2], Context())
    rows = [pack._held_out(0)] * 2
    both = measure(pack.fit.stack, rows, 3, [1, 2], 5)
    swapped = measure(pack.fit.stack, rows, 3, [2, 2], 5)
    torch.testing.assert_close(both.nll[1], swapped.nll[1], rtol=0, atol=0)
    assert (both.nll[0] != swapped.nll[0]).any()
    assert generator(1, "evaluation").initial_seed() != generator(2, "evaluation").initial_seed()


def test_a_row_checks_its_bound_by_annealing_and_can_do_without_arrays(tree):
    words = ("evaluation.annealed_images=3", "evaluation.annealed_chains=2",
             "evaluation.annealed_temperatures=4")  # fmt: skip
    [outcome] = run(make(tree, *words), SEEDS[:1], Context(keep_arrays=False))
    check = outcome.metrics["check"]
    assert check["images"] == 3
    assert check["difference"] == pytest.approx(check["nll_importance"] - check["nll_annealed"])
    assert "nll_tighter" not in check
    assert outcome.arrays is None


@pytest.mark.parametrize("images", [2, 3, 5])
def test_the_check_is_made_by_more_samples_too_where_they_cover_its_images(tree, images):
    words = ("evaluation.annealed_images=3", "evaluation.annealed_chains=2",
             "evaluation.annealed_temperatures=4", "evaluation.annealed_pilots=2",
             f"evaluation.tighter_images={images}", "evaluation.tighter_samples=50")  # fmt: skip
    [outcome] = run(make(tree, *words), SEEDS[:1], Context(keep_arrays=False))
    check = outcome.metrics["check"]
    assert ("difference_tighter" in check) == (images >= 3)
    if images >= 3:
        many = check["nll_tighter"] - check["nll_annealed"]
        assert check["difference_tighter"] == pytest.approx(many)
        assert check["difference_tighter_se"] > 0


def test_more_samples_tighten_the_bound_on_the_same_images(tree):
    words = ("evaluation.tighter_images=5", "evaluation.tighter_samples=2500")
    [plain] = run(make(tree), SEEDS[:1], Context())
    [outcome] = run(make(tree, *words), SEEDS[:1], Context())
    tighter = outcome.metrics.pop("tighter")
    assert plain.metrics == outcome.metrics  # nothing else changes
    few = outcome.arrays["nll"][:5]
    assert tighter["nll_fewer"] == pytest.approx(float(few.mean()), rel=1e-6)
    assert tighter["difference"] == pytest.approx(tighter["nll_fewer"] - tighter["nll"])
    assert (tighter["images"], tighter["samples"]) == (5, 2500)
    assert 5 < tighter["effective_samples"] <= 2500


def test_a_lost_seed_is_a_row_that_says_when(tree):
    [outcome] = run(make(tree, "training.learning_rate=1e30"), SEEDS[:1], Context())
    assert outcome.status == "diverged"
    assert 0 < outcome.metrics["diverged_at"] <= 8


def test_the_fall_over_the_last_fifth_is_from_80_percent_to_the_end():
    curve = [(n, 100.0 - n) for n in range(1, 101)]
    assert fall_in_last_fifth(curve) == pytest.approx(20)
    assert fall_in_last_fifth(curve[:19]) is None


def test_missing_images_are_named_with_the_command_that_fetches_them(tree, tmp_path):
    with pytest.raises(DataError, match="repro data fetch mnist"):
        run(
            make(tree, "data.dataset=mnist"),
            SEEDS[:1],
            dataclasses.replace(Context(), data=tmp_path),
        )


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["data.validation=1500"], "nearest valid value is 1499"),
        (["evaluation.split=validation"], "needs data.validation"),
        (["training.batch_size=1501"], "nearest valid value is 1500"),
        (["model.likelihood=logit_normal"], "write model.likelihood=bernoulli"),
        (["model.flow_length=0"], "write none and 0"),
        (["model.flow=planer"], "planar"),
    ],
)
def test_values_that_do_not_go_together_are_refused(tree, words, remedy):
    with pytest.raises(ConfigError, match=remedy):
        make(tree, *words)
