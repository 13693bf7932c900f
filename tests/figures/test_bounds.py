"""Figures and tables of bounds on made-up rows, beside the published numbers."""

from itertools import compress
from pathlib import Path

import numpy as np
import pytest

from repro.errors import MissingResult
from repro.figures.bounds import (
    draw_mnist_bounds,
    figure_4,
    figure_annealing,
    figure_curves,
    settled_curve,
)
from repro.figures.bounds_check import check_marks, check_table, draw_bounds_check
from repro.figures.bounds_length import draw_training_length, gain, table_length
from repro.figures.bounds_patches import draw_cifar_bounds
from repro.figures.bounds_published import table_published
from repro.figures.bounds_rows import (
    bounds_frame,
    diverged_and_fall_notes,
    main_setting,
    published_line,
)
from repro.figures.bounds_tables import gain_table, table_2, table_3
from repro.figures.material import Material, save_products
from repro.figures.published import load_published
from repro.report.statistics import mean_interval

PUBLISHED = Path(__file__).parents[2] / "conf" / "published"


@pytest.fixture(scope="module")
def published():
    return load_published(PUBLISHED)


def make_row(
    flow, length, seed, annealing="joint", amortised=True, status="done", dataset="mnist",
    updates=5000,
):  # fmt: skip
    nll = 92 - 0.05 * length + 0.1 * seed + (0.4 if annealing == "none" else 0)
    gap = 6 - 0.02 * length
    metrics = {
        "free_energy": nll + gap, "nll": nll, "gap": gap, "updates": 5000, "images": 40,
        "importance_samples": 200, "fall_in_last_fifth": 0.3,
        "curve": [[n, 200 / n + 90] for n in range(1, 101)],
    }  # fmt: skip
    if length in (0, 80):
        metrics["check"] = {
            "images": 5, "free_energy": nll + gap, "nll_importance": nll,
            "nll_annealed": nll + 0.1, "difference": -0.1, "difference_se": 0.05,
        }  # fmt: skip
    if status == "diverged":
        metrics = {"diverged_at": 7, "updates": 7, "curve": [[1, 300.0]]}
    model = {"flow": flow if length else "none", "flow_length": length, "annealing": annealing,
             "amortised": amortised, "units": 100, "annealing_updates": 20}  # fmt: skip
    return {
        "task": "latent_gaussian", "id": f"{flow}{length}{annealing}{amortised}", "data_seed": 1,
        "model_seed": seed, "status": status, "metrics": metrics, "arrays": "x",
        "config": {"data": {"dataset": dataset}, "model": model, "evaluation": {"split": "test"},
                   "training": {"updates": updates}},
    }  # fmt: skip


def make_rows(dataset="mnist"):
    cells = [("planar", k) for k in (0, 10, 80)] + [("nice", 10), ("nice", 80)]
    rows = [make_row(*cell, seed, dataset=dataset) for cell in cells for seed in (1, 2, 3)]
    rows += [make_row("planar", k, s, "none") for k in (0, 10) for s in (1, 2, 3)]
    return [*rows, make_row("planar", 10, 1, amortised=False, status="diverged")]


def load(row):
    noise = np.random.RandomState(row["model_seed"]).randn(40) * 0.01
    return {"nll": (row["metrics"]["nll"] + noise).astype(np.float32)}


def test_everything_is_drawn_and_the_comparison_only_for_mnist(tmp_path, published):
    paths = save_products(
        draw_mnist_bounds(Material(make_rows(), load, published, ["a note"])), tmp_path / "mnist"
    )
    assert {path.stem for path in paths} == {
        "figure_4", "figure_training", "figure_annealing", "table_2", "table_published",
        "table_gain", "table_check",
    }  # fmt: skip
    save_products(
        draw_mnist_bounds(Material(make_rows("digits"), load, published)), tmp_path / "digits"
    )
    gains = [(tmp_path / name / "table_gain.csv").read_text() for name in ("mnist", "digits")]
    assert ["Oxford" in text for text in gains] == [True, False]


