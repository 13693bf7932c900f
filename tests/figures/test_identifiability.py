"""Table 2, its pictures and its plot, against hand-computed numbers."""

import csv
import io
import math
from itertools import pairwise

import pytest
from scipy.stats import ttest_ind_from_stats

from repro.errors import MissingResult
from repro.figures.identifiability import draw_2d, figure_mcc, seeds_table, table_2
from repro.figures.material import Material, save_products
from repro.figures.tables import DASH, show

IFLOW = [0.7, 0.8, 0.9]
IVAE = [0.6, 0.8, 0.7]


@pytest.fixture
def rows(synthetic):
    """Three data seeds of both models at three layers, and a fourth that diverged for iFlow."""
    made = [synthetic.make_row("iflow", 3, i + 1, v) for i, v in enumerate([*IFLOW, 0.99])]
    made += [synthetic.make_row("ivae", 3, i + 1, v) for i, v in enumerate([*IVAE, 0.5])]
    made[3] = synthetic.diverged(made[3])
    return made


def lines_of(table):
    return {
        (line["layers"], line["model"]): {k: v for k, v in line.items() if v}
        for line in csv.DictReader(io.StringIO(table.to_csv()))
    }


def numbers(line, *keys):
    return [float(line[key]) for key in keys]


def test_a_models_line_by_hand(rows, published):
    line = lines_of(table_2(rows, published))["3", "iflow"]
    half = 4.302652729911275 * 0.1 / math.sqrt(3)
    assert numbers(line, "published", "published_sd") == [0.7727, 0.0770]
    assert numbers(line, "mean", "mean_sd") == pytest.approx([0.8, 0.1])
    assert numbers(line, "interval_low", "interval_high") == pytest.approx(
        [0.8 - half, 0.8 + half]
    )
    assert (line["n"], line["diverged"]) == ("3", "1")
    gap = 0.8 - 0.7727
    assert float(line["difference"]) == pytest.approx(gap)
    low, high = numbers(line, "difference_interval_low", "difference_interval_high")
    assert (low + high) / 2 == pytest.approx(gap)
    published_sd = 0.0770 * math.sqrt(10 / 9)  # stated with ddof 0 over ten seeds
    for bound in (low, high):
        test = ttest_ind_from_stats(0.8 - bound, 0.1, 3, 0.7727, published_sd, 10, equal_var=False)
        assert test.pvalue == pytest.approx(0.05)


def test_the_difference_is_paired_over_what_both_finished(rows, published):
    lines = lines_of(table_2(rows, published))
    line = lines["3", "iflow_minus_ivae"]
    assert (lines["3", "ivae"]["n"], line["n"]) == ("4", "3")
    assert float(line["mean"]) == pytest.approx(0.1)  # .1, .0, .2
    assert float(line["mean_sd"]) == pytest.approx(0.1)
    assert float(line["published"]) == -0.0449


def test_depths_come_as_they_exist(synthetic, published):
    rows = [synthetic.make_row("iflow", layers, 1, 0.5) for layers in (7, 4)]
    lines = lines_of(table_2(rows, published))
    assert list(lines) == [("4", "iflow"), ("7", "iflow")]
    assert lines["4", "iflow"]["published"] == "0.7374"
    assert "published" not in lines["7", "iflow"]
    assert lines["4", "iflow"]["interval_low"] == "nan"  # one seed has no interval
    table = table_2(rows, published)
    assert show(table.columns[4], table.rows[0][4]) == DASH


def test_notes_stand_under_the_table(rows, published):
    notes = table_2(rows, published, notes=["Reduction: 4 seeds"]).notes
    assert "Reduction: 4 seeds" in notes
    assert any("iFlow, 3 layers: 1 of 4 runs diverged (data seed 4)" in note for note in notes)
    assert any("ddof 0" in note for note in notes)


def test_every_row_is_in_the_seeds_table(rows):
    lines = list(csv.DictReader(io.StringIO(seeds_table(rows).to_csv())))
    assert len(lines) == len(rows)
    lost = [line for line in lines if line["status"] == "diverged"]
    assert [(line["model"], line["data_seed"], line["diverged_at"]) for line in lost] == [
        ("iflow", "4", "321")
    ]
    assert lost[0]["mcc"] == ""


