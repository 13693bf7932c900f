"""The pictures show every data set, match estimates to sources and say what is missing."""

import numpy as np
import pytest

from repro.errors import MissingResult
from repro.figures.latents import figure_2d, matched
from repro.figures.style import save_figure


def words(figure):
    return [text.get_text() for text in figure.findobj(match=lambda a: hasattr(a, "get_text"))]


def test_a_row_of_four_panels_a_seed(synthetic):
    rows = synthetic.make_rows(range(1, 4))
    figure = figure_2d(rows, lambda row: synthetic.arrays_of(row, 20), layers=3, notes=["Caution"])
    assert len(figure.axes) == 12
    assert all(len(ax.collections) == 1 for ax in figure.axes)
    assert all(c.get_rasterized() for ax in figure.axes for c in ax.collections)
    sizes = [ax.get_position() for ax in figure.axes]
    width, height = figure.get_size_inches()
    assert all(box.width * width == pytest.approx(box.height * height) for box in sizes)
    shown = words(figure)
    for word in ("sources", "observations", "iVAE estimate", "iFlow estimate"):
        assert shown.count(word) == 1
    for row in rows:
        assert f"MCC {row['metrics']['mcc']:.2f}" in shown
        assert f"seed {row['data_seed']}" in shown
    assert "Caution" in shown


def test_every_point_is_drawn_in_its_segments_colour(synthetic):
    rows = synthetic.make_rows([1])
    figure = figure_2d(rows, lambda row: synthetic.arrays_of(row, 20), layers=3)
    for ax in figure.axes:
        colours = ax.collections[0].get_facecolors()
        assert len(ax.collections[0].get_offsets()) == len(colours) == 100
        assert np.unique(colours, axis=0, return_counts=True)[1].tolist() == [20] * 5


def test_files_stay_small(synthetic, tmp_path):
    rows = synthetic.make_rows([1, 2])
    figure = figure_2d(rows, synthetic.arrays_of, layers=3)
    pdf, _, svg = save_figure(figure, tmp_path, "f")  # 8 panels of 5,000 points
    assert pdf.stat().st_size < 300_000
    assert svg.stat().st_size < 300_000


def test_missing_things_are_said(synthetic):
    rows = synthetic.make_rows([1, 2, 3])
    rows[0] = synthetic.diverged(rows[0], step=321)  # iFlow, seed 1
    rows[4] = rows[4] | {"arrays": None}  # iVAE, seed 2
    rows.pop(5)  # iVAE, seed 3
    figure = figure_2d(rows, lambda row: synthetic.arrays_of(row, 20), layers=3)
    shown = words(figure)
    assert shown.count("diverged at\nupdate 321") == 1
    assert shown.count("arrays not kept") == 1
    assert shown.count("not run") == 1
    assert sum(len(ax.collections) for ax in figure.axes) == 12 - 3


def test_no_seed_at_that_depth_names_the_command(synthetic):
    rows = synthetic.make_rows([1])
    with pytest.raises(MissingResult, match="repro run experiment=identifiability_2d"):
        figure_2d(rows, synthetic.arrays_of, layers=4)
    with pytest.raises(MissingResult, match="repro run"):
        figure_2d(rows, synthetic.arrays_of, layers=3, seeds=[2])


def test_the_first_finished_model_seed_is_shown(synthetic):
    one = synthetic.diverged(synthetic.make_row("iflow", 3, 1, 0.11, model_seed=1))
    rows = [synthetic.make_row("iflow", 3, 1, seed / 10, model_seed=seed) for seed in (3, 2)]
    figure = figure_2d([*rows, one], lambda row: synthetic.arrays_of(row, 20), layers=3)
    assert "MCC 0.20" in words(figure)


@pytest.mark.parametrize("seed", range(5))
def test_matching_undoes_permutation_and_sign(seed):
    draw = np.random.RandomState(seed)
    sources = draw.randn(200, 3)
    order, signs = draw.permutation(3), draw.choice([-1.0, 1.0], 3)
    np.testing.assert_allclose(matched(sources, (sources * signs)[:, order]), sources)


def test_matching_survives_a_dead_latent():
    sources = np.random.RandomState(0).randn(50, 2)
    estimates = np.stack([np.zeros(50), -sources[:, 0]], axis=1)
    np.testing.assert_allclose(matched(sources, estimates)[:, 0], sources[:, 0])
