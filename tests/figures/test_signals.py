"""Figure 3: signals standardised along time, matched, and words where they are missing."""

import numpy as np
import pytest

from repro.errors import MissingResult
from repro.figures.signals import figure_3, standardised_by_segment


def words(figure):
    return [text.get_text() for text in figure.findobj(match=lambda a: hasattr(a, "get_text"))]


def panels(figure, column):
    return [ax for ax in figure.axes if ax.get_subplotspec() is None][column::2]


@pytest.fixture
def rows(synthetic):
    return synthetic.make_rows_5d((1, 49))


def test_standardised_along_time_and_not_across_sources():
    segment = np.repeat([0, 1], 4)
    values = np.stack([np.arange(8.0), 100 + np.arange(8.0), np.full(8, 3.0)], axis=1)
    means, sds = standardised_by_segment(values, segment)
    spread = np.arange(8.0).std()
    np.testing.assert_allclose(means[:, 0], [-2 / spread, 2 / spread])
    np.testing.assert_allclose(means[:, 0], means[:, 1])  # level and scale do not matter
    np.testing.assert_allclose(means[:, 2], 0)
    np.testing.assert_allclose(sds[:, 0], np.arange(4.0).std() / spread)


def test_a_line_of_panels_a_source_with_truth_and_estimate(synthetic, rows, published):
    figure = figure_3(rows, synthetic.arrays_5d, published, layers=3, notes=["Caution"])
    assert len(figure.axes) == 10
    for ax in figure.axes:
        truth, estimate = ax.lines
        assert len(truth.get_xdata()) == len(estimate.get_xdata()) == 40
        assert list(truth.get_xdata())[:2] == [1, 2]
    for ax in panels(figure, 0):  # iFlow's made-up estimate is close once matched and signed
        truth, estimate = (line.get_ydata() for line in ax.lines)
        assert np.corrcoef(truth, estimate)[0, 1] > 0.9
    dead = panels(figure, 1)[4].lines[1].get_ydata()  # iVAE's last one is noise
    assert np.abs(dead).max() < 0.8
    assert "Caution" in words(figure)


def test_titles_have_our_and_the_published_correlation(synthetic, rows, published):
    figure = figure_3(rows, synthetic.arrays_5d, published, layers=3)
    row = next(r for r in rows if r["id"].startswith("iflow") and r["data_seed"] == 49)
    first = row["metrics"]["correlations"][0]
    assert panels(figure, 0)[0].get_title(loc="left") == f"|r| = {first:.3f}  ([Re] 0.918)"
    assert panels(figure, 1)[4].get_title(loc="left").endswith("([Re] 0.005)")
    shown = words(figure)
    assert f"iFlow, at iteration 10,000: MCC {row['metrics']['mcc']:.3f}" in shown
    assert any(word.startswith("iVAE, after the last update: MCC") for word in shown)


def test_a_seed_that_is_not_stored_says_what_to_run(synthetic, rows, published):
    rest = [r for r in rows if not (r["id"].startswith("iflow") and r["data_seed"] == 49)]
    figure = figure_3(rest, synthetic.arrays_5d, published, layers=3)
    shown = " ".join(words(figure))
    assert "data seed 49 is not stored" in shown
    assert "repro run experiment=per_dimension scale=paper seeds=49" in shown
    assert not any(ax.lines for ax in panels(figure, 0))
    assert all(len(ax.lines) == 2 for ax in panels(figure, 1))
    assert panels(figure, 1)[0].get_ylabel() == "source 1"


def test_other_missing_things_are_said(synthetic, rows, published):
    changed = [
        synthetic.diverged(r) if r["id"].startswith("iflow") else r | {"arrays": None}
        for r in rows
    ]
    shown = words(figure_3(changed, synthetic.arrays_5d, published, layers=3))
    assert "diverged at update 321" in shown
    [kept] = [word for word in shown if "stored without its arrays" in word]
    assert "keep_arrays=[49]" in kept
    assert "ivae5d3" in kept


def test_another_seed_can_be_shown(synthetic, published):
    rows = [r | {"arrays": "arrays/x.npz"} for r in synthetic.make_rows_5d((7,))]
    figure = figure_3(rows, synthetic.arrays_5d, published, layers=3, data_seed=7)
    assert all(len(ax.lines) == 2 for ax in figure.axes)
    assert "[Re]" not in panels(figure, 0)[0].get_title(loc="left")


def test_no_row_at_that_depth_names_the_command(synthetic, rows, published):
    with pytest.raises(MissingResult, match=r"experiment=per_dimension layers=\[4\]"):
        figure_3(rows, synthetic.arrays_5d, published, layers=4)
