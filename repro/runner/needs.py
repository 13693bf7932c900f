"""Whether the data that planned cells need are there and whole: asked before anything runs."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from repro.config.needs import needs
from repro.data.registry import DataFile, Dataset, batch_paths, check
from repro.errors import DataError
from repro.runner.plan import PlannedCell


def absent(
    planned: Sequence[PlannedCell], registry: Mapping[str, Dataset]
) -> dict[str, tuple[list[str], str]]:
    """The experiments that lack data for what they have left: the data sets, and where they go.

    A file that does not pass its checksum is lacked like one that is not there.
    """
    whole = functools.cache(_whole)  # experiments share data sets, and reading them takes a while
    lacking: dict[str, tuple[list[str], str]] = {}
    for one in planned:
        if not one.left:
            continue
        root = one.composition.data
        for name in sorted(needs(one.cell.config, registry)):
            files = _files(registry[name], one.cell.config)
            there = whole(replace(registry[name], files=tuple(files)), root)
            names = lacking.setdefault(one.cell.experiment, ([], str(root)))[0]
            if not there and name not in names:
                names.append(name)
    return {experiment: found for experiment, found in lacking.items() if found[0]}


def _whole(dataset: Dataset, root: Path) -> bool:
    return all(found.state == "present" for found in check(dataset, root))


def _files(dataset: Dataset, config: Mapping[str, Any]) -> list[DataFile]:
    """The files of a data set that a science config reads: of CIFAR-10 its batches."""
    batches = config["data"].get("batches")
    if dataset.name != "cifar-10" or not batches:
        return list(dataset.files)
    wanted = batch_paths(batches)
    return [file for file in dataset.files if file.path in wanted]


def with_data(
    planned: Sequence[PlannedCell], registry: Mapping[str, Dataset], leave_out: bool
) -> tuple[list[PlannedCell], list[str]]:
    """The cells of the experiments whose data are there, and a line on each that is left out.

    Raises:
        DataError: an experiment lacks data and is not to be left out; with the remedy.
    """
    lacking = absent(planned, registry)
    lines = [_line(experiment, *found) for experiment, found in lacking.items()]
    if lines and not leave_out:
        raise DataError("\nrepro: ".join(lines))
    return [one for one in planned if one.cell.experiment not in lacking], lines


def _line(experiment: str, names: Sequence[str], root: str) -> str:
    words = " ".join(names)
    return (
        f"experiment {experiment} needs data that are not, or not whole, in {root};"
        f" get them with: repro data fetch {words}"
    )
