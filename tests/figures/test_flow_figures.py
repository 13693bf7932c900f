"""GIN's, the densities' and the checks' figures and tables, on rows made by hand."""

from pathlib import Path

import numpy as np
import pytest

from repro.errors import MissingResult
from repro.figures.arms import by_data_seed, differences, lost_notes
from repro.figures.checks import (
    CHECKED,
    EXACT,
    EXACT_CONVOLUTION,
    IDENTITIES,
    draw_circulant,
    figure_determinants,
    table_circulant,
    table_determinants,
)
from repro.figures.density import draw_density, figure_density, table_density
from repro.figures.gin import figure_recovered, figure_spectrum, table_gin
from repro.figures.material import Material, save_products
from repro.reading import read_yaml

CLAIMS = Path(__file__).parents[2] / "conf" / "claims"


def row(task, arm, seed, metrics, model_seed=1, config=None, status="done", arrays=None):
    return {
        "task": task,
        "arm": arm,
        "data_seed": seed,
        "model_seed": model_seed,
        "status": status,
        "metrics": metrics,
        "config": config or {},
        "arrays": arrays,
        "id": f"{arm}-{task}",
    }


def gin_rows():
    rows = []
    for arm, mcc in (("gin", 0.9), ("glow", 0.8)):
        for seed in (1, 2, 3):
            metrics = {
                "mcc": mcc + 0.01 * seed * (2 if arm == "gin" else 1),
                "mcc_information": mcc,
                "mcc_any": mcc,
                "mcc_within": mcc,
                "mcc_x": 0.5,
                "r2": 0.9,
                "gap": 10.0 * seed,
                "log_gap": np.log(10.0 * seed),
                "same_choice": 1.0,
                "spreads": [2.0, 1.0, 0.1, 0.01],
            }
            rows.append(
                row("gin_sources", arm, seed, metrics, arrays="a.npz" if seed == 1 else None)
            )
    return rows


def density_rows():
    data = {"name": "mixture", "dim": 10}
    return [
        row(
            "density_fit",
            arm,
            seed,
            {"gap_nats": gap + 0.1 * seed * (1 + gap), "parameters": 540},
            config={"data": data},
        )
        for arm, gap in (("affine", 1.0), ("convolution", 0.5), ("stack", 3.0))
        for seed in (1, 2)
    ]


def check_rows():
    curve = {"w_u": [-2.0, -1.0, 0.0], "share": [0.2, 0.0, 0.0]}
    planar = {
        "folded_inside": 0.0,
        "folded_beyond": 1.0,
        "folded_constrained": 0.0,
        "folded_mistaken": 0.1,
        "curve": curve,
    }
    errors = {name: 1e-15 for name in IDENTITIES} | {"plu": 0.0}
    return [
        row("determinants", "", s, {"error": errors | {"nice": nice}, "planar": planar})
        for s, nice in ((1, 1e-6), (2, 1e-12))
    ]


def circulant_rows():
    evaluation = {
        "sizes": [2, 4],
        "time_sizes": [2, 4, 8],
        "dense_sizes": [2],
        "time_rows": 1,
        "fit_from": 4,
    }
    metrics = {
        "by_size": {key: [1e-15, 0.0] for key in CHECKED},
        "exponent": 1.1,
        "time": {"fast_seconds": [1e-5, 2e-5, 4e-5], "dense_seconds": [1e-4], "threads": 1},
    }
    return [
        row("circulant", arm, seed, metrics, config={"evaluation": evaluation})
        for arm in ("symmetric", "circular")
        for seed in (1, 2)
    ]


def test_a_data_seed_s_value_is_the_mean_over_its_model_seeds_without_the_diverged():
    rows = [
        row("t", "a", 2, {"m": 1.0}),
        row("t", "a", 2, {"m": 3.0}, 2),
        row("t", "a", 1, {"m": 5.0}),
        row("t", "a", 3, {"diverged_at": 4}, status="diverged"),
    ]
    assert by_data_seed(rows, "m") == {1: 5.0, 2: 2.0}
    assert differences({1: 5.0, 2: 2.0}, {2: 0.5, 9: 1.0}) == [1.5]
    assert lost_notes(rows, {"a": "arm A"}) == [
        "arm A: 1 of 4 runs diverged; counted, and in no mean."
    ]


def test_gin_s_table_compares_both_arms_by_data_seed():
    text = table_gin(gin_rows()).to_csv()
    line = next(one for one in text.splitlines() if one.startswith('"MCC, chosen by standard'))
    assert "0.94" in line
    assert "0.82" in line
    assert line.endswith(",3")
    assert ",0.1199999" in line


def test_gin_s_figures_show_both_arms_and_say_what_is_missing():
    random = np.random.default_rng(0)
    arrays = {
        "s": random.standard_normal((30, 2)),
        "z": random.standard_normal((30, 4)),
        "cluster": np.arange(30) % 3,
    }
    figure = figure_recovered(gin_rows(), lambda _: arrays)
    assert [ax.get_title() for ax in figure.axes] == [
        "true sources",
        "GIN: MCC 0.920",
        "GLOW: MCC 0.810",
    ]
    bare = [{**one, "arrays": None} for one in gin_rows()]
    shown = figure_recovered(bare, lambda _: arrays)
    assert "not kept" in {text.get_text() for ax in shown.axes for text in ax.texts}
    assert len(figure_spectrum(gin_rows()).axes) == 3


def test_densities_are_told_apart_by_data_and_arm():
    rows = density_rows()
    text = table_density(rows).to_csv()
    line = next(one for one in text.splitlines() if ",convolution," in one)
    assert line.startswith('"mixture of Gaussians, 10D"')
    assert "-0.57" in line
    [ax] = figure_density(rows).axes
    assert [tick.get_text() for tick in ax.get_xticklabels()] == [
        "affine (540)",
        "convolution (540)",
        "stack (540)",
    ]


def test_checks_say_what_is_exact():
    lines = table_determinants(check_rows()).to_csv().splitlines()
    assert "NICE: determinant 1,1.0e-06,no,2" in lines
    assert "PLU,0,yes,2" in lines
    assert len(figure_determinants(check_rows()).axes) == 2


def test_convolution_s_table_has_a_line_a_length_for_each_way_to_end():
    table = table_circulant(circulant_rows())
    ends = [(arm, size) for arm in ("circular", "symmetric") for size in (2, 4)]
    assert [line[:2] for line in table.rows] == ends
    assert "mirrored at both ends" in table.to_markdown()
    assert table.rows[0][-3:] == (pytest.approx(10.0), pytest.approx(100.0), 2)
    assert table.rows[1][-2] is None
    drawn = dict(draw_circulant(Material(circulant_rows(), dict, None)))
    assert list(drawn) == ["figure_circular", "figure_symmetric", "table_convolution"]
    assert len(drawn["figure_symmetric"].axes) == 2


def test_without_rows_there_is_nothing_to_draw(tmp_path):
    with pytest.raises(MissingResult, match="repro run experiment=convolution_density"):
        save_products(draw_density(Material([], dict, None)), tmp_path)


@pytest.mark.parametrize(
    ("file", "claim", "drawn"),
    [("determinants", "F29a", EXACT), ("convolutional_flow", "F28a", EXACT_CONVOLUTION)],
)
def test_the_line_that_errors_may_not_cross_is_the_claims(file, claim, drawn):
    listed = read_yaml(CLAIMS / f"{file}.yaml", resolve=True)["claims"]
    [decided] = [one["decide"] for one in listed if one["id"] == claim]
    assert decided == {"below": drawn}
