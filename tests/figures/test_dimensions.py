"""Table 1 and the table of spread against hand-computed numbers; everything drawn."""

import csv
import io

import numpy as np
import pytest

from repro.errors import MissingResult
from repro.figures.dimensions import draw_dimensions, seeds_table, table_1, table_spread
from repro.figures.material import Material, save_products
from repro.report.statistics import mean_interval, signed_rank_p

IFLOW = [[0.7, 0.8, 0.6, 0.9, 0.5], [0.8, 0.8, 0.8, 0.8, 0.8], [0.6, 0.9, 0.7, 0.5, 0.7]]
IVAE = [[0.5, 0.01, 0.6, 0.7, 0.5], [0.02, 0.6, 0.15, 0.5, 0.6], [0.5, 0.5, 0.4, 0.6, 0.6]]


@pytest.fixture
def rows(synthetic):
    made = [synthetic.make_row_5d("iflow", s, correlations=v, change=0.01)
            for s, v in enumerate(IFLOW, 1)]  # fmt: skip
    made += [synthetic.make_row_5d("ivae", s, correlations=v) for s, v in enumerate(IVAE, 1)]
    return made


def lines_of(table):
    return list(csv.DictReader(io.StringIO(table.to_csv())))


def numbers(line, *keys):
    return [float(line[key]) for key in keys]


def test_table_1_has_a_line_a_source_at_the_headline(rows, published):
    table = table_1(rows, published, ["Reduction: few"])
    lines = lines_of(table)
    assert [(line["model"], line["source"]) for line in lines] == [
        (model, str(source)) for model in ("ivae", "iflow") for source in (1, 2, 3, 4, 5)
    ]
    line = lines[5 + 2]  # iFlow, source 3
    ours = mean_interval([0.6, 0.8, 0.7])
    assert numbers(line, "mean", "mean_sd") == pytest.approx([ours.mean, ours.sd])
    assert numbers(line, "interval_low", "interval_high") == pytest.approx([ours.low, ours.high])
    assert numbers(line, "published", "published_sd") == [0.7076, 0.123]
    assert float(line["difference"]) == pytest.approx(0.7 - 0.7076)
    assert numbers(line, "final", "final_sd") == pytest.approx([0.71, ours.sd])


def test_published_remarks_stand_under_table_1(rows, published):
    notes = " ".join(table_1(rows, published, ["Reduction: few"]).notes)
    for words in (
        "iFlow at iteration 10,000 of 12,500",
        "[Re], iVAE: the report says 60 seeds; the file holds 57",
        "the sd has ddof 0",
        "byte for byte",
        "Reduction: few",
    ):
        assert words in notes


def test_other_sizes_have_no_published_number(rows, published):
    for row in rows:
        row["config"]["data"]["layers"] = 4
    lines = lines_of(table_1(rows, published))
    assert {line["published"] for line in lines} == {""}
    assert {line["difference"] for line in lines} == {""}


def test_the_spread_is_within_a_run(rows):
    lines = {(line["statistic"], line["model"]): line for line in lines_of(table_spread(rows))}
    smallest = {"iflow": [0.5, 0.8, 0.5], "ivae": [0.01, 0.02, 0.4]}
    for model, values in smallest.items():
        line = lines["smallest correlation", model]
        assert numbers(line, "mean", "mean_sd") == pytest.approx(
            [np.mean(values), np.std(values, ddof=1)]
        )
        assert line["p"] == ""
    sds = [np.std(run, ddof=1) for run in IFLOW]
    line = lines["sd of the correlations", "iflow"]
    assert float(line["mean"]) == pytest.approx(np.mean(sds))
    assert float(lines["smallest correlation", "iflow"]["final"]) == pytest.approx(0.61)


