"""A figure function that fails: one line that names it, its traceback kept, the others drawn."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from repro import cli, drawing
from repro.config.compose import compose_all
from repro.figures.material import Material, Product
from repro.figures.registry import FIGURES
from repro.figures.tables import Table
from repro.runner.plan import open_store

BAD, GOOD = "identifiability_2d", "mcc_sweep"
EMPTY = Table("Numbers", (), (), kinds=("csv",))


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One stored row of each of the two experiments."""
    monkeypatch.setenv("REPRO_RESULTS", str(tmp_path / "results"))
    monkeypatch.chdir(tmp_path)
    for name in (BAD, GOOD):
        [composition] = compose_all([f"experiment={name}", "scale=smoke"])
        cell = composition.cells[0]
        row = {"schema": 1, "id": cell.id, "task": cell.task, "data_seed": 1, "model_seed": 1,
               "status": "done", "metrics": {}, "arrays": None, "config": cell.config,
               "provenance": {}}  # fmt: skip
        open_store(composition.results, "smoke").append(cell.task, [row])
    return tmp_path / "results" / "smoke"


def raises(given: Material) -> Iterator[Product]:
    yield "first", EMPTY
    raise RuntimeError("two\nlines")


def ends(given: Material) -> Iterator[Product]:
    raise SystemExit("enough")


def reads_an_absent_metric(given: Material) -> Iterator[Product]:
    yield "numbers", Table(str(given.rows[0]["metrics"]["mcc"]), (), ())  # type: ignore[index]


def draws(monkeypatch: pytest.MonkeyPatch, bad: Callable[[Material], Any]) -> None:
    """Has `bad` draw the one experiment and a function that does no wrong the other."""
    good = [("numbers", EMPTY)]
    monkeypatch.setattr(drawing, "find_draw", {BAD: bad, GOOD: lambda given: good}.get)


@pytest.mark.parametrize(
    ("bad", "said", "processes"),
    [
        (raises, "RuntimeError: two lines", 1),
        (ends, "SystemExit: enough", 2),
        (reads_an_absent_metric, "KeyError: 'mcc'", 2),
        (lambda given: [("../../x", EMPTY)], "ValueError: the name '../../x' is no file name", 1),
    ],
)
def test_one_that_fails_is_named_and_keeps_no_other_from_being_drawn(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    results: Path,
    bad: Callable[[Material], Any],
    said: str,
    processes: int,
) -> None:
    draws(monkeypatch, bad)
    monkeypatch.setattr(drawing, "cores", lambda: processes)
    code = cli.main(["figures", f"experiment={BAD},{GOOD}", "scale=smoke"])
    out, err = capsys.readouterr()
    assert (code, out) == (1, f"results/smoke/figures/{GOOD}/numbers.csv\n")
    assert err.count("\n") == 1
    assert err.startswith(f"repro: not drawn: experiment={BAD} scale=smoke: its figure {BAD} (")
    assert FIGURES[BAD] in err
    assert said in err
    kept = results / "failures" / f"figures-{BAD}.txt"
    assert err.endswith(f"; the whole traceback is in {kept.relative_to(Path.cwd())}\n")
    assert "Traceback (most recent call last)" in kept.read_text()
    assert list(results.parent.parent.rglob("x.csv")) == []


def test_the_traceback_goes_once_it_can_be_drawn(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, results: Path
) -> None:
    words = ["figures", f"experiment={BAD}", "scale=smoke"]
    draws(monkeypatch, raises)
    assert cli.main(words) == 1
    draws(monkeypatch, lambda given: [("numbers", EMPTY)])
    assert cli.main(words) == 0
    assert list((results / "failures").iterdir()) == []


def test_a_module_that_cannot_be_imported_keeps_no_other_from_being_drawn(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, results: Path
) -> None:
    drawn = [("numbers", EMPTY)]
    monkeypatch.setitem(FIGURES, BAD, "repro.figures.not_there:draw")
    find = drawing.find_draw
    monkeypatch.setattr(
        drawing, "find_draw", lambda name: find(BAD) if name == BAD else lambda given: drawn
    )
    code = cli.main(["figures", f"experiment={BAD},{GOOD}", "scale=smoke"])
    out, err = capsys.readouterr()
    assert code == 1
    assert err.count("\n") == 1
    assert f"{BAD} (repro.figures.not_there:draw) failed with ModuleNotFoundError: No mod" in err
    assert out == f"results/smoke/figures/{GOOD}/numbers.csv\n"