def test_figure_4_has_three_panels_with_ours_and_theirs(published):
    figure = figure_4(bounds_frame(make_rows()), published)
    assert len(figure.axes) == 3
    lines = {tuple(line.get_ydata()) for line in figure.axes[2].lines}
    assert (89.9, 87.5, 86.5, 85.75, 85.15) in lines
    ours = [line for line in lines if line[0] == pytest.approx(92.2)]
    assert len(ours) == 2


def test_the_annealings_are_told_apart(published):
    frame = bounds_frame(make_rows())
    assert main_setting(frame) == ("joint", 100)
    figure = figure_annealing(frame, published)
    theirs = {next(iter(line.get_ydata())) for line in figure.axes[1].lines}
    assert theirs == {92.58, 91.42, 91.94}


def test_a_run_that_diverged_does_not_squash_the_other_curves():
    lost = make_row("radial", 10, 1, status="diverged")
    lost["metrics"]["curve"] = [[n, 1e28] for n in range(30, 100)]
    frame = bounds_frame([make_row("planar", 10, 1), make_row("planar", 10, 2), lost])
    assert figure_curves(frame).axes[0].get_ylim()[1] < 200


def test_the_training_curves_begin_where_nothing_is_annealed(published):
    annealed, plain = make_row("planar", 10, 1), make_row("planar", 10, 1, "none")
    assert [settled_curve(row)[0, 0] for row in (annealed, plain)] == [22, 1]
    given = Material(make_rows(), load, published, ["a reduction"])
    training = dict(draw_mnist_bounds(given))["figure_training"]
    assert min(line.get_xdata()[0] for line in training.axes[0].lines) == 22
    assert "a reduction" in [text.get_text() for text in training.texts]


def test_table_2_sets_ours_beside_the_published_and_pairs_nothing(published):
    table = table_2(bounds_frame(make_rows()), published)
    lines = {(row[0], row[1], row[2]): row for row in table.rows}
    assert lines["planar", 80, "joint"][9] == 85.1
    assert lines["planar", 80, "joint"][10] == pytest.approx(88.2 - 85.1)
    assert lines["gaussian", 0, "joint"][12] == 92.58
    assert lines["static planar", 10, "joint"][6] is None


def test_table_2_sets_published_numbers_beside_the_same_annealing(published):
    rows = [make_row("planar", k, 1, annealing) for k in (0, 10, 40)
            for annealing in ("joint", "kl", "none")]  # fmt: skip
    table = table_2(bounds_frame(rows), published)
    names = [column.key for column in table.columns]
    lines = [dict(zip(names, row, strict=True)) for row in table.rows]
    group_10 = {(line["annealing"], line["length"]): line["group_10"] for line in lines}
    for annealing, numbers in {
        "joint": (92.58, 88.95, 87.45), "kl": (91.42, 88.46, 87.33), "none": (91.94, 89.43, 87.45),
    }.items():  # fmt: skip
        assert tuple(group_10[annealing, k] for k in (0, 10, 40)) == numbers
    of_the_log_joint = ("published", "difference", "difference_interval", "group_9")
    for line in lines:
        known = [line[key] is not None for key in of_the_log_joint]
        assert known == [line["annealing"] == "joint"] * 4


def test_every_published_bound_has_one_line(published):
    table = table_published(published)
    lines = {row[2:5]: row[5:] for row in table.rows if "group 10" in row[0]}
    assert lines["planar", 80, None] == (90.86, 87.09)
    assert lines["planar", 80, "vamp_prior"] == (None, 85.31)
    darn = [row[6] for row in table.rows if row[2] == "darn"]
    assert darn == [84.71, 84.13]
    assert len({row[:5] for row in table.rows}) == len(table.rows)
    assert table_published(published.iloc[:0]) is None


def test_the_gain_is_paired_by_seed_with_an_interval_over_images(published):
    table = gain_table(bounds_frame(make_rows()), load, published)
    ours = next(row for row in table.rows if row[0] == "planar" and "log-joint" in row[1])
    assert ours[3] == pytest.approx(4.0)
    assert ours[4] == pytest.approx((4.0, 4.0))
    assert ours[6] == ours[5], "all of whose arrays are kept"
    assert ours[7] == pytest.approx(4.0, abs=1e-3)
    assert ours[8][0] < 4.0 + 1e-6 < ours[8][1] + 1e-3
    theirs = {row[1]: row[3] for row in table.rows if row[0] == "planar"}
    assert theirs["Rezende & Mohamed"] == pytest.approx(4.8)
    assert theirs["Oxford group 10"] == pytest.approx(5.49)


