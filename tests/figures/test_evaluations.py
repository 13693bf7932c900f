"""Stored metrics by evaluation point: the headline, the end, and how they are spelled."""

import pytest

from repro.errors import ConfigError, StoreError
from repro.figures.evaluations import (
    at_seed,
    correlations_of,
    evaluations,
    headline,
    only_dim,
    scored_notes,
    spell_point,
)
from repro.figures.rows import identifiability_frame

FIRST, SECOND = [0.5, 0.6, 0.7, 0.8, 0.9], [0.1, 0.2, 0.3, 0.4, 0.5]


@pytest.fixture
def frame(synthetic):
    rows = [synthetic.make_row_5d("iflow", 2, correlations=FIRST, change=0.01),
            synthetic.make_row_5d("ivae", 2, correlations=SECOND),
            synthetic.diverged(synthetic.make_row_5d("iflow", 3))]  # fmt: skip
    return identifiability_frame(rows, dim=5)


def test_a_finished_run_has_its_headline_and_its_end(frame):
    found = evaluations(frame)
    assert list(zip(found["model"], found["final"], found["point"], strict=True)) == [
        ("ivae", False, "end"), ("ivae", True, "end"),
        ("iflow", False, "10000"), ("iflow", True, "end"),
    ]  # fmt: skip
    assert at_seed(found, "iflow", 3, "mcc").to_dict() == {2: pytest.approx(0.7)}
    assert at_seed(found, "iflow", 3, "mcc", final=True).to_dict() == {2: pytest.approx(0.71)}
    assert correlations_of(found, "iflow", 3).to_dict("split") == {
        "index": [(2, 1)], "columns": [1, 2, 3, 4, 5], "data": [FIRST],
    }  # fmt: skip
    assert headline(frame, "iflow", 3) == "10000"


def test_model_seeds_are_averaged_and_null_metrics_left_out(synthetic):
    rows = [synthetic.make_row_5d("iflow", s, model_seed=m, correlations=[v] * 5)
            for s, m, v in ((1, 1, 0.4), (1, 2, 0.6), (2, 1, 0.9))]  # fmt: skip
    for metrics in rows[2]["metrics"]["at"].values():
        metrics["energy"] = None
    found = evaluations(identifiability_frame(rows, dim=5))
    assert at_seed(found, "iflow", 3, "mcc").to_dict() == pytest.approx({1: 0.5, 2: 0.9})
    assert list(at_seed(found, "iflow", 3, "energy").index) == [1]
    assert len(correlations_of(found, "iflow", 3)) == 3


def test_a_row_without_a_point_is_an_error_with_a_remedy(synthetic):
    row = synthetic.make_row_5d("iflow", 2)
    del row["metrics"]["at"]["10000"]
    with pytest.raises(StoreError, match="data seed 2 has no metrics at iteration 10,000; remove"):
        evaluations(identifiability_frame([row], dim=5))


def test_a_row_without_a_sources_correlation_is_an_error_with_a_remedy(synthetic):
    row = synthetic.make_row_5d("ivae", 2)
    row["metrics"]["at"]["end"]["correlations"].pop()
    with pytest.raises(StoreError, match=r"data seed 2 has not one correlation a source.*remove"):
        evaluations(identifiability_frame([row], dim=5))


def test_nothing_finished_is_an_empty_frame(synthetic):
    rows = [synthetic.diverged(synthetic.make_row_5d("iflow", 1))]
    found = evaluations(identifiability_frame(rows, dim=5))
    assert found.empty
    assert at_seed(found, "iflow", 3, "mcc").empty
    assert correlations_of(found, "iflow", 3).empty


def test_points_are_spelled():
    assert spell_point("end") == "after the last update"
    assert spell_point("end", 1580) == "after all 1,580 updates"
    assert spell_point("10000") == "at iteration 10,000"
    assert spell_point("10000", 12_500) == "at iteration 10,000 of 12,500"


def test_the_notes_say_when_each_model_is_scored(frame, synthetic):
    assert scored_notes(frame) == [
        "Scored on the training points: iVAE after all 12,500 updates, iFlow at iteration 10,000 "
        "of 12,500. iVAE's latents are posterior samples."
    ]
    rows = synthetic.make_rows([1, 2], points=20)
    [note] = scored_notes(identifiability_frame(rows, dim=2))
    assert note.startswith("Scored on the training points: iVAE and iFlow after all 1,580 updates")
    assert scored_notes(identifiability_frame([], dim=2)) == []


def test_one_number_of_sources_at_a_time(synthetic):
    rows = [synthetic.make_row("iflow", 3, 1, 0.5), synthetic.make_row_5d("iflow", 1)]
    assert only_dim(rows[1:], "mcc_sweep") == 5
    with pytest.raises(ConfigError, match=r"2, 5 sources.*repro figures experiment=mcc_sweep dim"):
        only_dim(rows, "mcc_sweep")
