"""MCC against depth: means, intervals and published means where they belong."""

import pytest

from repro.errors import MissingResult
from repro.figures.depth import figure_depth
from repro.report.statistics import mean_interval


@pytest.fixture
def rows(synthetic):
    return [synthetic.make_row(model, layers, seed, 0.9 - layers / 20 + seed / 50)
            for model in ("iflow", "ivae") for layers in (3, 4, 5) for seed in (1, 2, 3)
            if (model, layers, seed) != ("iflow", 5, 3)]  # fmt: skip


def test_our_means_and_intervals_stand_at_their_depths(rows, published):
    (ax,) = figure_depth(rows, published, dim=2).axes
    found = [container for container in ax.containers if container.has_yerr]
    assert len(found) == 2
    for container, model in zip(found, ("ivae", "iflow"), strict=True):
        line, _, (arms,) = container
        for k, layers in enumerate((3, 4, 5)):
            values = [row["metrics"]["mcc"] for row in rows
                      if row["config"]["model"]["name"] == model
                      and row["config"]["data"]["layers"] == layers]  # fmt: skip
            ours = mean_interval(values)
            assert line.get_ydata()[k] == pytest.approx(ours.mean)
            assert arms.get_segments()[k][:, 1] == pytest.approx([ours.low, ours.high])
            assert round(line.get_xdata()[k]) == layers


def test_published_means_are_diamonds(rows, published):
    (ax,) = figure_depth(rows, published, dim=2).axes
    diamonds = [list(line.get_ydata()) for line in ax.lines if line.get_marker() == "D"]
    assert diamonds == [[0.8176, 0.6874, 0.6403], [0.7727, 0.7374, 0.7332]]


def test_the_stored_5d_files_have_their_remark(synthetic, published):
    rows = synthetic.make_rows_5d((1, 2), layers=(3, 5))
    figure = figure_depth(rows, published, dim=5, notes=["Caution"])
    diamonds = [
        list(line.get_ydata()) for line in figure.axes[0].lines if line.get_marker() == "D"
    ]
    assert diamonds == [[0.4762, 0.3582], [0.7247, 0.6755]]
    shown = " ".join(" ".join(text.get_text() for text in figure.texts).split())
    assert "never reported" in shown
    assert "iFlow at iteration 10,000" in shown
    assert "Caution" in shown


def test_counts_are_at_the_ticks(rows, published):
    (ax,) = figure_depth(rows, published, dim=2).axes
    labels = [tick.get_text() for tick in ax.get_xticklabels()]
    assert labels == ["3\nn = 3", "4\nn = 3", "5\niVAE 3, iFlow 2"]


def test_a_depth_without_a_published_number_is_drawn(synthetic, published):
    rows = [synthetic.make_row("ivae", layers, s, 0.5) for layers in (2, 6) for s in (1, 2)]
    (ax,) = figure_depth(rows, published, dim=2).axes
    assert all(len(line.get_ydata()) == 0 for line in ax.lines if line.get_marker() == "D")


def test_nothing_to_draw_names_the_command(published):
    with pytest.raises(MissingResult, match="repro run experiment=mixing_depth dim=2"):
        figure_depth([], published, dim=2)
