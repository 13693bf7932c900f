"""The task inference_gap: its gaps, the fixed decoder, packs, and its figures."""

import json

import numpy as np
import pytest
import torch

from repro.config.compose import compose_tree
from repro.errors import ConfigError, MissingResult
from repro.experiments.inference_gap import Pack, gaps, run
from repro.figures.inference import draw_inference_gap, gap_table, per_image
from repro.figures.material import Material, save_products
from repro.jobs import Context, Interrupted, SeedPair

TINY = [
    "experiment=inference_gap",
    "scale=smoke",
    "training.updates=30",
    "training.log_every=10",
    "evaluation.images=5",
    "evaluation.local_updates=20",
    "evaluation.grid_step=0.25",
]
SEEDS = (SeedPair(1, 1), SeedPair(1, 2))


def make(tree, *words):
    last = {word.partition("=")[0]: word for word in (*TINY, *words)}
    [composition] = compose_tree(tree, list(last.values()))
    return composition.cells[0].config


@pytest.fixture(scope="module")
def found(tree):
    torch.set_num_threads(1)
    return run(make(tree), SEEDS, Context())


def test_every_gap_is_positive_and_they_add_up(found):
    for outcome in found:
        metrics = json.loads(json.dumps(outcome.metrics, allow_nan=False))
        assert outcome.status == "done"
        assert set(metrics["amortisation_gap"]) == {"joint", "4", "8"}
        assert metrics["approximation_gap"] > metrics["approximation_gap_flow"] > -1e-3
        for encoder, gap in metrics["inference_gap"].items():
            assert metrics["amortisation_gap"][encoder] >= 0
            parts = metrics["approximation_gap"] + metrics["amortisation_gap"][encoder]
            assert gap == pytest.approx(parts)
        arrays = outcome.arrays
        assert gaps(arrays)["log_p"] == pytest.approx(metrics["log_p"])
        assert (arrays["local_gaussian"] >= arrays["amortised_joint"] - 1e-5).all()
        assert (arrays["local_flow"] >= arrays["local_gaussian"] - 1e-2).all()
        assert arrays["map_exact"].shape == (2, 64, 64)
    assert found[0].metrics["log_p"] != found[1].metrics["log_p"]


def test_a_seed_finds_the_same_alone(tree, found):
    [alone] = run(make(tree), SEEDS[1:], Context())
    assert alone.metrics == found[1].metrics
    for name, values in alone.arrays.items():
        np.testing.assert_array_equal(values, found[1].arrays[name])


@pytest.mark.parametrize("asked", [31, 34])
def test_a_stop_after_the_decoders_loses_nothing(tree, found, tmp_path, asked):
    """While encoders are trained, or while gaps are measured, after 30 updates."""
    file, calls = tmp_path / "checkpoint.pt", []

    def stop():
        calls.append(None)
        return len(calls) > asked

    with pytest.raises(Interrupted):
        run(make(tree), SEEDS[:1], Context(checkpoint=file, stop_requested=stop))
    resumed = Context(resume_from=file)
    [again] = run(make(tree), SEEDS[:1], resumed)
    assert resumed.resumed_at == 30
    assert again.metrics == found[0].metrics


def test_a_run_one_of_whose_encoders_diverges_has_no_gaps(tree, monkeypatch):
    second = {"updates": 20, "learning_rate": 1e30}
    monkeypatch.setattr(Pack, "_second_training", lambda _: second)
    [outcome] = run(make(tree), SEEDS[:1], Context())
    assert outcome.status == "diverged"
    assert 30 < outcome.metrics["diverged_at"] < 50, "after the decoder's 30 updates"


def test_encoders_are_trained_on_a_decoder_that_stays_as_it_is(tree):
    pack = Pack(make(tree), SEEDS[:1], Context())
    pack.train()
    trained = pack.fit.stack.member(0)
    before = {k: v.clone() for k, v in trained.decoder.state_dict().items()}
    model = pack._with_decoder(SEEDS[0], trained, 4)
    names = {name for name, _ in model.named_parameters()}
    assert not any(name.startswith(("decoder", "output")) for name in names)
    assert "encoder.linear.weight" in names
    for name, value in model.decoder.state_dict().items():
        torch.testing.assert_close(value, before[name])


@pytest.mark.parametrize(
    "word", ["model.latents=3", "model.annealing=joint", "model.likelihood=logit_normal"]
)
def test_what_a_grid_cannot_measure_is_refused(tree, word):
    with pytest.raises(ConfigError, match=r"write model\."):
        make(tree, word)


def test_the_figures_and_the_table_come_from_the_arrays(found, tmp_path):
    rows = [
        {"task": "inference_gap", "status": "done", "arrays": str(i), "metrics": one.metrics}
        for i, one in enumerate(found)
    ]
    paths = save_products(
        draw_inference_gap(
            Material(rows, lambda row: found[int(row["arrays"])].arrays, None, ["a note"])
        ),
        tmp_path,
    )
    assert {path.stem for path in paths} == {"figure_gaps", "figure_posteriors", "table_gaps"}
    arrays = [one.arrays for one in found]
    values = per_image(arrays)["joint"]
    assert values["inference"].shape == (2, 5)
    table = gap_table(arrays)
    line = next(row for row in table.rows if row[:2] == ("trained jointly", "inference"))
    mean = np.mean([one.metrics["inference_gap"]["joint"] for one in found])
    assert line[2] == pytest.approx(mean, abs=1e-4)
    assert line[7] == pytest.approx(1.0)
    with pytest.raises(MissingResult, match="repro run experiment=inference_gap"):
        save_products(
            draw_inference_gap(Material([rows[0] | {"arrays": None}], None, None)), tmp_path
        )
