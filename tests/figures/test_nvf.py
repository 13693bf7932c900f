"""NVF's figures and tables on made-up rows: what they say, and that they are drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from repro.figures.material import Material, save_products
from repro.figures.nvf_jacobian import draw_jacobian, limit_colours, slopes_table
from repro.figures.nvf_rows import density_frame, difference, interval
from repro.figures.nvf_tabular import (
    audit_table,
    draw_tabular,
    figure_differences,
    paired_differences,
    posterior_parameters,
    table_2,
)
from repro.figures.nvf_times import draw_times, times_table
from repro.figures.nvf_toy import draw_toy, figure_densities, figure_scores, toy_table
from repro.figures.published import load_published
from repro.figures.tabular_gaussian import gaussian_table
from repro.report.statistics import mean_interval

PUBLISHED = load_published(Path(__file__).parents[2] / "conf" / "published")
ROWS = 4000


def row(arm, data, metrics, data_seed=1, model_seed=1, status="done", **model):
    return {
        "id": f"{arm}-{data['name']}-{model}",
        "arm": arm,
        "status": status,
        "data_seed": data_seed,
        "model_seed": model_seed,
        "config": {
            "data": data,
            "model": {"length": 4, "hidden": 32, **model},
            "evaluation": {"rows": None},
        },
        "metrics": metrics,
        "arrays": "there" if status == "done" else None,
    }


def jacobian_rows(seeds=3):
    rows = []
    for distance in (0.5, 1.0, 1.5):
        exact = 0.5 * np.exp(2 * distance**2)
        for arm, share in (("nf", 0.8), ("nvf", 0.5), ("nf_slope_1", 0.1)):
            for seed in range(1, seeds + 1):
                metrics = {
                    "exact_slope": exact, "measured_slope": exact * (1 + 1e-7),
                    "max_slope": share * exact * (1 + 0.1 * seed), "gap_slope": share * exact,
                    "excess_nats": 0.01 * distance / share + 0.001 * seed,
                    "state_information_nats": 0.3,
                }  # fmt: skip
                data = {"name": "two_modes", "distance": distance, "sigma": 0.5}
                rows.append(row(arm, data, metrics, data_seed=seed))
    return rows


def jacobian_arrays(one):
    noise = np.linspace(-4, 4, 81)
    at = np.linspace(-3, 3, 50)
    return {
        "noise": noise, "image": np.stack((noise / 2 - 1, noise / 2 + 1)),
        "low": np.array([-3.0]), "high": np.array([3.0]), "train": np.zeros((4, 1)),
        "log_density": -0.5 * at**2 - 1,
    }  # fmt: skip


def toy_rows():
    rows = []
    for name in ("moons", "pinwheel"):
        for length, hidden in ((4, 4), (10, 32)):
            for arm, excess in (("nf_matched", 0.5), ("nvf", 0.3), ("mixture", 0.1)):
                for seed in (1, 2, 3):
                    metrics = {
                        "nll_full_nats": excess + 0.1 * seed - 1, "away_share": excess / 5,
                        "parameters": 100 * length * hidden,
                    }  # fmt: skip
                    if name == "moons":
                        metrics["excess_nats"] = excess + 0.01 * seed
                    rows.append(
                        row(arm, {"name": name}, metrics, seed, length=length, hidden=hidden)
                    )
    lost = row("nvf", {"name": "moons"}, {"diverged_at": 3, "parameters": 1}, 4, status="diverged")
    return [*rows, lost]


def toy_arrays(one):
    side = np.linspace(-2, 2, 20)
    x, y = np.meshgrid(side, side)
    return {
        "low": np.array([-2.0, -2.0]), "high": np.array([2.0, 2.0]),
        "log_density": -2 * (x**2 + y**2 - 1) ** 2, "states": np.zeros(50, np.int8),
        "train": np.random.RandomState(0).randn(50, 2) / 2,
        "samples": np.random.RandomState(1).randn(50, 2) / 2,
    }  # fmt: skip


def log_likelihoods(one):
    """A shared spread of rows of 4 nats, and a model's own of .2."""
    shared = 4 * np.random.RandomState(0).randn(ROWS)
    gain = {"nsf_ar": 0.0, "nvf_ar": 0.05}.get(one["arm"], 0.02)
    own = np.random.RandomState(sum(map(ord, one["arm"])) + one["model_seed"]).randn(ROWS)
    return {"log_likelihood": (shared + gain + 0.2 * own).astype(np.float32)}


