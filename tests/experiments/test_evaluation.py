"""Evaluation goes through the data in fixed parts and draws its noise from the model seed."""

import math

import pytest
import torch

from repro.data.sources import generate
from repro.experiments import evaluation as evaluation_module
from repro.experiments.evaluation import evaluate
from repro.jobs import SeedPair
from repro.models.registry import make_model
from repro.training.seed_stack import SeedStack

POINTS = 1130  # more than one part of either kind, the last one smaller


@pytest.fixture
def stacked(make_config, model):
    """A maker of an untrained pack: its stack, data sets and evaluation config."""
    config = make_config(model, "segments=2", f"data.points_per_segment={POINTS // 2}")

    def make(*seeds):
        models = []
        for pair in seeds:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(pair.model_seed)
                models.append(make_model(config["model"], 2, 2))
        sources = [generate(config["data"], pair.data_seed) for pair in seeds]
        return SeedStack(models), sources, seeds, config["evaluation"]

    return make


PAIRS = (SeedPair(1, 1), SeedPair(2, 1), SeedPair(1, 2))


def test_parts_cover_every_point_once_and_in_order(stacked, model):
    stack, sources, seeds, evaluation = stacked(*PAIRS)
    metrics, z = evaluate(stack, sources, seeds, {**evaluation, "latent": "mean"})
    assert z.shape == (3, POINTS, 2)
    for index, truth in enumerate(sources):
        x, segment = torch.from_numpy(truth.x), torch.from_numpy(truth.segment)
        member = stack.member(index)
        with torch.no_grad():
            _, mean = member.latents(x, segment, torch.zeros_like(x))
            torch.testing.assert_close(z[index], mean, rtol=1e-4, atol=1e-5)
            if model == "iflow":
                exact = member.log_likelihood(x, segment)[0].double().mean()
                assert metrics[index]["log_likelihood"] == pytest.approx(float(exact), rel=1e-5)
                assert metrics[index]["elbo"] == metrics[index]["log_likelihood"]


def test_it_repeats_itself_and_is_the_same_in_any_pack(stacked):
    stack, *rest = stacked(*PAIRS)
    (metrics, z), (again, z_again) = evaluate(stack, *rest), evaluate(stack, *rest)
    assert metrics == again
    assert torch.equal(z, z_again)
    others, z_others = evaluate(*stacked(PAIRS[2], PAIRS[1]))
    assert others == [metrics[2], metrics[1]]
    assert torch.equal(z_others, z[[2, 1]])


@pytest.mark.parametrize("model", ["ivae"])
def test_noise_is_fresh_in_every_part(stacked):
    stack, sources, seeds, evaluation = stacked(*PAIRS)
    _, sample = evaluate(stack, sources, seeds, {**evaluation, "latent": "sample"})
    _, mean = evaluate(stack, sources, seeds, {**evaluation, "latent": "mean"})
    noise = sample - mean
    assert not torch.isclose(noise[:, :130], noise[:, 1000:]).all(dim=-1).any()


@pytest.mark.parametrize("model", ["ivae"])
def test_more_importance_samples_tighten_the_bound(stacked):
    stack, sources, seeds, evaluation = stacked(*PAIRS)
    one, many = (
        evaluate(stack, sources, seeds, {**evaluation, "importance_samples": count})[0]
        for count in (1, 50)
    )
    for loose, tight in zip(one, many, strict=True):
        assert loose["log_likelihood"] == pytest.approx(loose["elbo"], rel=1e-6)
        assert tight["log_likelihood"] > tight["elbo"]
        assert tight["log_likelihood"] > loose["log_likelihood"]


def test_it_records_no_gradients(stacked):
    _, z = evaluate(*stacked(*PAIRS))
    assert not z.requires_grad


def spoil(stack, name, value):
    """Give the second seed a parameter that no training should end with."""
    with torch.no_grad():
        stack.parameters[name][1] = value


def test_a_seed_whose_latents_are_not_finite_has_no_metrics_and_the_others_do(stacked, model):
    stack, *rest = stacked(*PAIRS)
    clean, z_clean = evaluate(stack, *rest)
    layer = "encoder_mean.layers.2.bias" if model == "ivae" else "flow._members.1.bias"
    spoil(stack, layer, torch.nan)
    found, z = evaluate(stack, *rest)
    assert found == [clean[0], None, clean[2]]
    assert torch.equal(z[[0, 2]], z_clean[[0, 2]])


def test_a_likelihood_that_overflows_leaves_the_seed_its_other_metrics(stacked, model):
    stack, *rest = stacked(*PAIRS)
    clean, z_clean = evaluate(stack, *rest)
    if model == "ivae":
        spoil(stack, "decoder.layers.2.weight", 1e30)
    else:
        spoil(stack, "prior.4.bias", -1e30)
    found, z = evaluate(stack, *rest)
    assert torch.equal(z, z_clean)
    assert (found[0], found[2]) == (clean[0], clean[2])
    changed = {name for name in clean[1] if found[1][name] != clean[1][name]}
    assert changed == {"log_likelihood", "elbo"}
    assert not math.isfinite(found[1]["log_likelihood"])


def test_an_exact_likelihood_takes_few_large_parts_and_no_samples(stacked, model, monkeypatch):
    stack, *rest = stacked(*PAIRS)
    shapes = []
    call = stack.call

    def counted(method, *inputs, **options):
        if method == "log_likelihood":
            shapes.append(tuple(inputs[2].shape[1:3]))
        return call(method, *inputs, **options)

    monkeypatch.setattr(stack, "call", counted)
    evaluate(stack, *rest)
    if model == "iflow":
        assert shapes == [(1, 1000), (1, 130)]
    else:
        assert shapes == [(4, 125)] * 9 + [(4, 5)]


def test_many_draws_in_parts_are_one_estimate(stacked, monkeypatch):
    """Five draws in parts of two are a bound between those of one and of many."""
    monkeypatch.setattr(evaluation_module, "IMPORTANCE_SAMPLES", 2)
    found = [(torch.tensor([[1.0]]), torch.tensor([[0.0]])),
             (torch.tensor([[3.0]]), torch.tensor([[2.0]])),
             (torch.tensor([[2.0]]), torch.tensor([[5.0]]))]  # fmt: skip
    counts = evaluation_module._counts(5)
    assert counts == [2, 2, 1]
    bound, elbo = evaluation_module._joined(found, counts)
    weights = [2 * math.exp(1.0), 2 * math.exp(3.0), math.exp(2.0)]
    assert float(bound) == pytest.approx(math.log(sum(weights) / 5))
    assert float(elbo) == pytest.approx((2 * 0 + 2 * 2 + 5) / 5)
    stack, sources, seeds, evaluation = stacked(PAIRS[0])
    [once] = evaluate(stack, sources, seeds, {**evaluation, "importance_samples": 5})[0]
    monkeypatch.setattr(evaluation_module, "IMPORTANCE_SAMPLES", 250)
    [whole] = evaluate(stack, sources, seeds, {**evaluation, "importance_samples": 5})[0]
    assert once["log_likelihood"] == pytest.approx(whole["log_likelihood"], rel=0.02)
    assert once["mcc"] == whole["mcc"]