def test_the_plot_joins_the_seeds_that_both_finished(rows, published):
    figure = figure_mcc(rows, published, notes=["Caution"])
    (ax,) = figure.axes
    joined = [line for line in ax.lines if list(line.get_xdata()) == [0, 1]]
    assert [list(line.get_ydata()) for line in joined] == [
        pytest.approx(pair) for pair in zip(IVAE, IFLOW, strict=True)
    ]
    labels = [tick.get_text() for tick in ax.get_xticklabels()]
    assert labels == ["iVAE\nn = 4", "iFlow\nn = 3, 1 diverged"]
    shown = [text.get_text() for text in figure.texts]
    assert "Caution" in shown
    assert any("1 of 4 runs diverged" in text for text in shown)
    assert any("iFlow higher on 2 of 3" in text.get_text() for text in ax.texts)


def test_the_plot_has_a_panel_a_depth(synthetic, published):
    rows = [
        synthetic.make_row(model, layers, seed, 0.5 + seed / 20)
        for model in ("iflow", "ivae")
        for layers in (3, 4, 5)
        for seed in (1, 2, 3)
    ]
    figure = figure_mcc(rows, published)
    assert [ax.get_title() for ax in figure.axes] == [f"{k} mixing layers" for k in (3, 4, 5)]
    figure.draw_without_rendering()
    boxes = [ax.texts[0].get_window_extent() for ax in figure.axes]
    assert all(a.x1 < b.x0 for a, b in pairwise(boxes))


def test_the_published_means_are_always_in_view(synthetic, published):
    rows = [synthetic.make_row(m, 5, s, 0.95) for m in ("iflow", "ivae") for s in (1, 2)]
    (ax,) = figure_mcc(rows, published).axes
    diamonds = [
        point for c in ax.collections for point in c.get_offsets() if point[0] in (-0.4, 1.4)
    ]
    assert sorted(y for _, y in diamonds) == pytest.approx([0.6403, 0.7332])
    assert all(ax.get_ylim()[0] < y < ax.get_ylim()[1] for _, y in diamonds)


def test_everything_is_drawn_and_stable(synthetic, published, tmp_path):
    rows = synthetic.make_rows([1, 3, 5], (3,), points=20)
    folders = [tmp_path / "a", tmp_path / "b"]
    drawn = [
        save_products(
            draw_2d(
                Material(
                    rows, lambda row: synthetic.arrays_of(row, 20), published, ["Reduction: few"]
                )
            ),
            folder,
        )
        for folder in folders
    ]
    assert {path.name for path in drawn[0]} == {
        f"{name}.{kind}"
        for name, kinds in {
            "table_2": ("md", "tex", "csv"),
            "table_2_seeds": ("csv",),
            "figure_mcc": ("pdf", "png", "svg"),
            "figure_1_layers_3": ("pdf", "png", "svg"),
            "figure_a1_layers_3": ("pdf", "png", "svg"),
        }.items()
        for kind in kinds
    }
    assert sorted(folders[0].iterdir()) == sorted(drawn[0])
    for one, two in zip(*drawn, strict=True):
        assert one.read_bytes() == two.read_bytes(), one.name
    stamps = {path: path.stat().st_mtime_ns for path in drawn[0]}
    save_products(
        draw_2d(
            Material(rows, lambda row: synthetic.arrays_of(row, 20), published, ["Reduction: few"])
        ),
        folders[0],
    )
    assert {path: path.stat().st_mtime_ns for path in drawn[0]} == stamps


def test_several_depths_are_drawn_together_too(synthetic, published):
    rows = synthetic.make_rows([1, 2], (3, 5), points=20)
    given = Material(rows, lambda row: synthetic.arrays_of(row, 20), published)
    named = [name for name, _ in draw_2d(given) if name.startswith("figure")]
    assert named == ["figure_mcc", "figure_depth", "figure_1_layers_3", "figure_1_layers_5"]


def test_it_says_when_the_models_are_scored(rows, published):
    wanted = "Scored on the training points: iVAE and iFlow after all 1,580 updates"
    assert any(note.startswith(wanted) for note in table_2(rows, published).notes)
    assert any(text.get_text().startswith(wanted) for text in figure_mcc(rows, published).texts)


def test_nothing_to_draw_names_the_command(published, tmp_path):
    with pytest.raises(MissingResult, match="repro run experiment=identifiability_2d"):
        save_products(draw_2d(Material([], dict, published)), tmp_path)
    with pytest.raises(MissingResult, match="repro run experiment=identifiability_2d"):
        figure_mcc([], published)