def tabular_rows():
    rows = []
    for name in ("power_half_year", "breast_cancer"):
        for arm in ("nsf_c", "nvf_c", "nsf_ar", "nvf_ar", "nvf_ar_20", "nvf_ar_released"):
            model = {
                "latent": "none" if "nsf" in arm else "discrete", "estimator": "straight_through",
                "states": 20 if arm.endswith("20") else 10, "posterior_hidden": 4,
                "posterior_layers": 2,
            }  # fmt: skip
            for seed in (1, 2, 3):
                metrics = {
                    "nll_nats": 1.0, "nll_full_nats": 1 + 0.01 * seed,
                    "val_nll_nats": 0.9 - 0.1 * arm.endswith("20"), "sd_full_nats": 4.0,
                    "test_rows_full": ROWS, "parameters": 1000,
                }  # fmt: skip
                rows.append(row(arm, {"name": name}, metrics, model_seed=seed, **model))
    return rows


def times_rows():
    metrics = {
        "sampling_ratio": 1.1, "bound_ratio": 1.3, "scoring_ratio": 9.5,
        "nf_sampling_seconds": 0.01, "nf_scoring_seconds": 0.02,
    }  # fmt: skip
    arms = ("coupling_2", "autoregressive_10")
    data = {"name": "standard_normal", "dim": 43}
    return [row(arm, data, metrics, model_seed=seed) for arm in arms for seed in (1, 2, 3)]


CASES = {
    "jacobian": (draw_jacobian, jacobian_rows, jacobian_arrays),
    "toy": (draw_toy, toy_rows, toy_arrays),
    "tabular": (draw_tabular, tabular_rows, log_likelihoods),
    "times": (draw_times, times_rows, None),
}


@pytest.mark.parametrize("name", CASES)
def test_everything_is_drawn(name: str, tmp_path: Path) -> None:
    draw, rows, arrays = CASES[name]
    paths = save_products(draw(Material(rows(), arrays, PUBLISHED, ["A deviation."])), tmp_path)
    assert {path.suffix for path in paths} == {".md", ".tex", ".csv", ".pdf", ".png", ".svg"}
    for path in paths:
        assert path.stat().st_size > 100
        if path.suffix == ".md":
            assert "A deviation." in path.read_text()


def test_slopes_stand_beside_the_formula() -> None:
    table = slopes_table(density_frame(jacobian_rows()))
    keys = [column.key for column in table.columns]
    [line] = [r for r in table.rows if r[:2] == (1.0, "nf")]
    values = dict(zip(keys, line, strict=True))
    assert values["exact"] == pytest.approx(0.5 * np.exp(2))
    assert values["slope"] == pytest.approx(0.8 * 0.5 * np.exp(2) * 1.2)
    assert values["n"] == 3


def test_the_table_of_slopes_names_limits_in_words_and_by_their_size() -> None:
    rows = [row(arm, {"name": "two_modes"}, {}) for arm in ("nf_slope_10", "nf_slope_3", "nf")]
    for one in rows:
        one["config"]["data"] |= {"distance": 1.0, "sigma": 0.5}
    text = slopes_table(density_frame(rows)).to_markdown()
    places = [text.index(f"| {name} ") for name in ("NF", "NF, slope at most 3",
                                                    "NF, slope at most 10")]  # fmt: skip
    assert places == sorted(places)


def test_limits_of_the_slope_are_listed_by_their_size() -> None:
    rows = [row(f"nf_slope_{k}", {"name": "two_modes"}, {}) for k in (1, 10, 100, 3)]
    rows += [row(arm, {"name": "two_modes"}, {}) for arm in ("nvf_slope_1", "nvf", "nvf_summed")]
    colours = limit_colours(density_frame(rows))
    limits = ["nf_slope_1", "nf_slope_3", "nf_slope_10", "nf_slope_100"]
    assert list(colours) == ["nvf", *limits, "nvf_slope_1"]
    assert len({colours[arm] for arm in limits}) == 4


def test_each_figure_explains_what_it_draws_itself() -> None:
    drawn = dict(draw_jacobian(Material(jacobian_rows(), jacobian_arrays, PUBLISHED)))
    feet = {
        name: " ".join(text.get_text() for text in drawn[name].texts)
        for name in ("figure_2", "figure_3")
    }
    assert ["Excess NLL" in foot for foot in feet.values()] == [False, True]
    assert ["of the logarithm" in foot for foot in feet.values()] == [True, False]
    toy = dict(draw_toy(Material(toy_rows(), toy_arrays, PUBLISHED)))
    words = " ".join(text.get_text() for text in toy["figure_5_moons"].texts)
    assert "orange: draws" in words
    assert "Excess" not in words
    times = dict(draw_times(Material(times_rows(), None, PUBLISHED)))
    assert "Milliseconds are this machine's." in times["table_times"].notes
    assert not any("Milliseconds" in text.get_text() for text in times["figure_times"].texts)


