"""The tasks of image densities on tiny flows: what they find, and that stopping is harmless."""

import dataclasses
import math

import pytest
import torch

from repro.config.compose import compose_all
from repro.errors import ConfigError, DataError
from repro.experiments import iflow_image, nvf_image
from repro.experiments.image_scores import Scorer, bits
from repro.experiments.image_sets import image_set
from repro.jobs import Context, Interrupted, SeedPair
from repro.models.nvf_image import NVFImage
from repro.training.fit import Fit

TASKS = {"iflow_mnist": iflow_image, "nvf_images": nvf_image}


def tiny(experiment, *overrides):
    words = [f"experiment={experiment}", "scale=smoke", *overrides]
    return compose_all(words)[0].cells[0].config


def run(experiment, config, seeds=(1,), context=None):
    pairs = tuple(SeedPair(1, seed) for seed in seeds)
    return TASKS[experiment].run(config, pairs, context or Context())


def numbers(outcome):
    return {k: v for k, v in outcome.metrics.items() if isinstance(v, int | float)}


def test_iflow_of_images_scores_and_draws():
    [outcome] = run("iflow_mnist", tiny("iflow_mnist"))
    assert outcome.status == "done"
    found = outcome.metrics
    assert found["values"] == 64
    assert found["cdf_error"] < 1e-6
    assert 0 <= found["class_agreement"] <= 1
    assert {name: array.shape for name, array in outcome.arrays.items()} == {
        "samples": (40, 1, 8, 8),
        "cooler": (40, 1, 8, 8),
        "interpolations": (45, 1, 8, 8),
        "morphs": (45, 1, 8, 8),
    }


@pytest.fixture(scope="module")
def iflow_scores():
    config = tiny("iflow_mnist")
    pack = iflow_image.IFlowImagePack(config, (SeedPair(1, 1),), Context())
    pack.train()
    return iflow_image._Scores(pack, pack.fit.stack.member(0), 1)


def test_bits_of_iflow_are_those_of_the_test_images(iflow_scores, monkeypatch):
    images, asked = iflow_scores.images, []

    def costs(these, labels):
        asked.append((these, labels))
        return torch.full((len(these),), 64 * math.log(2))

    monkeypatch.setattr(iflow_scores, "_costs", costs)
    assert iflow_scores.metrics()["bits_per_dim"] == pytest.approx(1.0)
    [(these, labels)] = asked
    assert these is images.test
    assert labels is images.test_labels


def test_the_class_by_density_is_the_one_of_highest_probability(iflow_scores, monkeypatch):
    model, images = iflow_scores.model, iflow_scores.images
    monkeypatch.setattr(iflow_scores, "_uniforms", lambda size: torch.full((size, 64), 0.5))
    pixels, middle = images.test.float(), torch.full((len(images.test), 64), 0.5)
    with torch.no_grad():
        by_class = torch.stack([
            model.log_probability(pixels, torch.full((len(pixels),), c), middle)
            for c in range(images.classes)
        ])  # fmt: skip
    expected = (by_class.argmax(dim=0) == images.test_labels).double().mean()
    assert iflow_scores._class_by_density() == pytest.approx(float(expected))


def test_distances_are_to_the_test_images_and_their_floor_that_of_training_ones():
    config = tiny("iflow_mnist")
    images = image_set(config["data"], Context().data)
    scorer = Scorer(images, config["evaluation"], Context().data)
    assert scorer.frechet(images.test) == pytest.approx(0, abs=1e-6)
    assert scorer.floor == scorer.frechet(images.train[: config["evaluation"]["samples"]]) > 0


def test_bits_have_the_standard_error_of_their_mean():
    found = bits(torch.tensor([1.0, 2.0, 3.0, 6.0]) * 8 * math.log(2), 8)
    assert found == {"mean": pytest.approx(3.0), "se": pytest.approx((14 / 3) ** 0.5 / 2)}


def test_bits_of_an_nvf_are_those_of_the_test_images(monkeypatch):
    def costs(self, images):
        bits_an_image = {id(self.images.test): 64.0, id(self.images.validation): 128.0}
        nats = torch.full((len(images),), bits_an_image[id(images)] * math.log(2))
        return {"likelihood": nats, "latent": nats, "uniform": 2 * nats}

    monkeypatch.setattr(nvf_image._Scores, "_costs", costs)
    [outcome] = run("nvf_images", tiny("nvf_images", "arm=mnist_flow"))
    found = outcome.metrics
    assert (found["bits_per_dim"], found["without_latent"]) == pytest.approx((2.0, 1.0))
    assert found["uniform_prior_bits_per_dim"] == pytest.approx(2.0)
    assert found["validation_bits_per_dim"] == pytest.approx(4.0)


def test_the_codes_of_an_nvf_are_paid_for():
    [outcome] = run("nvf_images", tiny("nvf_images", "arm=mnist_nvf"))
    found = outcome.metrics
    assert found["bits_per_dim"] == pytest.approx(
        found["without_latent"] + found["latent_bits_per_dim"]
    )
    assert found["uniform_prior_bits_per_dim"] == pytest.approx(4 * 4 / 64)  # 4 codes of 4 bits
    assert found["latent_bits_per_dim"] > 0
    assert outcome.arrays["reconstructions"].shape == (20, 1, 8, 8)


