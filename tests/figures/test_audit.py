"""The audit's figures: effects are paired, contrasts and gaps are what they say, all is drawn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from repro.errors import MissingResult
from repro.figures.audit.active_units import table_active_units
from repro.figures.audit.active_units import told as told_by
from repro.figures.audit.arms import arm_effects, draw_arms, table_arms
from repro.figures.audit.batch import draw_batch, figure_batch, line_cells, table_batch, updates
from repro.figures.audit.depth import draw_depth_arms, figure_depth_arms, table_depth
from repro.figures.audit.frame import audit_frame, paired, spell
from repro.figures.audit.gap import arm_looks, draw_gap, gaps, table_gap
from repro.figures.audit.learning_rate import figure_learning_rate, places
from repro.figures.audit.samples import draw_samples, table_samples
from repro.figures.audit.untrained import draw_untrained, table_untrained
from repro.figures.audit.variance import draw_variance, table_variance
from repro.figures.baselines import LABELS, baseline_means, baseline_notes, draw_baselines
from repro.figures.material import Material, save_products
from repro.figures.style import Layout, panel_page

PUBLISHED = pd.DataFrame()


def row(arm, data_seed, mcc, model="ivae", model_seed=1, layers=3, dim=5, **metrics):
    end = {"mcc": mcc, "learning_rate": 1e-9}
    return {
        "task": "identifiability", "arm": arm, "id": arm, "status": "done", "arrays": None,
        "data_seed": data_seed, "model_seed": model_seed,
        "config": {"data": {"dim": dim, "layers": layers}, "model": {"name": model, "hidden": 50},
                   "training": {"arm": arm}},
        "metrics": {"mcc": mcc, "mcc_posterior_mean": mcc, "mcc_within_segment": mcc / 2,
                    "correlations": [mcc, 0.01], "updates": 100, "parameters": 7,
                    "at": {"50": {**end, "learning_rate": 1e-3}, "end": end}, **metrics},
    }  # fmt: skip


PAPERS_DATA = {"centered": False, "repeat_matrix": False, "noise": 0.0,
               "spread": "standard_deviation"}  # fmt: skip


def baseline(data_seed, layers=3, dim=5, value=0.5, **kind):
    metrics = {f"mcc_{name}": value for name in LABELS} | {"oracle_log_likelihood": 5.0}
    data = {"dim": dim, "layers": layers, "segments": 40 if dim == 5 else 5} | PAPERS_DATA | kind
    return {"task": "baselines", "arm": "", "id": "b", "status": "done", "data_seed": data_seed,
            "model_seed": 1, "config": {"data": data}, "metrics": metrics}  # fmt: skip


def arms_rows():
    noise = np.random.default_rng(0).normal(0, 0.05, 8)
    rows = [row("as_released", k, 0.5 + noise[k]) for k in range(8)]
    rows += [row("better", k, 0.6 + noise[k] + 0.01 * (k % 2)) for k in range(1, 8)]
    return rows + [baseline(k) for k in range(8)]


def lines(table):
    keys = [column.key for column in table.columns]
    return [dict(zip(keys, line, strict=True)) for line in table.rows]


def test_an_effect_is_paired_on_common_seeds_and_noise_of_the_data_drops_out():
    [mark] = arm_effects(arms_rows())  # the posterior mean says nothing new here
    assert (mark.label, mark.n) == ("better", 7)
    assert mark.value == pytest.approx(0.1 + 0.01 * 4 / 7)
    assert mark.low > 0.09
    assert mark.high < 0.12


def test_inactive_latents_and_lost_sources_are_counted_where_they_were_measured():
    told = {"kl_by_source": [0.009, 2.0], "correlations_posterior_mean": [0.04, 0.9]}
    quiet = {"kl_by_source": [0.001, 2.0], "correlations_posterior_mean": [0.3, 0.9]}
    rows = [row("as_released", 1, 0.5, **told), row("as_released", 2, 0.5, **quiet),
            row("as_released", 3, 0.5), row("mended", 1, 0.6, kl_by_source=[1.0, 1.0],
            correlations_posterior_mean=[0.049, 0.8])]  # fmt: skip
    first, second = lines(table_active_units(told_by(audit_frame(rows))))
    assert (first["arm"], first["runs"], first["with_inactive"]) == ("as released", 2, (2, 2))
    assert (first["inactive"], first["lost"], first["both"]) == ((2, 4), (1, 4), 1)
    assert first["least"] == "0.005"
    assert (second["inactive"], second["lost"], second["both"]) == ((0, 2), (1, 2), 0)
    names = [name for name, _ in draw_arms(Material(rows, None, PUBLISHED, []))]
    assert names[-2:] == ["table_active_units", "figure_active_units"]
    assert "figure_active_units" not in dict(draw_arms(Material(arms_rows(), None, PUBLISHED, [])))


def test_model_seeds_are_paired_before_they_are_averaged():
    rows = [row("as_released", 1, 0.5), row("as_released", 1, 0.9, model_seed=2)]
    rows += [row("other", 1, 0.6)]
    change = paired(audit_frame(rows), "other", "as_released", "mcc")
    assert change.to_dict() == {1: pytest.approx(0.1)}


def test_the_table_of_arms_counts_lost_sources_and_late_metrics():
    rows = arms_rows()
    rows[0]["metrics"]["learning_rate_low_at"] = 4000
    first, second = lines(table_arms(rows))
    assert first["arm"] == "as released"
    assert first["low_at"] == "4,000"  # of the one row that has it
    assert second["low_at"] is None
    assert first["collapsed"] == (8, 16)
    assert first["effect"] is None
    assert second["wins"] == (7, 7)


def test_arms_are_drawn(tmp_path):
    names = {
        path.name
        for path in save_products(
            draw_arms(Material(arms_rows(), None, PUBLISHED, ["note"])), tmp_path
        )
    }
    assert {"table_arms.md", "figure_effects.png", "figure_learning_rate.svg"} <= names


def test_the_forest_of_arms_says_how_its_intervals_are_made_and_what_is_reduced():
    drawn = dict(draw_arms(Material(arms_rows(), None, PUBLISHED, ["a reduction"])))
    foot = " ".join(text.get_text() for text in drawn["figure_effects"].texts)
    assert "Student-t" in foot
    assert "a reduction" in foot


def test_arms_with_other_data_say_that_their_effect_is_no_lead():
    rows = arms_rows()
    assert not any("other data" in note for note in table_arms(rows).notes)
    config = rows[8]["config"]
    rows[8] = rows[8] | {"config": config | {"data": config["data"] | {"centered": True}}}
    assert any("other data" in note for note in table_arms(rows).notes)


def test_the_learning_rate_is_compared_on_the_runs_that_the_arms_share():
    rows = [row("as_released", k, 0.1 * k) for k in range(8)]
    rows += [row("better", k, 0.1 * k) for k in (6, 7)]
    right = figure_learning_rate(rows).axes[1]
    assert [line.get_ydata()[-1] for line in right.lines] == [pytest.approx(0.65)] * 2
    assert right.get_legend_handles_labels()[1] == ["as released, n = 2", "better, n = 2"]
    apart = [row("as_released", 1, 0.1), row("better", 2, 0.2)]
    assert [line.get_ydata()[-1] for line in figure_learning_rate(apart).axes[1].lines] == [
        0.1,
        0.2,
    ]


def test_an_arm_has_one_look_in_every_picture():
    assert places(["as_released", "constant", "cosine", "other"]) == [0, 1, 2, 3]
    assert places(["as_released", "cosine", "constant", "reshuffle"]) == [0, 2, 1, 3]
    assert places(["hidden_32", "a", "b", "cosine"]) == [0, 1, 3, 2]


def test_the_table_says_what_the_reference_scores_on_the_runs_that_all_arms_have():
    rows = [row("as_released", k, 0.1 * k) for k in range(8)]
    rows += [row("better", k, 0.1 * k) for k in (6, 7)]
    said = [note for note in table_arms(rows).notes if "all arms have" in note]
    assert len(said) == 1
    assert "On the 2 runs" in said[0]
    assert "0.6500" in said[0]
    same = [one for one in rows if one["data_seed"] in (6, 7)]
    assert not any("all arms have" in note for note in table_arms(same).notes)


def batch_rows():
    """iFlow's lead is .1 with batch 64 and .3 with batch 8, and .05 more with more updates."""
    rows = []
    for k in range(5):
        for batch in ("8", "64"):
            for length in ("short", "long"):
                lead = (0.3 if batch == "8" else 0.1) + (0.05 if length == "long" else 0.0)
                own = 0.4 + 0.01 * k
                made = {"dim": 2, "updates": 1580 if length == "short" else 12500}
                rows.append(row(f"ivae_{batch}_{length}", k, own, **made))
                rows.append(row(f"iflow_32_{batch}_{length}", k, own + lead + 0.001 * k, "iflow",
                                **made))  # fmt: skip
    return rows