def test_the_models_are_paired_over_data_seeds(rows):
    lines = {(line["statistic"], line["model"]): line for line in lines_of(table_spread(rows))}
    line = lines["smallest correlation", "iflow_minus_ivae"]
    differences = [0.49, 0.78, 0.1]
    assert float(line["mean"]) == pytest.approx(np.mean(differences))
    assert float(line["p"]) == pytest.approx(signed_rank_p(differences))
    alone = lines_of(table_spread(rows[:3]))
    assert {line["model"] for line in alone} == {"iflow"}


def test_model_seeds_are_averaged_within_a_data_seed(synthetic, published):
    rows = [synthetic.make_row_5d("iflow", 1, model_seed=m, correlations=[v] * 4 + [0.1])
            for m, v in ((1, 0.4), (2, 0.6))]  # fmt: skip
    line = lines_of(table_1(rows, published))[0]
    assert (line["n"], float(line["mean"])) == ("1", pytest.approx(0.5))
    assert "mean over its model seeds" in " ".join(table_1(rows, published).notes)


def test_the_seeds_table_has_every_run_and_point(rows):
    lines = lines_of(seeds_table(rows))
    assert len(lines) == 3 * 2 + 3  # iVAE's headline is its end
    first = [line for line in lines if (line["model"], line["data_seed"]) == ("iflow", "1")]
    assert [(line["point"], line["headline"]) for line in first] == [
        ("10000", "yes"), ("end", "no"),
    ]  # fmt: skip
    assert numbers(first[0], *(f"source_{k}" for k in range(1, 6))) == IFLOW[0]


def test_everything_is_drawn_and_stable(synthetic, published, tmp_path):
    rows = synthetic.make_rows_5d((1, 49))
    drawn = save_products(
        draw_dimensions(Material(rows, synthetic.arrays_5d, published, ["Reduction: few"])),
        tmp_path,
    )
    tables = ("table_1", "table_1_spread", "table_1_collapsed")
    assert {path.name for path in drawn} == {
        *(f"{name}.{kind}" for name in tables for kind in ("md", "tex", "csv")),
        "table_1_seeds.csv", *(f"figure_3_layers_3.{kind}" for kind in ("pdf", "png", "svg")),
    }  # fmt: skip
    assert sorted(tmp_path.iterdir()) == sorted(drawn)
    stamps = {path: path.stat().st_mtime_ns for path in drawn}  # only other bytes are written
    save_products(
        draw_dimensions(Material(rows[::-1], synthetic.arrays_5d, published, ["Reduction: few"])),
        tmp_path,
    )
    assert {path: path.stat().st_mtime_ns for path in drawn} == stamps
    for name in tables:
        assert (tmp_path / f"{name}.tex").read_text().isascii()


@pytest.mark.parametrize("keep", ["ivae", "lost", "no arrays"])
def test_partial_rows_are_tabled_without_a_blank_picture(synthetic, published, tmp_path, keep):
    rows = {
        "ivae": [synthetic.make_row_5d("ivae", seed) for seed in (1, 2)],
        "lost": [synthetic.diverged(synthetic.make_row_5d(m, 49)) for m in ("iflow", "ivae")],
        "no arrays": [synthetic.make_row_5d("iflow", 49) | {"arrays": None}],
    }[keep]
    drawn = save_products(
        draw_dimensions(Material(rows, synthetic.arrays_5d, published)), tmp_path
    )
    assert len(drawn) == 3 * 3 + 1


def test_one_models_signals_are_a_picture_that_says_at_which_scale_the_other_is_made(
    synthetic, published
):
    rows = [r for r in synthetic.make_rows_5d((1, 49)) if r["config"]["model"]["name"] == "ivae"]
    given = Material(rows, synthetic.arrays_5d, published, scale="reduced")
    figure = dict(draw_dimensions(given))["figure_3_layers_3"]
    said = " ".join(text.get_text() for ax in figure.axes for text in ax.texts)
    assert "scale=reduced seeds=49" in said


def test_nothing_to_draw_names_the_command(published, tmp_path):
    with pytest.raises(MissingResult, match="repro run experiment=per_dimension"):
        save_products(draw_dimensions(Material([], dict, published)), tmp_path)
