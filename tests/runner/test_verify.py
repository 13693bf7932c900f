"""A stored row made again: chosen, compared within its tolerance, and told."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from repro.config.identity import identity
from repro.config.tree import conf_folder
from repro.errors import ConfigError, DataError, JobFailed, MissingResult, StoreError
from repro.jobs import Job
from repro.runner import verify
from repro.runner.paths import StorePaths
from repro.runner.progress import Reporter
from repro.runner.store import Store
from repro.runner.summary import Summary
from repro.runner.tolerance import Compared, Rules, Tolerance, compare, load_rules
from repro.runner.verify import Verifier, verify_words


def row(seed: int, seconds: float = 4.0, id: str = "a" * 12, **metrics: Any) -> dict[str, Any]:
    about = {"seconds": seconds, "pack": [[seed, 1], [seed + 1, 1]], "resumed_at": None}
    return {
        "schema": 1, "id": id, "task": "fake", "data_seed": seed, "model_seed": 1,
        "status": "done", "arrays": None, "metrics": metrics or {"mcc": 0.5},
        "config": {"task": "fake"}, "provenance": about,
    }  # fmt: skip


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The store of paper-scale rows that `repro verify` finds."""
    monkeypatch.setenv("REPRO_RESULTS", str(tmp_path / "results"))
    return Store(StorePaths(tmp_path / "results", "paper"))


# -- choosing -----------------------------------------------------------------------------------


def test_the_choice_is_cheap_and_the_same_for_the_same_draw(shelf: Store) -> None:
    shelf.append("fake", [row(seed) for seed in range(1, 20)])
    shelf.append("fake", [row(1, 1e5, "b" * 12)])
    chosen = [Verifier([f"draw={draw}"]).choose() for draw in (1, 1, 2, 3, 4)]
    assert chosen[0].row == chosen[1].row
    assert len({one.row["data_seed"] for one in chosen}) > 1
    assert {one.seconds for one in chosen} == {2.0}


def test_a_row_that_went_on_from_a_checkpoint_does_not_say_how_long_it_takes(
    shelf: Store,
) -> None:
    resumed = row(1, 0.5)
    resumed["provenance"]["resumed_at"] = 100
    shelf.append("fake", [resumed])
    assert math.isinf(Verifier([]).choose().seconds)
    shelf.append("fake", [row(2, 50.0)])
    assert Verifier(["seeds=1"]).choose().seconds == 25.0


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["id=aaaaaaaaaaab"], "nearest valid name is aaaaaaaaaaaa"),
        (["scale=papr"], "paper"),
        (["seeds=7"], "--all-ids"),
        (["seeds=2-1"], "seeds=1-2"),
        (["draw=x"], "draw"),
        (["devise=cpu"], "device"),
        (["aaaaaaaaaaaa"], "write id=aaaaaaaaaaaa"),
        (["experiment=mcc_sweep"], "leave out experiment"),
        (["layers=3"], "leave out data.layers"),
        (["draw=1-3"], "draw=1-3 is several seeds; write one, as in draw=1"),
        (["seeds=1", "+seeds=2"], "seeds is given twice, as 1 and as 2"),
        (["gin_sources"], "choose the row by id"),
        (["papr"], "write scale=paper"),
        (["launcher=slurm"], "leave out launcher=slurm"),
    ],
)
def test_a_wrong_word_names_the_right_one(shelf: Store, words: list[str], hint: str) -> None:
    shelf.append("fake", [row(1)])
    with pytest.raises(ConfigError) as error:
        Verifier(words).choose()
    assert hint in str(error.value)


def of_mnist(seed: int, id: str) -> dict[str, Any]:
    config = {"task": "fake", "data": {"name": "binary_images", "dataset": "mnist"}}
    return row(seed, 1.0, id) | {"config": config}


