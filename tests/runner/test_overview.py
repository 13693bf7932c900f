"""Tables: aligned, no wider than the terminal, and in words."""

from types import SimpleNamespace
from typing import Any

import pytest

from repro.runner.overview import WIDTH, _labels, aligned, differing


def test_no_line_is_wider_than_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    rows = [["name" * 30, "paper", "1", "22"], ["x", "quick", "333", "4"]]
    lines = aligned(rows, left=2).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert len({len(line) for line in lines}) == 1


def config(model: str, layers: int, **more: Any) -> Any:
    return {"data": {"layers": layers}, "model": {"name": model, **more}}


def test_cells_are_called_by_what_sets_them_apart() -> None:
    assert differing([config("iflow", 3), config("ivae", 3)]) == ["iflow", "ivae"]
    assert differing([config("iflow", 3), config("iflow", 4)]) == [
        "iflow layers=3",
        "iflow layers=4",
    ]
    three = [
        config("iflow", 3, hidden=1),
        config("iflow", 3, hidden=2),
        config("ivae", 3, slope=1),
    ]
    assert differing(three) == ["iflow hidden=1", "iflow hidden=2", "ivae"]


LONG = [["cell", "id"], *([f"{'name' * 20} layers={n} learning_rate=0.001", "x"] for n in (2, 4))]


def test_the_table_is_as_wide_as_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert aligned(LONG, left=2).splitlines()[2].startswith(f"{LONG[2][0]}  x")
    monkeypatch.setenv("COLUMNS", "50")
    assert max(map(len, aligned(LONG, left=2).splitlines())) <= 50


def test_names_that_would_be_cut_to_the_same_go_over_several_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "22")
    rows = [["iflow layers=2 learning_rate=1", "1"], ["iflow layers=2 learning_rate=2", "22"]]
    assert aligned(rows).splitlines() == [
        "iflow layers=2       1",
        "learning_rate=1",
        "iflow layers=2      22",
        "learning_rate=2",
    ]
    assert aligned([["iflow " * 10, "1"], ["ivae", "2"]]).splitlines()[0][18:20] == "~ "


def planned(arm: str, model: str, layers: int) -> Any:
    cell = SimpleNamespace(id=f"{arm}{model}{layers}", arm=arm, config=config(model, layers))
    return SimpleNamespace(cell=cell)


def test_a_model_that_all_cells_have_is_left_out_where_they_have_other_names() -> None:
    assert _labels([planned("", "iflow", 3), planned("", "iflow", 4)]) == ["layers=3", "layers=4"]
    assert _labels([planned("a", "iflow", 3), planned("b", "iflow", 3)]) == ["a", "b"]
    assert _labels([planned("a", "iflow", 3), planned("b", "ivae", 3)]) == ["a iflow", "b ivae"]
    assert _labels([planned("", "iflow", 3)]) == ["iflow"]
