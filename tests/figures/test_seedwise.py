"""Figure 2: what stands in its panels, and nothing outside the page."""

import pytest
from matplotlib.collections import PathCollection

from repro.errors import MissingResult
from repro.figures.seedwise import figure_2

SEEDS = range(1, 61)


@pytest.fixture(scope="module")
def rows(synthetic):
    made = synthetic.make_rows_5d(SEEDS)
    made[4] = synthetic.diverged(made[4])  # iFlow, data seed 5
    return made


@pytest.fixture(scope="module")
def figure(rows, published):
    return figure_2(rows, published, layers=3, notes=["Caution"])


def words(figure):
    """All that stands outside the panels, its lines joined again where they were wrapped."""
    return " ".join(" ".join(text.get_text() for text in figure.texts).split())


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_every_finished_seed_has_its_mark(figure, rows):
    mcc, energy, elbo = figure.axes
    iflow, ivae = (line for line in mcc.lines if line.get_linestyle() == "None")
    wanted = {row["data_seed"]: row["metrics"].get("mcc") for row in rows[:60]}
    drawn = dict(zip(iflow.get_xdata(), iflow.get_ydata(), strict=True))
    assert drawn == pytest.approx({s - 1: wanted[s] for s in SEEDS if s != 5})
    assert len(ivae.get_xdata()) == 60
    ends = [row["metrics"]["at"]["end"] for row in rows[60:]]
    filled, hollow = (line for line in elbo.lines if line.get_linestyle() == "None")
    assert list(filled.get_ydata()) == pytest.approx([end["energy"] for end in ends])
    assert list(hollow.get_ydata()) == pytest.approx([end["log_likelihood"] for end in ends])
    assert hollow.get_markerfacecolor() == "white"
    assert energy.get_ylabel() == "iFlow, nats a point"


def test_a_diverged_seed_is_a_cross_and_a_sentence(figure):
    marks = [c for c in figure.axes[0].collections if isinstance(c, PathCollection)]
    assert [[list(point) for point in c.get_offsets()] for c in marks] == [[[4, 0.03]], []]
    shown = words(figure)
    assert "1 of 60 runs diverged (data seed 5)" in shown
    assert "cross at the foot" in shown


def test_every_papers_means_are_lines_with_their_n(figure):
    mcc, energy, elbo = (
        {float(line.get_ydata()[0]) for line in ax.lines if line.get_linestyle() == "--"}
        for ax in figure.axes
    )
    assert mcc == {0.7247, 0.4762, 0.7241, 0.4964, 0.718, 0.483}
    assert (energy, elbo) == ({6.992, 6.8804}, {-2.1624})
    assert "[Re] 0.725, n = 60" in legend(figure.axes[0])
    assert "[Re] 0.476, n = 57" in legend(figure.axes[0])
    assert "Lekanne Deprez et al. 2021 0.718, n = 100" in legend(figure.axes[0])
    assert "Li et al. 2020 \N{MINUS SIGN}2.162, n = 100" in legend(figure.axes[2])


def test_it_says_which_iteration_and_what_energy_is(figure):
    assert "iFlow, at iteration 10,000" in legend(figure.axes[0])
    assert "iVAE, after the last update" in legend(figure.axes[0])
    shown = words(figure)
    assert "iFlow after the last update: mean MCC" in shown
    assert "largest change of a data seed since is 0.0020" in shown
    assert "2.862 nats in 5D" in shown
    assert "minus the mean training loss" in shown
    assert "iVAE's was never computed" in shown  # from the published numbers' own file
    assert "Caution" in shown


def test_nothing_lies_outside_the_page_and_no_legend_on_data(figure):
    figure.draw_without_rendering()
    for ax in figure.axes:
        box = ax.get_legend().get_window_extent()
        assert box.x1 <= figure.bbox.x1
        assert box.y0 >= ax.get_window_extent().y1 - 1
    for text in figure.texts:
        assert text.get_window_extent().x1 <= figure.bbox.x1


def test_seeds_need_not_be_a_range(synthetic, published):
    rows = synthetic.make_rows_5d((1, 2, 49))
    figure = figure_2(rows, published, layers=3)
    assert [t.get_text() for t in figure.axes[-1].get_xticklabels()] == ["1", "2", "49"]


def test_a_model_without_a_finished_run_has_no_energy_panel(synthetic, published):
    rows = [
        synthetic.make_row_5d("ivae", 1),
        synthetic.diverged(synthetic.make_row_5d("iflow", 1)),
    ]
    assert len(figure_2(rows, published, layers=3).axes) == 2


def test_no_row_at_that_depth_names_the_command(synthetic, published):
    with pytest.raises(MissingResult, match=r"repro run experiment=mcc_sweep layers=\[4\]"):
        figure_2(synthetic.make_rows_5d([1]), published, layers=4)
