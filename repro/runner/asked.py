"""The stored rows that an experiment asks for, as figures and the report read them."""

from __future__ import annotations

from typing import Any

from repro.config.compose import Composition
from repro.config.identity import filled
from repro.runner.store import Store


def asked_rows(composition: Composition, store: Store) -> list[dict[str, Any]]:
    """The rows of an experiment's cells and seeds alone, in the store's order.

    Each says its `arm` ("" without arms), which is not stored, and its config holds the keys that
    came after the row, at what was done before them.

    Raises:
        StoreError: a result file that cannot be read.
    """
    arms = {(cell.id, *pair): cell.arm for cell in composition.cells for pair in cell.seeds}
    return [
        row | {"arm": arms[key], "config": filled(row["config"])}
        for row in store.read(composition.task)
        if (key := (row["id"], row["data_seed"], row["model_seed"])) in arms
    ]