def test_a_flow_without_a_latent_pays_for_none():
    [outcome] = run("nvf_images", tiny("nvf_images", "arm=mnist_flow"))
    assert outcome.metrics["latent_bits_per_dim"] == 0
    assert "reconstructions" not in outcome.arrays


class StopAfter:
    """A request to stop that comes after so many questions."""

    def __init__(self, questions):
        self.left = questions

    def __call__(self):
        self.left -= 1
        return self.left < 0


@pytest.mark.parametrize(
    ("experiment", "overrides", "questions"),
    [
        ("iflow_mnist", [], 2),
        ("nvf_images", ["arm=mnist_nvf"], 2),
        ("nvf_images", ["arm=mnist_nvf"], 4),
    ],
    ids=["iflow", "density", "prior"],
)
def test_a_stopped_run_goes_on_to_the_same_result(tmp_path, experiment, overrides, questions):
    config = tiny(experiment, *overrides)
    [whole] = run(experiment, config)
    context = Context(checkpoint=tmp_path / "c.pt", stop_requested=StopAfter(questions))
    with pytest.raises(Interrupted):
        run(experiment, config, context=context)
    again = dataclasses.replace(Context(), resume_from=tmp_path / "c.pt")
    [resumed] = run(experiment, config, context=again)
    assert again.resumed_at is not None
    assert numbers(resumed) == numbers(whole)
    for name, array in whole.arrays.items():
        assert (resumed.arrays[name] == array).all()


@pytest.mark.parametrize("experiment", ["iflow_mnist", "nvf_images"])
def test_parameters_lost_in_the_last_update_are_a_diverged_seed(experiment, monkeypatch):
    config = tiny(experiment)
    train = Fit.run

    def spoil(fit, hooks):
        train(fit, hooks)
        for value in fit.stack.parameters.values():
            value.data[0] = math.nan

    monkeypatch.setattr(Fit, "run", spoil)
    spoilt, healthy = run(experiment, config, seeds=(1, 2))
    assert (spoilt.status, healthy.status) == ("diverged", "done")
    assert spoilt.metrics["diverged_at"] == config["training"]["updates"]


def test_one_sample_that_is_not_finite_costs_its_distance_and_not_the_run(monkeypatch):
    draw = NVFImage.sample

    def one_lost(self, *inputs):
        found = draw(self, *inputs).clone()
        found[0, 0, 0, 0] = math.nan
        return found

    monkeypatch.setattr(NVFImage, "sample", one_lost)
    [outcome] = run("nvf_images", tiny("nvf_images"))
    assert outcome.status == "done"
    assert math.isnan(outcome.metrics["frechet"])
    assert math.isfinite(outcome.metrics["bits_per_dim"])


def test_a_density_that_diverged_is_so_after_its_prior_was_trained_and_after_a_stop(tmp_path):
    config = tiny("nvf_images", "arm=mnist_nvf", "training.learning_rate=1e30")
    [whole] = run("nvf_images", config)
    assert whole.status == "diverged"
    assert whole.metrics["diverged_at"] < config["training"]["updates"]
    context = Context(checkpoint=tmp_path / "c.pt", stop_requested=StopAfter(4))
    with pytest.raises(Interrupted):
        run("nvf_images", config, context=context)
    again = dataclasses.replace(Context(), resume_from=tmp_path / "c.pt")
    [resumed] = run("nvf_images", config, context=again)
    assert (resumed.status, resumed.metrics) == ("diverged", whole.metrics)


@pytest.mark.parametrize(
    ("word", "remedy"),
    [
        ("evaluation.features=inception", "evaluation.features=classifier"),
        ("model.prior_pretrained=true", "model.prior_pretrained=false"),
    ],
)
def test_missing_weights_are_named_before_any_training(tmp_path, word, remedy):
    context = Context(data=tmp_path, progress=lambda *_: pytest.fail("it has trained"))
    with pytest.raises(DataError, match=remedy):
        run("nvf_images", tiny("nvf_images", "arm=mnist_nvf", word), context=context)


def test_a_seed_of_a_pack_is_close_to_itself_alone():
    config = tiny("nvf_images", "arm=mnist_nvf")
    together = run("nvf_images", config, seeds=(1, 2))
    [alone] = run("nvf_images", config, seeds=(2,))
    found = together[1].metrics["bits_per_dim"]
    assert found == pytest.approx(alone.metrics["bits_per_dim"], rel=1e-4)
    assert found != pytest.approx(together[0].metrics["bits_per_dim"], rel=1e-6)


@pytest.mark.parametrize(
    ("word", "remedy"),
    [
        ("model.flow_steps=[1,1,1,1]", "at most 3 levels"),
        ("model.flow_widths=[4]", "one width a level"),
        ("model.flow_steps=[1,0]", "must end with a level"),
        ("evaluation.sheet=1000", "at most evaluation.samples"),
        ("data.dataset=cifar-10", "data.pictures=plain"),
        ("model.prior_heads=3", "multiple of model.prior_heads"),
    ],
)
def test_values_that_do_not_go_together_are_refused(word, remedy):
    arm = "mnist_released" if "cifar" in word else "mnist_nvf"
    with pytest.raises(ConfigError, match=remedy):
        tiny("nvf_images", f"arm={arm}", word)