def test_the_contrasts_of_the_batch_design(tmp_path):
    found = {line["contrast"]: line["value"] for line in lines(table_batch(batch_rows()))}
    assert len(found) == 7
    assert sum("1,580 updates" in name for name in found) == 3
    changes = [value for name, value in found.items() if "its lead" in name]
    assert changes == pytest.approx([0.2, 0.2, 0.25]), "20 epochs: 8, long, less 64, short"
    names = {
        path.name
        for path in save_products(draw_batch(Material(batch_rows(), None, PUBLISHED)), tmp_path)
    }
    assert "figure_batch.png" in names


def test_the_numbers_of_updates_are_those_of_the_runs():
    made = {"ivae_8_short": 1580, "iflow_32_8_short": 300}
    frame = audit_frame([row(arm, 1, 0.5, updates=count) for arm, count in made.items()])
    assert updates(frame, "short", "iflow_32") == "300"
    assert updates(frame, "short", "iflow_32", "ivae") == "300 and 1,580"
    assert updates(frame, "long", "ivae") == ""


def test_a_line_of_the_batch_design_joins_means_over_the_same_data_sets():
    rows = [one for one in batch_rows() if one["arm"] != "ivae_8_long" or one["data_seed"] < 2]
    cells = line_cells(audit_frame(rows), "ivae", "8")
    assert [list(values.index) for values in cells.values()] == [[0, 1], [0, 1]]
    labels = figure_batch(rows).axes[0].get_legend_handles_labels()[1]
    assert labels == ["batch 8, n = 2", "batch 64, n = 5"]
    apart = [row("ivae_8_short", k, 0.5, dim=2) for k in (1, 2)] + [row("ivae_8_long", 3, 0.6)]
    assert {k: len(v) for k, v in line_cells(audit_frame(apart), "ivae", "8").items()} == {
        "short": 2
    }


