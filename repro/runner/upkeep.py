"""What a run does for its store before it plans: takes litter away, and spilled rows in."""

from __future__ import annotations

from repro.runner import litter, spill
from repro.runner.store import Store


def tend(store: Store) -> list[str]:
    """Sweeps what killed writers have left and stores what waits in spills; says so of rows.

    Raises:
        StoreError: what waits in a spill cannot be taken in.
    """
    litter.sweep(store.paths)
    taken = spill.take_in(store)
    return [f"{taken} rows were taken in that could not be stored before."] if taken else []
