"""What is drawn of some of an experiment's rows says so, and by which words."""

import pytest

from repro.config.compose import compose_all
from repro.narrowing import noted

NAME = "experiment=identifiability_2d"


def notes(*words: str) -> list[str]:
    """What the words add beneath the tables and figures of the one experiment that they name."""
    compositions = compose_all(words)
    [one] = noted(compositions, words)
    assert one.notes[: len(compositions[0].notes)] == compositions[0].notes
    assert one.cells == compositions[0].cells
    return one.notes[len(compositions[0].notes) :]


@pytest.mark.parametrize(
    "words",
    [
        ["seeds=1-2"],
        ["model=ivae", "seeds=1-2"],
        ["model_seeds=2"],
        ["layers=4"],
        ["fidelity=as_published"],
    ],
)
def test_words_that_leave_rows_out_are_named(words: list[str]) -> None:
    told = f"Drawn of: {' '.join(words)} alone."
    assert notes(NAME, "scale=quick", *words, "device=cpu", "paths.results=/x") == [told]


@pytest.mark.parametrize(
    "words",
    [[], ["device=cpu", "launcher.workers=2", "paths.results=/x", "keep_arrays=1"],
     ["seeds=1-9"], ["layers=3,4"], ["model=ivae,iflow"]],
)  # fmt: skip
def test_words_that_leave_none_out_are_not(words: list[str]) -> None:
    assert notes(NAME, "scale=quick", *words) == []


def test_only_the_experiment_that_is_narrowed_says_so() -> None:
    words = ["experiment=identifiability_2d,mcc_sweep", "scale=paper", "seeds=1-10"]
    first, second = noted(compose_all(words), words)
    assert "Drawn of: seeds=1-10 alone." not in first.notes
    assert second.notes[-1] == "Drawn of: seeds=1-10 alone."


def test_figures_have_the_note_beneath_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from repro import cli, drawing

    found = []
    monkeypatch.setattr(drawing, "draw", lambda one: found.extend(one.notes) or [])
    assert cli.main(["figures", NAME, "scale=quick", "seeds=1"]) == 0
    assert found[-1] == "Drawn of: seeds=1 alone."