def test_depths_show_the_lead_and_the_baselines(tmp_path):
    rows = [
        row(arm, k, 0.5 + add + 0.01 * k + 0.1 * layers, model, layers=layers, dim=2)
        for layers in (2, 3)
        for k in range(4)
        for arm, model, add in (("ivae", "ivae", 0), ("iflow_32", "iflow", 0.05 * layers))
    ]
    rows += [baseline(k, layers=3, dim=2, value=0.7) for k in range(9)]  # fmt: skip
    found = lines(table_depth(rows))
    leads = {(line["layers"], line["arm"]): line["lead"] for line in found}
    assert leads[3, "iFlow, width 32"] == pytest.approx(0.15)
    assert leads[3, "iVAE"] is None
    assert [line["x"] for line in found if line["layers"] == 3] == [pytest.approx(0.7)] * 2
    assert [line["x"] for line in found if line["layers"] == 2] == [None] * 2
    assert "figure_depth.png" in {
        p.name for p in save_products(draw_depth_arms(Material(rows, None, PUBLISHED)), tmp_path)
    }


def test_depths_without_a_lead_have_one_panel_and_res_means_beside_them(published):
    rows = [row("ivae", k, 0.4, layers=layers) for layers in (3, 4, 5) for k in range(3)]
    figure = figure_depth_arms(rows, published)
    [left] = figure.axes
    drawn = {tuple(line.get_ydata()): line.get_label() for line in left.lines}
    assert drawn[0.4762, 0.4295, 0.3582] == "iVAE, [Re]"
    assert drawn[0.4964, 0.4782, 0.4521] == "iVAE, Li et al. 2020"  # Table 1, width 50
    foot = " ".join(text.get_text() for text in figure.texts)
    assert "no training" not in foot  # no baseline is drawn
    assert "5D is inferred" in " ".join(foot.split())
    led = [*rows, *(row("iflow_32", k, 0.6, "iflow") for k in range(3)), baseline(1)]
    both = figure_depth_arms(led, published)
    assert len(both.axes) == 2
    assert "no training" in " ".join(text.get_text() for text in both.texts)


