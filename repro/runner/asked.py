"""The stored rows that an experiment asks for, as figures and the report read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from repro.config.compose import Composition
from repro.config.identity import filled
from repro.runner.store import Store

BASELINES = "baselines"  # the task whose rows stand beside those of others


def asked_rows(composition: Composition, store: Store) -> list[dict[str, Any]]:
    """The rows of an experiment's cells and seeds alone, by cell and then in the store's order.

    Each says its `arm` ("" without arms), which is not stored, and its config holds the keys that
    came after the row, at what was done before them.

    Raises:
        StoreError: a result file that cannot be read.
    """
    arms = {(cell.id, *pair): cell.arm for cell in composition.cells for pair in cell.seeds}
    place = {cell.id: number for number, cell in enumerate(composition.cells)}
    found = [
        row | {"arm": arms[key], "config": filled(row["config"])}
        for row in store.read(composition.task)
        if (key := (row["id"], row["data_seed"], row["model_seed"])) in arms
    ]
    return sorted(found, key=lambda row: place[row["id"]])


def baseline_rows(composition: Composition, store: Store) -> list[dict[str, Any]]:
    """Stored rows of the task `baselines` that are of the data sets of an experiment's cells.

    What is held out of a data set does not matter: its baselines are those of the whole.

    Raises:
        StoreError: a result file that cannot be read.
    """
    wanted = [_whole(cell.config["data"]) for cell in composition.cells]
    seeds = {pair.data_seed for cell in composition.cells for pair in cell.seeds}
    if composition.task == BASELINES or not any(one.get("name") == "sources" for one in wanted):
        return []
    return [
        row | {"arm": "", "config": filled(row["config"])}
        for row in store.read(BASELINES)
        if row["data_seed"] in seeds and _whole(filled(row["config"])["data"]) in wanted
    ]


def _whole(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key != "held_out"}