def test_rows_without_their_data_are_not_drawn(
    shelf: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPRO_DATA", str(tmp_path / "data"))
    shelf.append("fake", [of_mnist(seed, "b" * 12) for seed in range(1, 20)])
    shelf.append("fake", [row(1), row(2, 1e5, "c" * 12)])
    assert {Verifier([f"draw={n}"]).choose().row["id"] for n in range(5)} == {"a" * 12}
    assert Verifier(["id=cccccccccccc"]).choose().row["id"] == "c" * 12
    fetch = f"repro data fetch mnist paths.data={tmp_path}"
    with pytest.raises(DataError, match=rf"bbbbbbbbbbbb, .* needs data .*: {fetch}"):
        Verifier(["id=bbbbbbbbbbbb", f"paths.data={tmp_path}"]).choose()


def test_an_empty_store_names_the_command(shelf: Store) -> None:
    folder = shelf.paths.results
    with pytest.raises(MissingResult, match=rf"in {folder}; make .*: repro run experiment=all$"):
        Verifier([]).candidates()
    with pytest.raises(MissingResult, match=r"at scale=paper; .* experiment=all scale=paper$"):
        Verifier(["scale=paper"]).candidates()


def test_all_ids_are_listed(shelf: Store, capsys: pytest.CaptureFixture[str]) -> None:
    shelf.append("fake", [row(1), row(2), row(1, id="b" * 12)])
    assert verify_words([], all_ids=True) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert "1-2" in lines[1]


# -- comparing ----------------------------------------------------------------------------------

LOOSE = Tolerance("why", {"absolute": 0.01, "relative": 0.1}, {"*mcc*": 0.2, "loss": 0.0})
RULES = Rules(1.0, ("*seconds*",), (LOOSE,))


@pytest.mark.parametrize(
    ("stored", "found", "passes"),
    [
        ({"mcc": 0.5}, {"mcc": 0.69}, True),
        ({"mcc": 0.5}, {"mcc": 0.71}, False),
        ({"at": {"end": {"mcc": 0.5}}}, {"at": {"end": {"mcc": 0.9}}}, False),
        ({"energy": 100.0}, {"energy": 109.0}, True),
        ({"energy": 0.0}, {"energy": 0.02}, False),
        ({"loss": 1.0}, {"loss": 1.0 + 1e-12}, False),
        ({"list": [1.0, 2.0]}, {"list": [1.0, 3.0]}, False),
        ({"mcc": 0.5}, {}, False),
        ({"mcc": None}, {"mcc": None}, True),
        ({"mcc": None}, {"mcc": 0.5}, False),
        ({"mcc": 0.5, "seconds_in_all": 1.0}, {"mcc": 0.5, "seconds_in_all": 9.0}, True),
        ({"name": "x", "mcc": 0.5}, {"mcc": 0.5}, True),
    ],
)
def test_every_number_has_its_tolerance(
    stored: dict[str, Any], found: dict[str, Any], passes: bool
) -> None:
    before, after = row(1) | {"metrics": stored}, row(1) | {"metrics": found}
    assert all(one.passes for one in compare(before, after, RULES)) is passes


def test_the_first_rule_that_fits_counts() -> None:
    first = replace(LOOSE, task="fake", where={"model.name": "iflow"}, because="iflow")
    rules = replace(RULES, rules=(first, LOOSE))
    one = row(1) | {"config": {"model": {"name": "iflow"}}}
    assert rules.rule_for(one).because == "iflow"
    assert rules.rule_for(row(1)).because == "why"


def test_the_projects_rules_are_read_and_fit_every_row(tmp_path: Path) -> None:
    file = conf_folder() / "verify.yaml"
    assert load_rules(file).rule_for(row(1)).because
    text = file.read_text()
    for old, new, hint in (
        ("cheap_seconds", "cheap_second", "cheap_seconds"),
        ("because:", "becuse:", "because"),
        ("tolerances: {}", "tolerance: {}", "tolerances"),
        ("absolute: 0.03, ", "", "absolute"),
    ):
        (tmp_path / "verify.yaml").write_text(text.replace(old, new))
        with pytest.raises(ConfigError, match=hint):
            load_rules(tmp_path / "verify.yaml")


def test_a_row_whose_config_was_edited_is_refused_before_it_runs(shelf: Store) -> None:
    shelf.append("fake", [row(1)])
    with pytest.raises(StoreError, match="changed after it was stored: its id would be"):
        verify_words([])


def test_an_interrupted_rerun_is_no_verdict(
    shelf: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def interrupted(jobs: list[Job], *_: Any) -> Summary:
        asked.extend(jobs)
        return Summary(interrupted=True)

    monkeypatch.setattr(verify, "run_local", interrupted)
    shelf.append("fake", [row(1, id=identity({"task": "fake"}))])
    assert verify_words([]) == 130
    said = capsys.readouterr().out
    assert "begins the row anew" in said
    assert "verified" not in said
    assert asked[0].options["checkpoint_minutes"] is None


# -- running again ------------------------------------------------------------------------------


def test_a_row_is_made_again_and_compared(
    shelf: Store, make_job: Callable[..., Job], capsys: pytest.CaptureFixture[str]
) -> None:
    from repro.runner.execute import run_job

    run_job(make_job(), shelf, lambda event: None, lambda: False)
    verifier = Verifier(["device=cpu", "launcher.workers=1", "seeds=2"])
    found = verifier.run(verifier.choose(), Reporter())
    assert found.ok
    assert found.exact
    assert "the same to the last bit" in verify.report(found)
    [stored] = [one for one in shelf.read("fake") if one["data_seed"] == 2]
    name = next(iter(stored["metrics"]))
    wrong = [Compared(name, 1.0, 2.0, 0.5)]
    changed = replace(found, compared=tuple(wrong))
    assert not changed.ok
    assert "TOO FAR" in verify.report(changed)
    assert "NOT verified" in verify.report(changed)
    diverged = replace(found, again={**found.again, "status": "diverged"})
    assert not diverged.ok
    assert "stored as done, now diverged" in verify.report(diverged)


def test_a_rerun_that_fails_says_why(shelf: Store, make_job: Callable[..., Job]) -> None:
    shelf.append("fake", [row(1) | {"config": make_job(how="fail").config}])
    verifier = Verifier(["device=cpu", "launcher.workers=1"])
    with pytest.raises(JobFailed, match=r"ended without a row; (.|\n)*the data do not fit"):
        verifier.run(verifier.choose(), Reporter())
