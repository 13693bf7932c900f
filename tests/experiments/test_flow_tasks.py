"""The tasks on flows: exact checks, GIN and densities, on tiny configs."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from repro.config.compose import compose_tree
from repro.data.hidden_sources import Points
from repro.errors import ConfigError
from repro.experiments import circulant, density_fit, determinants, gin_sources
from repro.flows.boundaries import BOUNDARIES, SYMMETRIC
from repro.jobs import Context, Interrupted, SeedPair

SMALL = {
    "gin_sources": ["data.points=60", "training.batch_size=30", "training.updates=4"],
    "convolution_density": ["data.points=40", "training.batch_size=20", "training.updates=4"],
    "circular_convolution": [],
    "determinant_identities": [],
}


def config(tree, experiment, *words):
    given = {word.partition("=")[0] for word in words}
    small = [word for word in SMALL[experiment] if word.partition("=")[0] not in given]
    all_words = [f"experiment={experiment}", "scale=smoke", *small, *words]
    [composition] = compose_tree(tree, all_words)
    return composition.cells[0].config


PAIRS = (SeedPair(1, 1), SeedPair(2, 1), SeedPair(1, 2))


@pytest.mark.parametrize(
    ("task", "experiment"),
    [(gin_sources, "gin_sources"), (density_fit, "convolution_density")],
)
def test_a_seed_finds_the_same_alone_and_in_a_pack(tree, task, experiment):
    science = config(tree, experiment)
    together = task.run(science, PAIRS, Context())
    alone = task.run(science, PAIRS[1:2], Context())
    assert [one.status for one in together] == ["done"] * 3
    assert together[1].metrics == alone[0].metrics
    assert together[0].metrics != together[2].metrics


@pytest.mark.parametrize("experiment", SMALL)
def test_a_task_stops_when_it_is_asked_to(tree, experiment):
    modules = dict(zip(SMALL, (gin_sources, density_fit, circulant, determinants), strict=True))
    with pytest.raises(Interrupted):
        modules[experiment].run(
            config(tree, experiment), PAIRS, Context(stop_requested=lambda: True)
        )


def test_every_identity_holds_and_planar_layers_fold_just_beyond_the_bound(tree):
    [outcome] = determinants.run(config(tree, "determinant_identities"), PAIRS[:1], Context())
    metrics = outcome.metrics
    assert set(metrics["error"]) == {*determinants.FLOWS, "planar_lemma", "matrix_lemma"}
    assert metrics["largest_error"] < 1e-10
    planar = metrics["planar"]
    assert (planar["folded_inside"], planar["folded_beyond"]) == (0.0, 1.0)
    assert planar["folded_constrained"] == 0.0
    assert planar["folded_mistaken"] > 0.0
    assert torch.get_default_dtype() == torch.float32


def test_the_known_mistake_divides_by_the_length_of_w_once():
    def draws():
        return torch.Generator().manual_seed(0)

    found, source = determinants._folds(500, draws()), draws()
    torch.rand(2, 500, generator=source, dtype=torch.float64)
    w, u = (2 * torch.randn(500, 3, generator=source, dtype=torch.float64) for _ in range(2))
    along = (w * u).sum(dim=-1)
    lift = (torch.nn.functional.softplus(along) - 1 - along) / w.norm(dim=-1)
    mistaken = (w * (u + lift[:, None] * w)).sum(dim=-1)
    assert found["folded_mistaken"] == pytest.approx(float((mistaken < -1).double().mean()))


def test_a_wrong_log_determinant_would_be_found():
    source = torch.Generator().manual_seed(0)

    def halved(x):
        return 2 * x, torch.zeros(len(x), dtype=x.dtype)

    error = determinants._largest_error(halved, 3, {"points": 4}, source)
    assert error == pytest.approx(3 * np.log(2))


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_convolutions_agree_with_the_dense_matrix_and_times_are_measured(tree, boundary):
    small = config(tree, "circular_convolution", f"arm={boundary}")
    [outcome] = circulant.run(small, PAIRS[:1], Context())
    assert outcome.metrics["largest_error"] < 1e-12
    assert len(outcome.metrics["time"]["fast_seconds"]) == 3
    assert outcome.metrics["time"]["threads"] == 1
    w = torch.tensor([1.0, 2.0, 3.0])
    assert circulant.dense_matrix(w).tolist() == [[1, 3, 2], [2, 1, 3], [3, 2, 1]]
    mirrored = [[1 + 2, 2 + 3, 3], [2 + 3, 1, 2 + 3], [3, 2 + 3, 1 + 2]]
    assert circulant.dense_matrix(w, SYMMETRIC).tolist() == mirrored


def test_an_exponent_is_the_slope_from_its_start_on():
    seconds = [5.0, 1.0, 8.0, 64.0]
    assert circulant._exponent([1, 2, 4, 8], seconds, 2) == pytest.approx(3.0)


def test_scores_choose_two_latents_by_either_rule():
    random = np.random.default_rng(0)
    cluster = np.arange(600) % 3
    s = random.standard_normal((600, 2)) * [1.0, 3.0]
    s += 5 * np.stack((cluster, cluster == 1), axis=1)
    noise = random.standard_normal((600, 2)) * [0.1, 0.01]
    z = np.concatenate((noise, -s), axis=1)
    x = random.standard_normal((600, 4))
    found = gin_sources.score(Points(s, x, cluster), z)
    assert found["mcc"] == pytest.approx(1.0)
    assert found["mcc_information"] == pytest.approx(1.0)
    assert found["mcc_any"] == pytest.approx(1.0)
    assert found["r2"] == pytest.approx(1.0)
    assert found["gap"] == pytest.approx(10, rel=0.2)
    assert found["same_choice"] == 1.0
    assert found["mcc_x"] < 0.3
    assert len(found["spreads"]) == len(found["information"]) == 4


def test_gin_is_scored_on_points_that_it_has_not_seen(tree):
    pack = gin_sources.Pack(config(tree, "gin_sources"), PAIRS[:1], Context())
    pack.train()
    found, data = pack.outcome(0).metrics, pack.data[0]
    for points, told in ((data.test, found), (data.train, found["train"])):
        with torch.no_grad():
            z = pack.fit.stack.member(0).latents(torch.from_numpy(points.x)).numpy()
        assert told["mcc"] == pytest.approx(gin_sources.score(points, z)["mcc"], rel=1e-4)


def test_a_density_is_scored_by_its_best_state_in_the_data_s_own_units(tree):
    science = config(tree, "convolution_density")
    [outcome] = density_fit.run(science, PAIRS[:1], Context())
    metrics = outcome.metrics
    assert metrics["gap_nats"] == pytest.approx(metrics["nll_nats"] - metrics["entropy_nats"])
    assert metrics["gap_nats"] > 0
    assert 0 <= metrics["best_iteration"] < 4


def test_a_density_s_score_is_the_best_state_s_on_the_test_points(tree):
    updates = 2 * density_fit.MEASUREMENTS + 1  # the last one is not measured
    science = config(tree, "convolution_density", f"training.updates={updates}")
    pack = density_fit.Pack(science, PAIRS[:1], Context())
    pack.train()
    model, data, best = pack.fit.stack.member(0), pack.data[0], pack.fit.best
    assert torch.equal(density_fit._losses(pack.fit.stack, pack.val).double(), best.loss)
    mean, sd = (part(data.train.astype(np.float64), axis=0) for part in (np.mean, np.std))
    z = torch.from_numpy(((data.test - mean) / sd).astype(np.float32))
    with torch.no_grad():
        log_p = model.log_density(z).numpy() - np.log(sd).sum()
    assert pack.outcome(0).metrics["nll_nats"] == pytest.approx(-log_p.mean(), rel=1e-5)


@pytest.mark.parametrize("task", [gin_sources, density_fit])
@pytest.mark.parametrize(("first", "told"), [(0, 0), (3, 3), (-1, 9)])
def test_a_loss_lost_at_the_first_update_is_told_as_such(task, first, told):
    pack = task.Pack.__new__(task.Pack)
    pack.seeds, pack.data, pack.losses = PAIRS[:1], [None], [float("nan")]
    pack.latents = {part: np.full((1, 2, 2), np.nan) for part in ("train", "test")}
    pack.fit = SimpleNamespace(lost_at=lambda: [first], iteration=9)
    pack.best = SimpleNamespace(iteration=[0])
    assert pack.outcome(0).metrics == {"diverged_at": told}


@pytest.mark.parametrize(
    ("experiment", "word", "message"),
    [
        ("gin_sources", "data.sources=11", "nearest valid value is 10"),
        ("gin_sources", "training.batch_size=61", "nearest valid value is 60"),
        ("convolution_density", "training.batch_size=41", "nearest valid value is 40"),
        ("circular_convolution", "evaluation.fit_from=32", "nearest valid value is 16"),
    ],
)
def test_values_that_do_not_go_together_are_refused(tree, experiment, word, message):
    with pytest.raises(ConfigError, match=message):
        config(tree, experiment, word)