def gap_rows():
    return [
        row("ivae", k, 0.5, held_out_mcc=0.4 + 0.02 * k, held_out_log_likelihood=1.0 + k,
            held_out_mcc_posterior_mean=0.5, held_out_elbo=0.5,
            held_out_oracle_log_likelihood=3.0 + 0.5 * k)
        for k in range(6)
    ]  # fmt: skip


def test_the_gap_is_the_models_likelihood_less_the_true_one(tmp_path):
    assert gaps(audit_frame(gap_rows()), "ivae").tolist() == [-2 + 0.5 * k for k in range(6)]
    [line] = lines(table_gap(gap_rows()))
    assert line["gap"] == pytest.approx(-0.75)
    assert line["rank"] == pytest.approx(1)
    assert line["change"] == pytest.approx(-0.05)
    assert "figure_gap.png" in {
        path.name
        for path in save_products(draw_gap(Material(gap_rows(), None, PUBLISHED)), tmp_path)
    }


def test_no_two_arms_of_the_gap_look_alike():
    arms = [("ivae", "ivae"), ("ivae_mean", "ivae"), ("iflow", "iflow"), ("iflow_32", "iflow")]
    looks = arm_looks(audit_frame([row(arm, 1, 0.5, model) for arm, model in arms]))
    colours, markers = zip(*looks.values(), strict=True)
    assert len(set(colours)) == len(set(markers)) == 4


def test_rounding_is_apart_from_both_seeds(tmp_path):
    rows = [row("ivae", k, 0.4 + 0.1 * k + 0.01 * j, model_seed=j) for k in range(4)
            for j in range(3)]  # fmt: skip
    rows += [row("ivae_rounding", k, 0.4 + 0.1 * k + 0.02 * (-1) ** k, model_seed=0)
             for k in range(4)]  # fmt: skip
    [line] = lines(table_variance(rows))
    assert line["rest"] == pytest.approx(0, abs=1e-9)
    assert line["model"] == pytest.approx(0.01)
    assert line["rounding"] == pytest.approx(0.02 / 2**0.5)
    assert (line["pairs"], line["change"]) == (4, pytest.approx(0.02))
    drawn = save_products(draw_variance(Material(rows, None, PUBLISHED)), tmp_path)
    assert "figure_variance.png" in {path.name for path in drawn}


def test_a_variance_is_drawn_only_where_it_can_be_split():
    alone = [row("ivae", k, 0.1 * k) for k in range(3)]
    assert [name for name, _ in draw_variance(Material(alone, None, PUBLISHED))] == [
        "table_variance"
    ]
    crossed = [row("ivae", k, 0.1 * k, model_seed=j) for k in range(3) for j in range(2)]
    figure = dict(draw_variance(Material(crossed, None, PUBLISHED)))["figure_variance"]
    assert "shown as 0" in " ".join(text.get_text() for text in figure.texts)


def test_samples_are_tabled_with_the_truths_own_and_drawn_beside_data(tmp_path):
    tests = {f"sample_{name}{suffix}": value
             for suffix, value in (("", 0.2), ("_truth", 0.05), ("_rejected", 1.0),
                                   ("_truth_rejected", 0.0))
             for name in ("energy", "c2st")}  # fmt: skip
    tests |= {"sample_c2st": 0.7, "sample_c2st_rejected": 0.5}
    rows = [row("iflow_32", k, 0.5, "iflow", dim=2, sample_failed=1, **tests) for k in range(3)]
    rows[0]["arrays"] = "arrays/x.npz"
    model, truth = lines(table_samples(rows))
    assert (model["energy"][0], truth["energy"][0]) == (pytest.approx(0.2), pytest.approx(0.05))
    assert (model["c2st"][0], truth["c2st"][0]) == (pytest.approx(0.7), pytest.approx(0.05))
    assert (model["energy_rejected"], model["c2st_rejected"]) == (1.0, 0.5)
    assert (model["failed"], truth["failed"]) == (3, 0)
    random = np.random.default_rng(0)
    arrays = {"x": random.standard_normal((20, 2)), "segment": np.repeat([0, 1], 10),
              "samples": random.standard_normal((8, 2))}  # fmt: skip
    drawn = save_products(draw_samples(Material(rows, lambda _: arrays, PUBLISHED)), tmp_path)
    assert "figure_samples.png" in {path.name for path in drawn}


