"""Tasks that train nothing: a seed after the other, until asked to stop."""

from __future__ import annotations

from collections.abc import Callable

from repro.jobs import Context, Interrupted, Outcome, SeedPair


def seed_by_seed(
    seeds: tuple[SeedPair, ...], context: Context, outcome: Callable[[SeedPair], Outcome]
) -> list[Outcome]:
    """The outcome of each seed, in the order of `seeds`, with progress after each.

    Raises:
        Interrupted: when asked to stop; nothing is kept.
    """
    outcomes = []
    for done, pair in enumerate(seeds, 1):
        if context.stop_requested():
            raise Interrupted
        outcomes.append(outcome(pair))
        context.progress(done, len(seeds))
    return outcomes