def test_many_panels_of_scores_stand_in_rows_of_three() -> None:
    rows = [row("nvf", {"name": name}, {"nll_full_nats": 0.1, "parameters": 9}, length=4, hidden=k)
            for name in ("moons", "gaussians", "circles", "swiss_roll", "pinwheel")
            for k in (4, 8)]  # fmt: skip
    figure = figure_scores(density_frame(rows))
    places = [ax.get_position() for ax in figure.axes]
    assert len({round(place.x0, 6) for place in places}) == 3
    assert len({round(place.y0, 6) for place in places}) == 2
    assert len(places) == 5
    figure.draw_without_rendering()
    [legend] = figure.legends
    assert legend.get_window_extent().x0 > 0


def test_models_of_one_size_stand_in_lines_of_their_own() -> None:
    rows = [row(arm, {"name": name}, {"nll_full_nats": 0.1, "parameters": 9}, length=4, hidden=4)
            for name in ("moons", "pinwheel") for arm in ("nf", "nvf", "mixture")]  # fmt: skip
    figure = figure_scores(density_frame(rows))
    first, second = figure.axes
    assert [label.get_text() for label in first.get_yticklabels()] == [
        "NF, n = 1", "NVF, n = 1", "mixture of flows, exact, n = 1"
    ]  # fmt: skip
    assert not any(label.get_text() for label in second.get_yticklabels())
    assert not figure.legends


def test_densities_of_one_size_share_one_picture_of_the_data() -> None:
    rows = [one for one in toy_rows() if one["config"]["data"]["name"] == "moons"]
    sizes = [[one["config"]["model"][key] for key in ("length", "hidden")] for one in rows]
    kept = [one for one, size in zip(rows, sizes, strict=True) if size == min(sizes)]
    figure = figure_densities(density_frame(kept), toy_arrays)
    titles = [ax.get_title() for ax in figure.axes]
    assert titles[0] == "training points"
    assert len(titles) == 1 + len({r["arm"] for r in kept})


def test_toy_gains_are_paired_with_the_matched_flow() -> None:
    frame = density_frame(toy_rows())
    table = toy_table(frame)
    keys = [column.key for column in table.columns]
    lines = [dict(zip(keys, line, strict=True)) for line in table.rows]
    by_key = {(v["data"], v["arm"], v["size"]): v for v in lines}
    nvf = by_key["moons", "nvf", "[10, 32]"]
    assert nvf["gain"] == pytest.approx(0.2)
    assert nvf["n"] == 3
    pinwheel = by_key["pinwheel", "mixture", "[4, 4]"]
    assert np.isnan(pinwheel["excess"])  # no known density: the gain is that of the plain NLL
    assert pinwheel["gain"] == pytest.approx(0.4)


def test_means_are_over_data_sets_or_else_over_runs() -> None:
    data = {"name": "moons"}
    crossed = [row("nf", data, {"x": d + 10 * m}, d, m) for d in (1, 2) for m in (1, 2)]
    assert interval(density_frame(crossed), "x") == mean_interval([16, 17])
    one = [row("nf", data, {"x": float(m)}, 1, m) for m in (1, 2, 3)]
    assert interval(density_frame(one), "x").n == 3
    other = [row("nvf", data, {"x": m - 1.0}, 1, m) for m in (1, 2)]
    assert difference(density_frame([*one, *other]), "x", "nf", "nvf").mean == 1


def test_pairing_takes_the_rows_own_spread_out() -> None:
    frame = density_frame(tabular_rows())
    found = paired_differences(frame, log_likelihoods)
    pair = found["power_half_year", "nvf_ar", "nsf_ar"]
    assert pair.mean == pytest.approx(0.05, abs=0.02)
    assert pair.se_rows < 0.01 < 4 / np.sqrt(ROWS)  # the unpaired error
    assert len(pair.runs) == 3
    table = audit_table(frame, found, PUBLISHED)
    values = dict(zip([c.key for c in table.columns], table.rows[0], strict=True))
    assert values["ten"] == pytest.approx(4 / np.sqrt(10))
    assert (values["gain_c"], values["gain_ar"]) == (pytest.approx(0.04), pytest.approx(0.03))
    assert values["ten_published"] == pytest.approx(2.3 / np.sqrt(10))


def test_what_a_row_differs_by_in_every_run_is_no_news_of_the_second_run() -> None:
    found = paired_differences(
        density_frame(tabular_rows()),
        lambda one: {"log_likelihood": np.arange(8.0) * (one["arm"] == "nvf_ar")},
    )["breast_cancer", "nvf_ar", "nsf_ar"]
    assert found.se_rows == pytest.approx(np.arange(8.0).std(ddof=1) / np.sqrt(8))
    assert (found.mean, found.runs.tolist()) == (3.5, [3.5, 3.5, 3.5])