@pytest.mark.parametrize(
    ("arm", "text"),
    [
        ("ivae", "iVAE"),
        ("ivae_all_repairs", "iVAE, all repairs"),
        ("iflow_32_cosine", "iFlow, width 32, cosine rate"),
        ("iflow_64_short", "iFlow, 64 short"),
        ("hidden_14", "width 14"),
        ("xi_only", "softplus on one alone"),
        ("no_dropout", "no dropout"),
    ],
)
def test_arms_are_spelled_for_readers(arm, text):
    assert spell(arm) == text


def test_notes_on_baselines_are_of_the_data_seeds_that_are_shown():
    rows = [baseline(k, value=0.1 * k) for k in range(4)]
    [note] = baseline_notes([row("ivae", 1, 0.5), row("ivae", 2, 0.5), *rows])
    assert "n = 2: x itself 0.150" in note
    [alone] = baseline_notes(rows)
    assert "n = 4" in alone


def test_baselines_are_of_the_data_seeds_that_are_shown():
    rows = [baseline(1, value=0.2), baseline(2, value=0.4), baseline(3, value=0.9)]
    assert baseline_means(rows, 5, 3, {1, 2})["x"] == pytest.approx(0.3)
    assert baseline_means(rows, 2, 3, {1, 2}) == {}
    assert baseline_notes(rows)[0].startswith("Without training, 5D, 3 layers, n = 3: x itself")
    assert baseline_notes([]) == []


def test_baselines_of_unlike_data_stand_apart():
    rows = [baseline(1, value=0.2), baseline(1, value=0.8, centered=True, repeat_matrix=True)]
    assert baseline_means(rows, 5, 3, {1})["x"] == pytest.approx(0.2)
    papers, own = baseline_notes(rows)
    assert papers.startswith("Without training, 5D, 3 layers, n = 1: x itself 0.2")
    assert own.startswith("Without training, 5D, 3 layers, centred sources, one matrix, n = 1: x")
    plain, unlike = lines(table_untrained(rows))
    assert (plain["kind"], unlike["kind"]) == (None, "centred sources, one matrix")
    assert (plain["x"][0], unlike["x"][0]) == (0.2, 0.8)


@pytest.mark.parametrize(
    ("dim", "unlike", "words"),
    [
        (5, {"noise": 0.1}, "noise 0.1"),
        (5, {"spread": "variance"}, "variances U(.5, 3)"),
        (2, {"segments": 40}, "40 segments"),
        (5, {"segments": 5}, "5 segments"),
        (5, {"centered": True, "noise": 0.1}, "centred sources, noise 0.1"),
    ],
)
def test_a_baseline_says_in_what_its_data_differ(dim, unlike, words):
    rows = [baseline(1, dim=dim), baseline(1, dim=dim, **unlike)]
    papers, own = lines(table_untrained(rows))
    assert (papers["kind"], own["kind"]) == (None, words)


def test_no_baseline_strikes_the_name_of_another_through():
    [[ax]] = panel_page(Layout((2, 2), (0, 0), 0.5, 0.1, 0.1, 0.5), 1, 1)[1]
    draw_baselines(ax, {"x": 0.5, "pca": 0.51, "supervised_linear": 0.9})
    assert [text.get_bbox_patch().get_facecolor() for text in ax.texts] == [(1, 1, 1, 1)] * 3
    assert min(text.get_zorder() for text in ax.texts) > max(one.get_zorder() for one in ax.lines)


def test_the_baselines_by_themselves(tmp_path):
    rows = [baseline(k, layers=4, value=0.4 + 0.1 * k) for k in range(3)] + [baseline(1, dim=2)]
    flat, deep = lines(table_untrained(rows))
    assert (flat["dim"], deep["layers"], deep["n"]) == (2, 4, 3)
    assert deep["pca"] == (pytest.approx(0.5), pytest.approx(0.1))
    drawn = save_products(draw_untrained(Material(rows, None, PUBLISHED)), tmp_path)
    assert "figure_baselines.png" in {path.name for path in drawn}
    with pytest.raises(MissingResult):
        save_products(draw_untrained(Material([], None, PUBLISHED)), tmp_path)


def test_without_rows_there_is_nothing_to_draw():
    with pytest.raises(MissingResult):
        table_arms([baseline(1)])
