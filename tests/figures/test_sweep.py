"""The table of the sweep against hand-computed numbers; everything drawn, from any rows."""

import csv
import io

import pytest

from repro.errors import MissingResult
from repro.figures.material import Material, save_products
from repro.figures.sweep import draw_sweep, seeds_table, table_mcc
from repro.report.statistics import mean_interval

IFLOW, IVAE = [0.7, 0.8, 0.9], [0.5, 0.6, 0.4]


@pytest.fixture
def rows(synthetic):
    """Three data seeds of both models; iFlow is .01 better at its end, a fourth one diverged."""
    made = [synthetic.make_row_5d("iflow", s, correlations=[v] * 5, change=0.01)
            for s, v in enumerate(IFLOW, 1)]  # fmt: skip
    made.append(synthetic.diverged(synthetic.make_row_5d("iflow", 4)))
    return made + [
        synthetic.make_row_5d("ivae", s, correlations=[v] * 5) for s, v in enumerate(IVAE, 1)
    ]


def lines_of(table):
    return list(csv.DictReader(io.StringIO(table.to_csv())))


def of(table, **wanted):
    return [line for line in lines_of(table) if all(line[k] == str(v) for k, v in wanted.items())]


def test_the_headline_stands_beside_every_papers_number(rows, published):
    lines = of(table_mcc(rows, published), model="iflow", measure="mcc")
    at = [(line["scored"], line["paper"], line["published"]) for line in lines]
    assert at == [
        ("at iteration 10,000", "re_iflow", "0.7247"),
        ("at iteration 10,000", "iflow", "0.7241"),
        ("at iteration 10,000", "lekanne_deprez", "0.718"),
        ("after the last update", "", ""),
    ]
    assert [float(line["mean"]) for line in lines] == pytest.approx([0.8, 0.8, 0.8, 0.81])
    assert float(lines[0]["difference"]) == pytest.approx(0.8 - 0.7247)
    interval = mean_interval(IFLOW)
    assert float(lines[0]["interval_low"]) == pytest.approx(interval.low)
    assert {line["n"] for line in lines} == {"3"}


def test_energies_are_those_of_the_end(rows, published):
    table = table_mcc(rows, published)
    energy = of(table, model="iflow", measure="energy")
    assert [(line["scored"], line["paper"]) for line in energy] == [
        ("after the last update", "re_iflow"), ("after the last update", "iflow"),
    ]  # fmt: skip
    ends = [row["metrics"]["at"]["end"]["energy"] for row in rows[:3]]
    assert float(energy[0]["mean"]) == pytest.approx(sum(ends) / 3)
    assert energy[1]["published_sd"] == ""  # none is published: taken as exact
    assert [line["paper"] for line in of(table, model="ivae", measure="energy")] == ["iflow"]


def test_lines_that_would_say_the_same_twice_are_left_out(rows, published):
    measures = {
        model: [line["measure"] for line in of(table_mcc(rows, published), model=model)]
        for model in ("iflow", "ivae")
    }
    assert "mcc_posterior_mean" in measures["ivae"]
    assert "elbo" in measures["ivae"]
    assert not {"mcc_posterior_mean", "elbo"} & set(measures["iflow"])
    assert measures["ivae"].count("mcc") == 3  # its headline is its end


def test_the_difference_is_paired_at_the_headlines(rows, published):
    [line] = of(table_mcc(rows, published), model="iflow_minus_ivae")
    assert float(line["mean"]) == pytest.approx(0.3)  # .2, .2, .5
    assert (line["n"], line["published"]) == ("3", "0.2476")


def test_notes_explain_energy_from_config_and_remarks_come_from_the_files(rows, published):
    notes = " ".join(table_mcc(rows, published, ["Reduction: few"]).notes)
    for words in (
        "iFlow at iteration 10,000 of 12,500",
        "a dimension, 2.862 nats in 5D",
        "last 25 mini-batches",
        "from 64 draws",
        "1 of 4 runs diverged (data seed 4)",
        "[Re], iVAE: final model, posterior sample; the report says 60 seeds, the file holds 57",
        "the sd has ddof 0",
        "Reduction: few",
    ):
        assert words in notes


def test_a_loss_with_its_constant_is_neither_said_to_lack_it_nor_compared(rows, published):
    for row in rows[:4]:
        row["config"]["model"] |= {"log_pi": True}
    table = table_mcc(rows, published)
    assert "leaves out" not in " ".join(table.notes)
    assert [line["paper"] for line in of(table, model="iflow", measure="energy")] == [""]
    assert [line["paper"] for line in of(table, model="ivae", measure="energy")] == ["iflow"]


def test_every_row_is_in_the_seeds_table(rows):
    lines = lines_of(seeds_table(rows))
    assert len(lines) == len(rows)
    [lost] = [line for line in lines if line["status"] == "diverged"]
    assert (lost["data_seed"], lost["diverged_at"], lost["mcc_end"]) == ("4", "321", "")
    [first] = [line for line in lines if (line["model"], line["data_seed"]) == ("iflow", "1")]
    assert (first["point"], first["mcc"], first["mcc_end"]) == (
        "10000", str(rows[0]["metrics"]["mcc"]), str(rows[0]["metrics"]["at"]["end"]["mcc"]),
    )  # fmt: skip


def test_everything_is_drawn_and_stable(synthetic, published, tmp_path):
    rows = synthetic.make_rows_5d((1, 2, 49))
    drawn = save_products(
        draw_sweep(Material(rows, dict, published, ["Reduction: few"])), tmp_path
    )
    assert {path.name for path in drawn} == {
        *(f"table_mcc.{kind}" for kind in ("md", "tex", "csv")), "table_mcc_seeds.csv",
        *(f"figure_2_layers_3.{kind}" for kind in ("pdf", "png", "svg")),
    }  # fmt: skip
    assert sorted(tmp_path.iterdir()) == sorted(drawn)
    stamps = {path: path.stat().st_mtime_ns for path in drawn}  # only other bytes are written
    save_products(draw_sweep(Material(rows[::-1], dict, published, ["Reduction: few"])), tmp_path)
    assert {path: path.stat().st_mtime_ns for path in drawn} == stamps
    assert (tmp_path / "table_mcc.tex").read_text().isascii()


def test_several_depths_have_a_figure_each_and_one_together(synthetic, published):
    given = Material(synthetic.make_rows_5d((1, 2), layers=(3, 4)), dict, published)
    named = [name for name, _ in draw_sweep(given) if name.startswith("figure")]
    assert named == ["figure_2_layers_3", "figure_2_layers_4", "figure_depth"]


@pytest.mark.parametrize("keep", ["ivae", "one", "lost"])
def test_partial_rows_are_drawn_too(synthetic, published, tmp_path, keep):
    rows = {
        "ivae": [synthetic.make_row_5d("ivae", seed) for seed in (1, 2)],
        "one": [synthetic.make_row_5d(model, 7) for model in ("iflow", "ivae")],
        "lost": [synthetic.diverged(synthetic.make_row_5d(m, 1)) for m in ("iflow", "ivae")],
    }[keep]
    assert len(save_products(draw_sweep(Material(rows, dict, published)), tmp_path)) == 7


def test_nothing_to_draw_names_the_command(published, tmp_path):
    with pytest.raises(MissingResult, match="repro run experiment=mcc_sweep"):
        save_products(draw_sweep(Material([], dict, published)), tmp_path)