def with_more_samples(rows):
    """The same rows, K = 0 and 80 measured by more samples too; K = 0 loses a nat by it."""
    for row in rows:
        length = row["config"]["model"]["flow_length"]
        if length in (0, 80) and row["status"] == "done":
            nll = row["metrics"]["nll"] - (0 if length else 1)
            row["metrics"]["tighter"] = {"nll": nll, "samples": 5000, "images": 500}
    return rows


def test_the_gain_by_more_samples_stands_beside_it(tmp_path, published):
    table = gain_table(bounds_frame(with_more_samples(make_rows())), load, published)
    ours = next(row for row in table.rows if row[0] == "planar" and "log-joint" in row[1])
    assert ours[9] == pytest.approx(3.0)
    assert ours[10] == pytest.approx((3.0, 3.0))
    assert ours[11] == pytest.approx(5.6), "the gain in F stays in its column"
    assert any("5,000 on the first 500 test images" in note for note in table.notes)
    without = gain_table(bounds_frame(make_rows()), load, published)
    assert next(row for row in without.rows if row[0] == "planar")[9] is None
    assert not any("more samples" in note for note in without.notes)
    rows = with_more_samples(rows_of_two_lengths())
    line = table_length(bounds_frame(rows)).rows[1]
    assert (line[7], line[9]) == (pytest.approx(4.0), pytest.approx(3.0))
    paths = save_products(draw_training_length(Material(rows, load, published)), tmp_path)
    assert {path.stem for path in paths} == {"figure_length", "table_length"}


def test_the_gain_over_images_has_the_house_s_interval(published):
    def arrays(row):  # gains of 0, 1, 2, ... 39 nats by image
        return {"nll": np.arange(40.0) * (row["config"]["model"]["flow_length"] == 0)}

    table = gain_table(bounds_frame(make_rows()), arrays, published)
    ours = next(row for row in table.rows if row[0] == "planar" and "log-joint" in row[1])
    expected = mean_interval(np.arange(40.0))
    assert expected.method == "bca-bootstrap"
    assert ours[7] == pytest.approx(19.5)
    assert ours[8] == (expected.low, expected.high)


def test_the_check_and_the_lost_run_are_shown(published):
    frame = bounds_frame(make_rows())
    table = check_table(frame)
    assert len(table.rows) == 12
    assert table.rows[0][9] == pytest.approx((-0.1 - 1.959964 * 0.05, -0.1 + 1.959964 * 0.05))
    notes = diverged_and_fall_notes(frame)
    assert notes[0].startswith("planar, static, K = 10: 1 of 1 runs diverged")
    assert "fell by 0.30 nats" in notes[1]


def test_the_check_is_shown_by_each_number_of_samples(published):
    rows = [row for row in make_rows() if row["status"] == "done"]
    for row in rows:
        row["config"]["evaluation"] |= {"importance_samples": 200, "tighter_samples": 5000,
                                        "annealed_pilots": 4}  # fmt: skip
        if "check" in row["metrics"]:
            row["metrics"]["check"] |= {"nll_tighter": 89.0, "difference_tighter": -0.2,
                                        "difference_tighter_se": 0.1}  # fmt: skip
    frame = bounds_frame(rows)
    table = check_table(frame)
    difference, ends = table.rows[0][-2:]
    assert difference == -0.2
    assert ends == pytest.approx((-0.2 - 1.959964 * 0.1, -0.2 + 1.959964 * 0.1))
    assert not any("own past" in note for note in table.notes)
    assert any("Importance samples: 200; more: 5,000." in note for note in table.notes)
    few, many = check_marks(frame)[:2]
    assert (few.value, few.n, many.value) == (-0.1, 5, -0.2)
    assert "200 samples" in few.label
    assert "5,000 samples" in many.label
    names = [name for name, _ in draw_bounds_check(Material(rows, None, published, []))]
    assert names == ["figure_check", "table_check"]
    drawn = dict(draw_bounds_check(Material(rows, None, published, [])))
    said = " ".join(text.get_text() for text in drawn["figure_check"].texts)
    assert "normal" in said
    assert "over model seeds" not in said, "the check's intervals are over images"
    assert any("own past" in note for note in check_table(bounds_frame(make_rows())).notes)


