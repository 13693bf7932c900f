"""The task: its outcomes, what they are made of, divergence, and going on after a stop."""

import json
import math

import numpy as np
import pytest
import torch

from repro.data.sources import generate
from repro.errors import ConfigError, StoreError
from repro.experiments import identifiability
from repro.experiments.identifiability import Pack, count_updates, run
from repro.jobs import Context, Interrupted, SeedPair
from repro.metrics.identifiability import matched_correlations, within_segment_mcc
from repro.models.base import count_parameters
from repro.models.registry import make_model
from repro.randomness import generator

SEEDS = (SeedPair(1, 1), SeedPair(2, 1), SeedPair(2, 7))
POINTS = ["4", "17", "end"]
AT_A_POINT = {
    "mcc",
    "mcc_posterior_mean",
    "mcc_posterior_sample",
    "correlations",
    "correlations_posterior_mean",
    "mcc_within_segment",
    "energy",
    "log_likelihood",
    "elbo",
    "learning_rate",
}
ONCE = {
    "updates",
    "parameters",
    "at",
    "learning_rate_low_at",
    "oracle_log_likelihood",
    "affine_r2",
    "procrustes",
    "rank_preservation",
}
OF_A_POSTERIOR = {"iflow": set(), "ivae": {"kl_by_source", "active_units"}}


def trained(config, seeds=SEEDS, **context):
    pack = Pack(config, seeds, Context(**context))
    pack.train()
    return pack


def assert_same(one, two):
    """Two outcomes are alike to the last bit, arrays included."""
    assert (one.seeds, one.status, one.metrics) == (two.seeds, two.status, two.metrics)
    assert (one.arrays is None) == (two.arrays is None)
    for name, values in (one.arrays or {}).items():
        np.testing.assert_array_equal(values, two.arrays[name])


def test_one_outcome_a_seed_in_the_order_asked_with_every_metric(make_config, model):
    config = make_config(model)
    outcomes = run(config, SEEDS, Context())
    assert [outcome.seeds for outcome in outcomes] == list(SEEDS)
    for outcome in outcomes:
        assert outcome.status == "done"
        assert set(outcome.metrics) == AT_A_POINT | ONCE | OF_A_POSTERIOR[model]
        assert list(outcome.metrics["at"]) == POINTS
        assert all(set(found) == AT_A_POINT for found in outcome.metrics["at"].values())
        assert outcome.metrics["updates"] == 30
        assert len(outcome.metrics["correlations"]) == 2
        numbers = [v for v in outcome.metrics.values() if isinstance(v, float)]
        assert all(math.isfinite(number) for number in numbers)
    assert outcomes[0].metrics["mcc"] != outcomes[1].metrics["mcc"]
    assert outcomes[1].metrics["mcc"] != outcomes[2].metrics["mcc"]


def test_metrics_are_plain_values_that_json_takes(make_config, model):
    for outcome in run(make_config(model), SEEDS, Context()):
        assert json.loads(json.dumps(outcome.metrics, allow_nan=False)) == outcome.metrics


def test_parameters_are_counted(make_config, model):
    config = make_config(model)
    [outcome] = run(config, SEEDS[:1], Context())
    expected = count_parameters(make_model(config["model"], 2, 3))
    assert outcome.metrics["parameters"] == expected


@pytest.mark.parametrize("primary", ["4", "17", "end"])
def test_the_headline_is_that_of_the_primary_point(make_config, model, primary):
    config = make_config(model, f"evaluation.primary='{primary}'")
    for outcome in run(config, SEEDS, Context()):
        found = outcome.metrics["at"][primary]
        assert {name: outcome.metrics[name] for name in found} == found
        others = [outcome.metrics["at"][p]["mcc"] for p in POINTS if p != primary]
        assert outcome.metrics["mcc"] not in others


@pytest.mark.parametrize("primary", ["4", "end"])
def test_the_arrays_are_what_the_headline_was_computed_from(make_config, model, primary):
    config = make_config(model, f"evaluation.primary='{primary}'")
    for outcome in run(config, SEEDS, Context()):
        arrays, metrics = outcome.arrays, outcome.metrics
        found = matched_correlations(arrays["s"], arrays["z"])
        assert found.mean == metrics["mcc"]
        assert found.correlations.tolist() == metrics["correlations"]
        within = within_segment_mcc(arrays["s"], arrays["z"], arrays["segment"])
        assert within == metrics["mcc_within_segment"]


