"""Every experiment file really runs at the smoke scale, from config to figures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from repro.cli import main
from repro.config.tree import Tree
from repro.runner.paths import StorePaths
from repro.runner.store import Store

SMOKE = Tree().experiments


@pytest.mark.parametrize("experiment", SMOKE)
def test_the_smoke_scale_runs(
    experiment: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"experiment={experiment}", "scale=smoke", "device=cpu", f"paths.results={tmp_path}"]
    assert main(["run", *words]) == 0
    assert main(["figures", *words]) == 0
    capsys.readouterr()
    assert main(["status", "--json", *words]) == 0
    [entry] = json.loads(capsys.readouterr().out)
    assert entry["done"] > 0
    assert (entry["missing"], entry["failed"], entry["expected_seconds"]) == (0, 0, 0.0)
    drawn = {path.suffix for path in (tmp_path / "smoke" / "figures").rglob("*")}
    assert {".pdf", ".png", ".svg", ".md", ".tex", ".csv"} <= drawn


def test_a_second_run_does_nothing_and_a_row_says_where_it_came_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["experiment=identifiability_2d", "scale=smoke", "device=cpu", "seeds=1", "model=ivae"]
    words.append(f"paths.results={tmp_path}")
    assert main(["run", *words]) == 0
    store = Store(StorePaths(tmp_path, "smoke"))
    [before] = store.read("identifiability")
    assert main(["run", *words]) == 0
    assert store.read("identifiability") == [before]
    assert before["provenance"]["experiment"] == "identifiability_2d"
    assert before["provenance"]["reductions"]
    assert set(before["config"]["data"]) >= {"dim", "segments", "points_per_segment", "layers"}
    assert set(before["metrics"]) >= {
        "mcc",
        "mcc_posterior_mean",
        "correlations",
        "energy",
        "log_likelihood",
        "at",
    }
