"""Data are asked for before anything runs: a named experiment is refused, `all` leaves it out."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from repro.config import needs as needs_module
from repro.config.compose import compose_all
from repro.config.needs import needs
from repro.config.schema import SECTIONS
from repro.config.schema.limits import limited
from repro.config.tree import conf_folder
from repro.data.checksums import FirstSeen
from repro.data.registry import Dataset, load_registry
from repro.errors import DataError
from repro.runner.needs import with_data
from repro.runner.plan import PlannedCell, plan

REGISTRY = load_registry(conf_folder() / "datasets.yaml")


def unchecked(name: str) -> dict[str, Dataset]:
    """A data set whose files are taken as they are."""
    dataset = REGISTRY[name]
    files = tuple(dataclasses.replace(file, checksum=FirstSeen()) for file in dataset.files)
    return {name: dataclasses.replace(dataset, files=files)}


@dataclasses.dataclass
class Pictures:
    """A kind that reads files."""

    name: str
    dataset: str = limited(choices=("mnist", "digits"), registered=True)
    others: list[str] = limited(registered=True)  # noqa: RUF009


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """One cell of an experiment that reads MNIST, with the data folder given."""
    kinds = {**SECTIONS, "data": {"pictures": Pictures}}
    monkeypatch.setattr(needs_module, "SECTIONS", kinds)
    words = ["experiment=identifiability_2d", "scale=smoke", f"paths.results={tmp_path / 'r'}"]
    [found] = compose_all([*words, f"paths.data={tmp_path / 'd'}", "model=ivae"])
    cell = found.cells[0]
    values = {"name": "pictures", "dataset": "mnist", "others": ["digits"]}
    config = {**cell.config, "data": values}
    return plan([dataclasses.replace(found, cells=(dataclasses.replace(cell, config=config),))])


def test_only_registered_data_sets_are_needed(planned: list[PlannedCell]) -> None:
    config = planned[0].cell.config
    assert needs(config, REGISTRY) == {"mnist"}
    assert needs({**config, "data": {"name": "pictures", "dataset": "digits"}}, REGISTRY) == set()


def test_a_named_experiment_is_refused_with_the_remedy(planned: list[PlannedCell]) -> None:
    with pytest.raises(DataError, match=r"identifiability_2d needs .*: repro data fetch mnist"):
        with_data(planned, REGISTRY, leave_out=False)


def test_all_leaves_it_out_and_says_so(planned: list[PlannedCell]) -> None:
    other = SimpleNamespace(left=frozenset(), cell=SimpleNamespace(experiment="done"))
    kept, [line] = with_data([*planned, other], REGISTRY, leave_out=True)  # type: ignore[list-item]
    assert kept == [other]
    assert "repro data fetch mnist" in line


def test_with_the_files_there_it_runs_unless_their_checksum_is_wrong(
    planned: list[PlannedCell],
) -> None:
    for file in REGISTRY["mnist"].files:
        path = planned[0].composition.data / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert with_data(planned, unchecked("mnist"), leave_out=False) == (planned, [])
    with pytest.raises(DataError, match=r"not whole, in .*: repro data fetch mnist"):
        with_data(planned, REGISTRY, leave_out=False)


def test_what_is_done_needs_no_data(planned: list[PlannedCell]) -> None:
    [one] = planned
    finished = dataclasses.replace(one, done=one.missing, missing=frozenset())
    assert with_data([finished], REGISTRY, leave_out=False) == ([finished], [])


def test_of_cifar_only_the_batches_that_are_read_have_to_be_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    words = ["experiment=cifar_bounds", "scale=paper", "arm=gaussian"]
    words += [f"paths.results={tmp_path / 'r'}", f"paths.data={tmp_path}"]
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in ("data_batch_2", "test_batch"):
        (folder / name).touch()
    found = plan(compose_all([*words, "data.batches=[2]"]))
    registry = unchecked("cifar-10")
    assert with_data(found, registry, leave_out=False) == (found, [])
    with pytest.raises(DataError, match="repro data fetch cifar-10"):
        with_data(plan(compose_all(words)), registry, leave_out=False)
