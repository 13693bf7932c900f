"""The forest plot: a line an effect, grouped, in a page whose height follows."""

from repro.figures.forest import LINE, Mark, figure_forest

MARKS = [
    Mark("iVAE", "cosine rate", 0.1, 0.05, 0.15, 60),
    Mark("iVAE", "width 100", 0.01, -0.02, 0.04, 60),
    Mark("iFlow", "sigmoid", -0.1, -0.15, -0.05, 20),
]


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_every_effect_has_its_label_numbers_and_group():
    figure = figure_forest(MARKS, "difference in MCC")
    shown = texts(figure)
    assert [text for text in shown if text in ("iVAE", "iFlow")] == ["iVAE", "iFlow"]
    assert "+0.100 [+0.050, +0.150]" in shown
    assert figure.axes[0].get_xlabel() == "difference in MCC"


def test_an_effect_that_may_be_none_is_drawn_hollow():
    marks = [line for line in figure_forest(MARKS, "x").axes[0].lines if line.get_marker() == "o"]
    assert [line.get_markerfacecolor() == "white" for line in marks] == [False, True, False]


def test_the_page_grows_with_the_lines():
    more = [*MARKS, Mark("iFlow", "no dropout", 0.0, -0.1, 0.1, 20)]
    heights = [figure_forest(marks, "x").get_figheight() for marks in (MARKS, more)]
    assert heights[1] - heights[0] == LINE or abs(heights[1] - heights[0] - LINE) < 1e-9


def test_one_interval_that_is_far_too_wide_does_not_squash_the_others():
    wide = Mark("iFlow", "two data sets", 0.01, -0.8, 0.8, 2)
    alone, both = (figure_forest(marks, "x").axes[0] for marks in (MARKS, [*MARKS, wide]))
    assert both.get_xlim() == alone.get_xlim()
    assert [line.get_marker() for line in both.lines if line.get_marker() in "<>"] == ["<", ">"]
    assert not [line for line in alone.lines if line.get_marker() in "<>"]
    assert "+0.010 [\N{MINUS SIGN}0.800, +0.800]" in texts(both.figure)
    feet = [" ".join(text.get_text() for text in axes.figure.texts) for axes in (alone, both)]
    assert ["An arrow" in foot for foot in feet] == [False, True]


def test_notes_stand_at_the_foot_below_the_axis():
    plain, noted = (figure_forest(MARKS, "x", notes) for notes in ((), ["a note"]))
    assert [text.get_text() for text in noted.texts] == ["a note"]
    assert noted.get_figheight() > plain.get_figheight()
    above = [
        figure.axes[0].get_position().y0 * figure.get_figheight() for figure in (plain, noted)
    ]
    assert above[1] > above[0]


def test_no_line_runs_through_a_heading():
    headings = [text for text in figure_forest(MARKS, "x").axes[0].texts
                if text.get_text() in ("iVAE", "iFlow")]  # fmt: skip
    assert [text.get_bbox_patch().get_facecolor() for text in headings] == [(1, 1, 1, 1)] * 2


def test_long_labels_make_the_figure_wider_and_reach_into_nothing():
    long = Mark("group", "a repair with rather a long name, and another", 0.1, 0.05, 0.15, 20)
    figure = figure_forest([*MARKS, long], "effect")
    assert figure.get_figwidth() > figure_forest(MARKS, "effect").get_figwidth()
    [axes] = figure.axes
    renderer = figure.canvas.get_renderer()
    boxes = {one.get_text(): one.get_window_extent(renderer) for one in axes.texts}
    assert boxes[long.label].x1 <= axes.bbox.x0
    assert boxes["mean [95 %]"].x0 >= axes.bbox.x1
    assert boxes["n"].x1 <= figure.bbox.x1
