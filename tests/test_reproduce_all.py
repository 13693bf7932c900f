"""`make reproduce-all`: three steps in order, the slowest and the report named, and done once."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from repro.config.compose import compose_all
from repro.runner.plan import open_store

FILE = Path(__file__).parents[1] / "scripts" / "reproduce_all.py"
NAME = "identifiability_2d"


@pytest.fixture
def script() -> Any:
    spec = importlib.util.spec_from_file_location("reproduce_all", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def called(script: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[list[str]]]:
    """Returns a setter of the verbs' exit codes; gives back the words they are called with."""

    def set_codes(**codes: int) -> list[list[str]]:
        words = []

        def verb(given: list[str]) -> int:
            words.append(given)
            print({"run": "ran", "figures": "a.png\nb.png", "report": "page.html"}[given[0]])  # noqa: T201
            return codes.get(given[0], 0)

        monkeypatch.setattr(script.cli, "main", verb)
        return words

    return set_codes


def store_rows(results: Path) -> None:
    [composition] = compose_all([f"experiment={NAME}", f"paths.results={results}"])
    for cell in composition.cells:
        origin = {"seconds": 70.0, "pack": [[1, 1], [2, 1]], "started": "2026-01-01"}
        rows = [{"schema": 1, "id": cell.id, "task": cell.task, "data_seed": seed, "model_seed": 1,
                 "status": "done", "metrics": {}, "arrays": None, "config": cell.config,
                 "provenance": origin} for seed in (1, 2)]  # fmt: skip
        open_store(results, "quick").append(cell.task, rows)


def test_it_runs_draws_and_reports_and_the_second_call_has_nothing_to_draw(
    script: Any, called: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store_rows(tmp_path)
    place = f"paths.results={tmp_path}"
    words = called()
    assert script.main(["scale=quick", "launcher=local", place]) == 0
    assert words == [
        ["run", "experiment=all", "scale=quick", "launcher=local", place],
        ["figures", "experiment=all", "scale=quick", place],
        ["report", "scale=quick", place],
    ]
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("2 files drawn in ")
    assert lines[2] == "report: page.html"
    assert f"  {NAME}: 2 min 20 s" in lines
    words = called()
    assert script.main(["scale=quick", place]) == 0
    assert [given[0] for given in words] == ["run"]
    assert "report: page.html" in capsys.readouterr().out
    store_rows(tmp_path)
    (tmp_path / "quick" / "another.jsonl").write_text("")
    words = called()
    script.main(["scale=quick", place])
    assert [given[0] for given in words] == ["run", "figures", "report"]


@pytest.mark.parametrize(
    ("codes", "verbs", "code"),
    [
        ({"run": 130}, ["run"], 130),
        ({"run": 2}, ["run"], 2),
        ({"run": 1}, ["run", "figures", "report"], 1),
        ({"figures": 1}, ["run", "figures", "report"], 1),
    ],
)
def test_what_goes_wrong_is_its_exit_code(
    script: Any, called: Any, tmp_path: Path, codes: Any, verbs: list[str], code: int
) -> None:
    words = called(**codes)
    assert script.main([f"paths.results={tmp_path}"]) == code
    assert [given[0] for given in words] == verbs
