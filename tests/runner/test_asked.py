"""The rows that figures and report read are an experiment's own, with arm and whole config."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from repro.config.compose import compose_all
from repro.runner.asked import asked_rows, baseline_rows
from repro.runner.paths import StorePaths
from repro.runner.store import Store


def test_a_row_says_its_arm_and_rows_of_others_stay_out(tmp_path: Path) -> None:
    [found] = compose_all(["experiment=identifiability_2d", "scale=smoke"])
    first, second = found.cells
    found = replace(found, cells=(replace(first, arm="one"), second))
    store = Store(StorePaths(tmp_path, "smoke"))
    for cell_id, config, seed, status in [
        (first.id, first.config, 1, "done"), (second.id, second.config, 2, "diverged"),
        (first.id, first.config, 77, "done"), ("0" * 12, first.config, 1, "done"),
    ]:  # fmt: skip
        row = {"schema": 1, "id": cell_id, "task": found.task, "data_seed": seed, "model_seed": 1,
               "status": status, "metrics": {}, "arrays": None, "config": config,
               "provenance": {}}  # fmt: skip
        store.append(found.task, [row])
    rows = asked_rows(found, store)
    assert [(row["id"], row["data_seed"], row["arm"]) for row in rows] == [
        (first.id, 1, "one"),
        (second.id, 2, ""),
    ]
    assert [row["config"] for row in rows] == [first.config, second.config]
    assert "arm" not in store.read(found.task)[0]


def test_baselines_of_the_same_data_sets_stand_beside(tmp_path: Path) -> None:
    [asked] = compose_all(["experiment=identifiability_2d", "scale=smoke"])
    [made] = compose_all(["experiment=baselines", "scale=smoke", "arm=2d_layers_3,2d_layers_4"])
    store = Store(StorePaths(tmp_path, "smoke"))
    for cell, seed in [(made.cells[0], 1), (made.cells[0], 99), (made.cells[1], 1)]:
        row = {"schema": 1, "id": cell.id, "task": made.task, "data_seed": seed, "model_seed": 1,
               "status": "done", "metrics": {}, "arrays": None, "config": cell.config,
               "provenance": {}}  # fmt: skip
        store.append(made.task, [row])
    assert [(row["id"], row["data_seed"]) for row in baseline_rows(asked, store)] == [
        (made.cells[0].id, 1)
    ]
    assert baseline_rows(made, store) == []