def test_arrays_are_the_data_set_and_its_latents(make_config, model):
    config = make_config(model)
    for outcome in run(config, SEEDS, Context()):
        sources = generate(config["data"], outcome.seeds.data_seed)
        assert set(outcome.arrays) == {"s", "x", "z", "segment"}
        np.testing.assert_array_equal(outcome.arrays["s"], sources.s)
        np.testing.assert_array_equal(outcome.arrays["x"], sources.x)
        np.testing.assert_array_equal(outcome.arrays["segment"], sources.segment)
        kinds = {name: str(values.dtype) for name, values in outcome.arrays.items()}
        assert kinds == {"s": "float32", "x": "float32", "z": "float32", "segment": "int16"}


def test_arrays_come_only_when_asked(make_config, model):
    outcomes = run(make_config(model), SEEDS, Context(keep_arrays=False))
    assert all(outcome.arrays is None for outcome in outcomes)
    kept = run(make_config(model), SEEDS, Context())
    assert [o.metrics for o in outcomes] == [o.metrics for o in kept]


@pytest.mark.parametrize("latent", ["sample", "mean"])
def test_the_headline_is_of_the_posterior_sample_or_mean(make_config, model, latent):
    for outcome in run(make_config(model, f"evaluation.latent={latent}"), SEEDS, Context()):
        metrics = outcome.metrics
        assert metrics["mcc"] == metrics[f"mcc_posterior_{latent}"]
        if latent == "mean":
            assert metrics["correlations"] == metrics["correlations_posterior_mean"]
        same = metrics["mcc_posterior_sample"] == metrics["mcc_posterior_mean"]
        assert same == (model == "iflow")


@pytest.mark.parametrize("updates", [1, 20, 30])
def test_the_energy_is_minus_the_mean_loss_of_the_last_window(make_config, model, updates):
    pack = trained(make_config(model, f"training.max_updates={updates}"))
    for index, outcome in enumerate(pack.outcomes()):
        assert outcome.metrics["energy"] == -float(pack.fit.window_mean[index])
        assert outcome.metrics["learning_rate"] == float(pack.fit.schedule.rates[index])


