"""Runs that diverged, counted in a sentence for each kind of run."""

from __future__ import annotations

from collections.abc import Iterable


def lost_sentences(runs: Iterable[tuple[str, bool]]) -> list[str]:
    """A sentence for each name with diverged runs, in the order in which the names come.

    A run is its kind's name for readers and whether it finished.
    """
    kinds: dict[str, list[bool]] = {}
    for name, done in runs:
        kinds.setdefault(name, []).append(bool(done))
    return [
        f"{name}: {done.count(False)} of {len(done)} runs diverged; counted, and in no mean."
        for name, done in kinds.items()
        if not all(done)
    ]
