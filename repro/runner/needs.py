"""Whether the data that planned cells need are there and whole: asked before anything runs."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from repro.config.compose import Composition
from repro.config.needs import needs
from repro.data.registry import DataFile, Dataset, batch_paths, check
from repro.errors import DataError
from repro.runner.plan import PlannedCell


class Registered:
    """The registered data sets below a folder; each is read once, since that takes a while.

    A file that does not pass its checksum is lacked like one that is not there.
    """

    def __init__(self, registry: Mapping[str, Dataset], root: Path) -> None:
        self._registry, self._root = registry, root
        self._is_whole = functools.cache(self._read)

    def lacked(self, config: Mapping[str, Any]) -> list[str]:
        """The data sets that a science config reads and that are not there whole."""
        registry = self._registry
        return [
            name
            for name in sorted(needs(config, registry))
            if not self._is_whole(
                replace(registry[name], files=tuple(_files(registry[name], config)))
            )
        ]

    def _read(self, dataset: Dataset) -> bool:
        return all(found.state == "present" for found in check(dataset, self._root))


def absent(
    planned: Sequence[PlannedCell], registry: Mapping[str, Dataset]
) -> dict[str, tuple[list[str], Composition]]:
    """The experiments that lack data for what they have left: the data sets, and for which."""
    below = functools.cache(functools.partial(Registered, registry))
    lacking: dict[str, tuple[list[str], Composition]] = {}
    for one in planned:
        for name in below(one.composition.data).lacked(one.cell.config) if one.left else ():
            names = lacking.setdefault(one.cell.experiment, ([], one.composition))[0]
            if name not in names:
                names.append(name)
    return lacking


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
    lines = [told(f"experiment {name}", *found) for name, found in lacking.items()]
    if lines and not leave_out:
        raise DataError("\nrepro: ".join(lines))
    return [one for one in planned if one.cell.experiment not in lacking], lines


def told(who: str, names: Sequence[str], composition: Composition) -> str:
    """Says who lacks which data sets, where they belong and how to get them."""
    fetch = composition.told(" ".join(["repro data fetch", *names]))
    where = composition.data
    return f"{who} needs data that are not, or not whole, in {where}; get them with: {fetch}"