def initial(config, model_seed):
    """The model as it starts, derived from its seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator(model_seed, "init").initial_seed())
        return make_model(config["model"], config["data"]["dim"], config["data"]["segments"])


def test_after_one_update_the_energy_is_minus_the_first_batch_s_loss(make_config, model):
    config = make_config(model, "training.max_updates=1")
    for outcome in run(config, SEEDS, Context()):
        data_seed, model_seed = outcome.seeds
        sources, fresh = generate(config["data"], data_seed), initial(config, model_seed)
        rows = torch.randperm(60, generator=generator(model_seed, "order"))[:16]
        x, segment = (torch.from_numpy(v)[rows] for v in (sources.x, sources.segment))
        noise = fresh.draw_noise(16, generator(model_seed, fresh.noise_stream))
        loss = float(fresh(x, segment, noise).detach())
        assert outcome.metrics["energy"] == pytest.approx(-loss, rel=1e-5)


def test_the_log_likelihood_is_what_the_plain_model_says(make_config, model):
    config = make_config(model)
    pack = trained(config)
    for index, outcome in enumerate(pack.outcomes()):
        data_seed, model_seed = outcome.seeds
        sources = generate(config["data"], data_seed)
        x, segment = torch.from_numpy(sources.x), torch.from_numpy(sources.segment)
        source = generator(model_seed, "evaluation")
        for_latents, for_bound = (
            torch.randn(shape, generator=source) for shape in ((60, 2), (4, 60, 2))
        )
        member = pack.fit.stack.member(index)
        with torch.no_grad():
            bound, elbo = member.log_likelihood(x, segment, for_bound)
            sample, mean = member.latents(x, segment, for_latents)
        metrics = outcome.metrics
        assert metrics["log_likelihood"] == pytest.approx(float(bound.mean()), rel=1e-5)
        assert metrics["elbo"] == pytest.approx(float(elbo.mean()), rel=1e-5)
        np.testing.assert_allclose(outcome.arrays["z"], sample, rtol=1e-4, atol=1e-5)
        for name, latents in (("sample", sample), ("mean", mean)):
            expected = matched_correlations(sources.s, latents.numpy()).mean
            assert metrics[f"mcc_posterior_{name}"] == pytest.approx(expected, rel=1e-5)


def test_training_helps(make_config, model):
    before, after = (
        run(
            make_config(model, f"training.max_updates={n}", "training.epochs=200"),
            SEEDS,
            Context(),
        )
        for n in (1, 300)
    )
    for one, two in zip(before, after, strict=True):
        assert two.metrics["log_likelihood"] > one.metrics["log_likelihood"] + 0.5


@pytest.mark.parametrize("order", ["fixed", "reshuffle"])
def test_a_seed_s_outcome_does_not_depend_on_its_pack(make_config, model, order):
    config = make_config(model, f"training.order={order}")
    together = run(config, SEEDS, Context())
    others = (SEEDS[2], SeedPair(5, 3), SEEDS[0])
    for outcome in run(config, others, Context()):
        if outcome.seeds in SEEDS:
            assert_same(outcome, together[SEEDS.index(outcome.seeds)])
    [alone] = run(config, SEEDS[1:2], Context())
    assert_same(alone, together[1])


def test_nor_does_that_of_a_model_as_wide_as_the_published_batch(make_config, model):
    words = ["model.hidden=64", "training.batch_size=64", "data.points_per_segment=50"]
    config = make_config(model, *words)
    together = run(config, SEEDS, Context())
    [alone] = run(config, SEEDS[1:2], Context())
    assert_same(alone, together[1])


def test_evaluating_on_the_way_changes_nothing(make_config, model):
    config = make_config(model)
    often, once = (
        run({**config, "evaluation": {**config["evaluation"], "at": at}}, SEEDS, Context())
        for at in ([0, 1, 2, 3, 9, 29], [])
    )
    for one, two in zip(often, once, strict=True):
        assert one.metrics["at"]["end"] == two.metrics["at"]["end"]
        assert one.metrics["at"]["29"] == one.metrics["at"]["end"]  # named from zero: the 30th


@pytest.mark.parametrize("primary", ["30", "2500"])
def test_a_primary_point_that_is_never_reached_is_refused_at_once(make_config, model, primary):
    config = make_config(model)
    config["evaluation"] |= {"at": [4, 30, 2500], "primary": primary}
    with pytest.raises(ConfigError, match=rf"primary={primary}.*30 updates.*choose one of 4, end"):
        run(config, SEEDS, Context())


def test_points_beyond_the_training_are_skipped(make_config, model):
    config = make_config(model)
    config["evaluation"]["at"] = [4, 30, 2500]
    assert list(run(config, SEEDS, Context())[0].metrics["at"]) == ["4", "end"]


@pytest.mark.parametrize(
    ("words", "updates"),
    [
        (["segments=40", "data.points_per_segment=1000", "training.batch_size=64"], 12_500),
        (["segments=5", "data.points_per_segment=1000", "training.batch_size=64"], 1_580),
        (["segments=5", "data.points_per_segment=1000", "training.batch_size=8"], 12_500),
    ],
)
def test_updates_of_the_published_runs(make_config, words, updates):
    free = [*words, "training.max_updates=null", "training.epochs=20"]
    assert count_updates(make_config("ivae", *free)) == updates
    limited = make_config("ivae", *words, "training.max_updates=7")
    assert count_updates(limited) == 7


def poison(monkeypatch, data_seed, value=math.inf, row=33):
    """Makes one row of one data set unusable."""

    def spoilt(data, seed):
        sources = generate(data, seed)
        if seed == data_seed:
            sources.x[row] = value
        return sources

    monkeypatch.setattr(identifiability, "generate", spoilt)


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_a_diverged_seed_is_an_outcome_and_the_others_are_as_ever(
    make_config, model, monkeypatch, value
):
    config = make_config(model)
    seeds = (SeedPair(1, 1), SeedPair(3, 1), SeedPair(2, 7))
    clean = run(config, seeds, Context())
    poison(monkeypatch, data_seed=3, value=value)
    first, spoilt, last = run(config, seeds, Context())
    assert_same(first, clean[0])
    assert_same(last, clean[2])
    order = torch.randperm(60, generator=generator(1, "order")).tolist()
    assert spoilt.status == "diverged"
    assert spoilt.metrics["diverged_at"] == order.index(33) // 16
    assert spoilt.arrays is None
    assert spoilt.metrics["parameters"] == clean[0].metrics["parameters"]


@pytest.mark.parametrize("updates", [1, 30])
def test_a_run_that_explodes_ends_as_diverged_even_at_its_last_update(make_config, model, updates):
    """A huge learning rate: parameters that no loss has seen yet may already be useless."""
    words = ["training.learning_rate=1e30", f"training.max_updates={updates}"]
    config = make_config(model, *words)
    config["evaluation"]["at"] = [0]
    for outcome in run(config, SEEDS, Context()):
        assert outcome.status == "diverged"
        assert 0 <= outcome.metrics["diverged_at"] <= 1
        assert outcome.arrays is None


class Stopper:
    """Asks for a stop once so many updates are made."""

    def __init__(self, after):
        self.after, self.made = after, 0

    def progress(self, step, steps):
        self.made = step

    def __call__(self):
        return self.made >= self.after


def interrupt(config, path, after, seeds=SEEDS, resume_from=None):
    stopper = Stopper(after)
    context = Context(
        checkpoint=path,
        resume_from=resume_from,
        progress=stopper.progress,
        stop_requested=stopper,
    )
    with pytest.raises(Interrupted):
        run(config, seeds, context)
    assert path.exists()


@pytest.mark.parametrize("order", ["fixed", "reshuffle"])
@pytest.mark.parametrize("after", [2, 10, 18])  # before, between and after the evaluations
def test_interrupted_and_resumed_is_uninterrupted(make_config, model, order, after, tmp_path):
    config = make_config(model, f"training.order={order}", "evaluation.primary='4'")
    straight = run(config, SEEDS, Context())
    interrupt(config, tmp_path / "c.pt", after)
    context = Context(resume_from=tmp_path / "c.pt")
    for outcome, expected in zip(run(config, SEEDS, context), straight, strict=True):
        assert_same(outcome, expected)
    assert context.resumed_at == after


def test_a_stop_while_measuring_is_noticed_and_costs_no_training(make_config, model, tmp_path):
    config = make_config(model)
    [first, *_] = straight = run(config, SEEDS, Context())
    updates = first.metrics["updates"]
    interrupt(config, tmp_path / "c.pt", after=updates)
    context = Context(resume_from=tmp_path / "c.pt")
    for outcome, expected in zip(run(config, SEEDS, context), straight, strict=True):
        assert_same(outcome, expected)
    assert context.resumed_at == updates


def test_a_part_of_the_pack_goes_on_from_the_checkpoint_of_the_whole(make_config, model, tmp_path):
    config = make_config(model)
    straight = run(config, SEEDS, Context())
    interrupt(config, tmp_path / "c.pt", after=10)
    part = (SEEDS[2], SEEDS[0])
    outcomes = run(config, part, Context(resume_from=tmp_path / "c.pt"))
    assert_same(outcomes[0], straight[2])
    assert_same(outcomes[1], straight[0])


def test_a_resumed_run_can_be_interrupted_again(make_config, model, tmp_path):
    config = make_config(model)
    straight = run(config, SEEDS, Context())
    interrupt(config, tmp_path / "c.pt", after=6)
    interrupt(config, tmp_path / "c.pt", after=20, resume_from=tmp_path / "c.pt")
    context = Context(resume_from=tmp_path / "c.pt")
    for outcome, expected in zip(run(config, SEEDS, context), straight, strict=True):
        assert_same(outcome, expected)
    assert context.resumed_at == 20


def test_a_checkpoint_of_other_seeds_is_refused_with_the_remedy(make_config, model, tmp_path):
    config = make_config(model)
    interrupt(config, tmp_path / "c.pt", after=6)
    with pytest.raises(StoreError, match="delete it and run again"):
        run(config, (SeedPair(99, 1),), Context(resume_from=tmp_path / "c.pt"))


@pytest.mark.parametrize(("before", "after"), [(True, False), (False, True), (True, True)])
def test_a_resumed_run_keeps_arrays_as_it_is_asked_to(make_config, model, before, after, tmp_path):
    """What is asked of the run that ends counts, not what was asked of the one that stopped."""
    config = make_config(model, "evaluation.primary='4'")
    path, stopper = tmp_path / "c.pt", Stopper(10)
    stopped = Context(checkpoint=path, keep_arrays=before, progress=stopper.progress)
    stopped.stop_requested = stopper
    with pytest.raises(Interrupted):
        run(config, SEEDS, stopped)
    outcomes = run(config, SEEDS, Context(resume_from=path, keep_arrays=after))
    assert [outcome.arrays is not None for outcome in outcomes] == [after] * 3


def test_a_fresh_run_says_that_it_was_not_resumed_and_reports_progress(make_config, model):
    steps = []
    context = Context(progress=lambda *step: steps.append(step))
    run(make_config(model, "training.max_updates=3", "evaluation.at=[1]"), SEEDS[:1], context)
    assert context.resumed_at is None
    assert steps == [(1, 3), (2, 3), (3, 3)]


def test_the_global_generators_take_no_part(make_config, model):
    outcomes = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - the global one on purpose
        outcomes.append(run(make_config(model), SEEDS, Context()))
    for one, two in zip(*outcomes, strict=True):
        assert_same(one, two)
