"""Figures and tables of fitted energies and of the gallery, from made-up rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from repro.errors import MissingResult
from repro.figures.energies import draw_energies, figure_3d
from repro.figures.energy_optimisers import (
    draw_optimisers,
    fates,
    figure_optimisers,
    gaussian_on_u1,
    table_optimisers,
)
from repro.figures.energy_rows import best_gaussian, energy_frame
from repro.figures.energy_table import explanations, published_points, table_energies
from repro.figures.flow_gallery import figure_1, table_gallery
from repro.figures.material import Material, save_products


def row(arm: str, length: int, seed: int, value: float | None, **more: Any) -> dict[str, Any]:
    model = {"name": arm} | ({"flow_length": length} if length else {})
    metrics = {"free_energy": value, "kl": 1.0, "log_normaliser": 1.8775, "rarer_mode": 0.5,
               "covers_modes": 1.0, "one_mode": 0.0} | more  # fmt: skip
    training = {"optimiser": "adam", "learning_rate": more.get("rate", 0.01)}
    return {
        "id": f"{arm}{length}", "arm": arm, "task": "energy_fit", "data_seed": 1,
        "model_seed": seed, "status": "diverged" if value is None else "done",
        "metrics": {"parameters": 5} | ({} if value is None else metrics),
        "arrays": "x" if seed == 1 and value is not None else None,
        "config": {"data": {"target": "u1"}, "model": model, "training": training},
    }  # fmt: skip


ROWS = [
    *(row("planar", k, seed, -1.0 - 0.1 * k + 0.01 * seed) for k in (2, 8) for seed in (1, 2, 3)),
    *(row("gaussian", 0, seed, [-0.9, -0.97, 1.4][seed - 1]) for seed in (1, 2, 3)),
    row("radial", 2, 1, None),
    row("radial", 2, 2, -0.5),
]


def arrays(_: Any) -> dict[str, np.ndarray]:
    return {"draws": np.eye(8, dtype=np.uint8), "target": np.eye(8, dtype=np.uint8)}


def test_the_gaussian_line_is_its_best_start() -> None:
    frame = energy_frame(ROWS)
    assert best_gaussian(frame, "u1") == -0.97
    assert best_gaussian(frame, "u2") is None


def test_the_table_has_means_counts_and_published_numbers(published: Any) -> None:
    table = table_energies(ROWS, published)
    lines = {(line[1], line[2]): line for line in table.rows}
    planar = lines["planar", 8]
    assert planar[4] == pytest.approx((-1.78, 0.01))
    assert planar[6:9] == pytest.approx((3, 1.0, 0.81))
    assert planar[9:] == ((3, 3), (0, 3), -0.2, -1.109)
    assert lines["gaussian", None][8] is None
    assert any("1 of 2 runs diverged" in note for note in table.notes)
    assert any("K = 8 in 24 of 24 cells" in note for note in table.notes)
    assert any("5,000 updates by RMSprop" in note for note in table.notes)
    without = table_energies(ROWS, published.iloc[:0])
    assert not any("opposite" in note for note in without.notes)


def test_scaled_nice_is_explained_only_where_it_has_runs(published: Any) -> None:
    arms = ("planar", "nice_orthogonal_scaled")
    notes = [explanations(energy_frame([row(arm, 2, 1, -1.0)]), published) for arm in arms]
    told = [[note for note in some if "scaled NICE" in note] for some in notes]
    assert told[0] == []
    assert "the log-determinant lost its sign" in told[1][0]


def test_published_points_are_the_papers_panels_and_the_groups_file(published: Any) -> None:
    lengths = [2, 8, 32]
    panel = published_points(published, "rezende_mohamed", "u1", "planar", lengths)
    assert panel == {2: 0.07, 8: -0.2, 32: -0.25}
    assert published_points(published, "rezende_mohamed", "u4", "planar", lengths) == {}
    group = published_points(published, "atml12", "u4", "nice_orthogonal_scaled", lengths)
    assert group == {2: -4.78, 8: -1.782, 32: 0.406}


def test_everything_is_drawn(published: Any, tmp_path: Any) -> None:
    paths = save_products(draw_energies(Material(ROWS, arrays, published, ["A note."])), tmp_path)
    assert {path.name for path in paths} >= {"figure_3.png", "figure_3d.pdf", "table_energies.md"}
    assert all(path.stat().st_size for path in paths)


def test_what_is_no_free_energy_is_not_drawn_as_one(published: Any) -> None:
    panels = figure_3d([row("nice_orthogonal_scaled", 2, 1, -1.0)], published).axes
    drawn = [line.get_ydata() for line in panels[0].lines if line.get_marker() == "x"]
    assert not any(len(values) for values in drawn)


def test_a_runs_fate(tmp_path: Any, published: Any) -> None:
    rows = [
        row("adam", 8, 1, -1.7),
        row("adam", 8, 2, -0.9, covers_modes=0.0, one_mode=1.0),
        row("adam", 8, 3, -1.2, covers_modes=0.0),
        row("adamax", 8, 1, None),
    ]
    frame = energy_frame(rows)
    assert fates(frame) == ["both modes", "one mode", "uneven modes", "diverged"]
    table = table_optimisers(rows)
    assert [line[4:6] + line[7:] for line in table.rows] == [
        ((1, 3), (1, 3), (0, 3)),
        ((0, 1), (0, 1), (1, 1)),
    ]
    assert len(save_products(draw_optimisers(Material(rows, arrays, published)), tmp_path)) == 6


def test_the_best_gaussian_is_what_quadrature_finds(published: Any) -> None:
    side = np.linspace(-7, 7, 1401)
    x, y = np.meshgrid(side, side)
    modes = np.logaddexp(-0.5 * ((x - 2) / 0.6) ** 2, -0.5 * ((x + 2) / 0.6) ** 2)
    walls = sum(0.5 * (np.maximum(np.abs(z) - 4, 0) / 0.1) ** 2 for z in (x, y))
    energy = 0.5 * ((np.hypot(x, y) - 2) / 0.4) ** 2 - modes + walls

    def free_energy(mean: float, sd_x: float, sd_y: float) -> float:
        log_q = -0.5 * ((x - mean) / sd_x) ** 2 - 0.5 * (y / sd_y) ** 2
        log_q -= np.log(2 * np.pi * sd_x * sd_y)
        return float((np.exp(log_q) * (log_q + energy)).sum() * (side[1] - side[0]) ** 2)

    best = (1.8616, 0.3534, 0.9855)
    assert free_energy(*best) == pytest.approx(gaussian_on_u1(published), abs=5e-5)
    for place in range(3):
        for step in (-0.01, 0.01):
            near = [value + step * (i == place) for i, value in enumerate(best)]
            assert free_energy(*near) > free_energy(*best)


def test_the_best_gaussian_is_a_line_beside_the_optimisers(published: Any) -> None:
    [ax] = figure_optimisers([row("adam", 8, 1, -1.7)], published).axes
    assert gaussian_on_u1(published) in [line.get_ydata()[0] for line in ax.lines]
    without = figure_optimisers([row("adam", 8, 1, -1.7)], published.iloc[:0])
    assert len(without.axes[0].lines) == len(ax.lines) - 1
    assert not any("dotted" in text.get_text() for text in without.texts)


def gallery(seed: int, kept: str | None) -> dict[str, Any]:
    metrics = {"mass": 0.99, "largest_density": 0.2, "inverse_error": 1e-9, "log_det_error": 1e-10}
    model = {"family": "planar", "flow_length": 2}
    config = {"data": {"base": "gaussian", "box": 4.0}, "model": model}
    return {"arrays": kept, "model_seed": seed, "metrics": metrics, "config": config}


def test_the_gallery_shows_the_first_seed_that_kept_its_density() -> None:
    rows = [gallery(2, "y"), gallery(1, None)]
    figure = figure_1(rows, lambda _: {"density": np.eye(8)})
    assert [ax.get_title() for ax in figure.axes] == ["K = 0", "planar, K = 2"]
    assert any("model seed 2" in text.get_text() for text in figure.texts)
    assert len(table_gallery(rows).rows) == 2
    with pytest.raises(MissingResult, match="keep_model_seeds"):
        figure_1([gallery(1, None)], lambda _: {})