def test_without_a_check_there_is_nothing_to_draw(published):
    rows = [row for row in make_rows() if "check" not in row["metrics"]]
    with pytest.raises(MissingResult, match="annealed_images"):
        list(draw_bounds_check(Material(rows, None, published, [])))


def test_published_lines_begin_at_no_flow(published):
    line = published_line(published, "rezende_mohamed", "table 2", "mnist_bounds", "nice", "nll")
    assert {k: entry.value for k, entry in line.items()} == {
        0: 89.9, 10: 88.6, 20: 87.9, 40: 87.3, 80: 87.2,
    }  # fmt: skip


def test_without_rows_the_command_is_named(published):
    with pytest.raises(MissingResult, match="repro run experiment=mnist_bounds"):
        bounds_frame([])


def test_patches_stand_beside_table_3_of_cifar_alone(tmp_path, published):
    rows = [make_row("planar", k, seed, dataset="cifar-10") for k in (0, 2) for seed in (1, 2)]
    table = table_3(bounds_frame(rows), published)
    columns = [column.key for column in table.columns]
    assert [row[columns.index("published")] for row in table.rows] == [-293.7, -308.6]
    paths = save_products(draw_cifar_bounds(Material(rows, load, published)), tmp_path)
    assert {path.stem for path in paths} == {"figure_table_3", "figure_training", "table_3"}
    digits = [row | {"config": row["config"] | {"data": {"dataset": "digits"}}} for row in rows]
    save_products(draw_cifar_bounds(Material(digits, load, published)), tmp_path)
    assert "293" not in (tmp_path / "table_3.csv").read_text()


def rows_of_two_lengths():
    rows = [make_row("planar", k, s, updates=n) for k in (0, 80) for s in (1, 2, 3)
            for n in (5000, 10000)]  # fmt: skip
    for row in rows:  # the gain is 4 nats, and with twice the updates 5, 6 and 7 in seeds 1 to 3
        longer = row["config"]["training"]["updates"] == 10000
        if longer and row["config"]["model"]["flow_length"]:
            row["metrics"] = {**row["metrics"], "nll": row["metrics"]["nll"] - row["model_seed"]}
    return rows


def test_the_gain_against_the_length_of_training_is_paired_by_seed(tmp_path, published):
    rows = rows_of_two_lengths()
    frame = bounds_frame(rows)
    short, longer = (gain(frame, ("planar", 80), n, "nll") for n in (5000, 10000))
    assert (short.mean, short.sd) == (pytest.approx(4), pytest.approx(0, abs=1e-9))
    assert (longer.mean, longer.sd, longer.n) == (pytest.approx(6), pytest.approx(1), 3)
    assert [line[:3] for line in table_length(frame).rows] == [
        (5000, "gaussian", 0), (5000, "planar", 80), (10000, "gaussian", 0), (10000, "planar", 80),
    ]  # fmt: skip
    paths = save_products(draw_training_length(Material(rows, load, published)), tmp_path)
    assert {path.stem for path in paths} == {"figure_length", "table_length"}


def test_a_length_without_runs_of_one_posterior_is_drawn_with_a_hole(tmp_path, published):
    configs = [row["config"] for row in rows_of_two_lengths()]
    short = [c["training"]["updates"] == 5000 or not c["model"]["flow_length"] for c in configs]
    rows = list(compress(rows_of_two_lengths(), short))
    frame = bounds_frame(rows)
    assert gain(frame, ("planar", 80), 10000, "nll").n == 0
    assert table_length(frame).rows[-1][3:6] == (None, None, 0)
    paths = save_products(draw_training_length(Material(rows, load, published)), tmp_path)
    assert "figure_length.png" in {path.name for path in paths}
