"""Rows are chosen by task, dimension and one config a model and depth."""

import pandas as pd
import pytest

from repro.errors import ConfigError, StoreError
from repro.figures.rows import diverged_notes, identifiability_frame, seed_means


def test_only_the_dimension_and_task_asked_for(synthetic):
    rows = [
        synthetic.make_row("iflow", 3, 1, 0.5),
        synthetic.make_row("iflow", 3, 2, 0.5, dim=5),
        synthetic.make_row("iflow", 3, 3, 0.5) | {"task": "density"},
    ]
    assert list(identifiability_frame(rows, dim=2)["data_seed"]) == [1]
    assert list(identifiability_frame(rows, dim=5)["data_seed"]) == [2]
    assert identifiability_frame([], dim=2).empty


def test_a_frame_and_a_list_of_rows_say_the_same(synthetic):
    rows = synthetic.make_rows([2, 1], (4, 3))
    rows[0] = synthetic.diverged(rows[0])
    by_list = identifiability_frame(rows, dim=2).drop(columns="row")
    by_frame = identifiability_frame(pd.DataFrame(rows), dim=2).drop(columns="row")
    pd.testing.assert_frame_equal(by_list, by_frame)


def test_two_configs_are_refused_with_what_differs(synthetic):
    rows = [
        synthetic.make_row("iflow", 3, 1, 0.5, epochs=20),
        synthetic.make_row("iflow", 3, 1, 0.6, epochs=5),
    ]
    with pytest.raises(ConfigError, match=r"training\.epochs=20.*training\.epochs=5.*filter"):
        identifiability_frame(rows, dim=2)
    kept = identifiability_frame(rows, 2, lambda config: config["training"]["epochs"] == 5)
    assert list(kept["mcc"]) == [0.6]


def test_model_seeds_are_averaged_within_a_data_seed(synthetic):
    rows = [
        synthetic.make_row("iflow", 3, 1, 0.2, model_seed=1),
        synthetic.make_row("iflow", 3, 1, 0.4, model_seed=2),
        synthetic.diverged(synthetic.make_row("iflow", 3, 1, 0.9, model_seed=3)),
        synthetic.make_row("iflow", 3, 2, 0.8),
    ]
    means = seed_means(identifiability_frame(rows, dim=2), "iflow", 3)
    assert means.to_dict() == pytest.approx({1: 0.3, 2: 0.8})


def test_diverged_runs_are_named(synthetic):
    rows = [synthetic.make_row("ivae", 3, seed, 0.5) for seed in (1, 2, 3)]
    rows[1] = synthetic.diverged(rows[1])
    notes = diverged_notes(identifiability_frame(rows, dim=2), {"ivae": "iVAE"})
    assert len(notes) == 1
    assert "iVAE, 3 layers: 1 of 3 runs diverged (data seed 2)" in notes[0]


@pytest.mark.parametrize("mcc", [None, float("nan")])
def test_a_finished_row_without_a_number_is_an_error(synthetic, mcc):
    row = synthetic.make_row("iflow", 3, 1, 0.5)
    with pytest.raises(StoreError, match="repro verify"):
        identifiability_frame([row | {"metrics": {"mcc": mcc}}], dim=2)