def test_a_difference_is_drawn_with_its_interval_over_runs() -> None:
    found = paired_differences(density_frame(tabular_rows()), log_likelihoods)
    figure = figure_differences(found)
    runs = mean_interval(found["breast_cancer", "nvf_c", "nsf_c"].runs)
    shown = [
        container.lines[2][0].get_segments()[0][:, 0]
        for ax in figure.axes
        for container in ax.containers
    ]
    assert any(np.allclose(ends, (runs.low, runs.high)) for ends in shown)
    assert any("interval over them" in text.get_text() for text in figure.texts)


def test_a_validation_on_the_first_rows_is_no_number_of_table_2() -> None:
    rows = tabular_rows()
    first = rows[0]["arm"]
    few = [
        one | {"config": one["config"] | {"evaluation": {"rows": 10}}}
        if one["arm"] == first
        else one
        for one in rows
    ]
    for frame, numbers, said in ((rows, True, False), (few, False, True)):
        table = table_2(density_frame(frame), PUBLISHED)
        own = [line[5] for line in table.rows if line[1] == first and line[2] == "ours"]
        assert own
        assert all((value is not None) == numbers for value in own)
        assert any("was on 10 rows" in note for note in table.notes) == said


def test_table_2_has_the_published_column_and_says_that_it_is_other_data() -> None:
    table = table_2(density_frame(tabular_rows()), PUBLISHED)
    theirs = {line[1]: line[6] for line in table.rows if line[2] == "published, POWER"}
    assert theirs["nvf_ar"] == -0.69
    assert theirs["nsf_c"] == -0.64
    ours = [line[9] for line in table.rows if line[2] == "ours"]
    assert ours == pytest.approx([2 * 4 / np.sqrt(ROWS)] * len(ours))
    assert any("not comparable" in note for note in table.notes)
    assert any("no error bars" in note for note in table.notes)
    known = PUBLISHED.assign(n=5)
    assert not any(
        "no error bars" in n for n in table_2(density_frame(tabular_rows()), known).notes
    )
    assert any("TAN: its ICML version has -.60" in note for note in table.notes)
    assert not any("Published, GAS" in note for note in table.notes)
    assert not any("breast cancer" in note and "comparable" in note for note in table.notes)
    assert any(
        "with 10 and 20 states, validation (full set, mean over runs) chooses 20"
        " (10: 0.900, 20: 0.800)" in note
        for note in table.notes
    )


def test_the_posterior_network_is_counted_apart() -> None:
    table = table_2(density_frame(tabular_rows()), PUBLISHED)
    counts = {line[1]: line[3:5] for line in table.rows if line[2] == "ours"}
    assert counts["nsf_ar"] == (1000, 1000)
    assert counts["nvf_ar"] == (1000, 1000 - (31 * 4 + 5 * 4 + 5 * 10))  # breast cancer's
    model = {"latent": "discrete", "estimator": "straight_through", "states": 10,
             "posterior_hidden": 256, "posterior_layers": 2}  # fmt: skip
    config = {"model": model, "data": {"name": "power_half_year"}}
    assert posterior_parameters(config) == 85976 - 15822  # NVF's less the exact mixture's
    assert posterior_parameters({**config, "model": {**model, "estimator": "marginal"}}) == 0
    assert posterior_parameters({**config, "data": {"name": "another"}}) is None


def test_the_gaussian_baseline_stands_beside_what_is_expected_of_it() -> None:
    metrics = {"dim": 43, "train_rows": 3284, "test_rows": 3648, "log_likelihood_nats": -37.5,
               "two_se_nats": 1.2}  # fmt: skip
    rows = [row("", {"name": "miniboone_held_out"}, metrics)]
    table = gaussian_table(density_frame(rows), PUBLISHED)
    values = dict(zip([c.key for c in table.columns], table.rows[0], strict=True))
    assert (values["ours"], values["two_se"]) == (-37.5, 1.2)
    assert (values["expected"], values["expected_two_se"]) == (-37.7, pytest.approx(2 * 0.62))


def test_ratios_are_of_one_run() -> None:
    table = times_table(density_frame(times_rows()))
    assert [line[0] for line in table.rows] == ["coupling_2", "autoregressive_10"]
    assert table.rows[0][2:5] == (pytest.approx(1.1), pytest.approx(1.3), pytest.approx(9.5))


def test_published_tables_are_whole() -> None:
    counts = pd.Series(PUBLISHED["paper"]).value_counts()
    assert counts["nvf"] >= 60
    assert counts["nsf"] >= 50
