"""Draws experiments from their stored rows, several at a time where there are cores for it."""

from __future__ import annotations

import functools
import json
import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repro.config.compose import Composition
from repro.config.tree import conf_folder
from repro.errors import ConfigError, MissingResult, StoreError
from repro.figures.material import Material, save_products
from repro.figures.published import load_published
from repro.figures.registry import FIGURES
from repro.runner.asked import asked_rows, baseline_rows
from repro.runner.launch import cores
from repro.runner.plan import open_store
from repro.runner.takeover import SHARING

if TYPE_CHECKING:
    import pandas as pd

Drawn = tuple[list[Path], MissingResult | StoreError | None]  # files, or why there are none


def draw_all(compositions: Sequence[Composition]) -> Iterator[Drawn]:
    """Draws each experiment; yields its files, in order, as they are done, or why there are none.

    Rows or arrays that cannot be read, and files that cannot be written, keep no other experiment
    from being drawn.

    Raises:
        ConfigError: an experiment names a figure that does not exist.
    """
    processes = min(cores(), len(compositions))
    if processes < 2:
        yield from map(_draw_or_miss, compositions)
        return
    with multiprocessing.get_context().Pool(processes, _ignore_interrupts) as pool:
        yield from pool.imap(_draw_or_miss, compositions)


def _draw_or_miss(composition: Composition) -> Drawn:
    try:
        return draw(composition), None
    except (MissingResult, StoreError) as error:
        return [], error


def _ignore_interrupts() -> None:
    """Leaves Ctrl-C to the command, which ends the processes that draw."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def draw(composition: Composition) -> list[Path]:
    """Draws an experiment from the rows of its cells alone; none for one without figures.

    Raises:
        MissingResult: none of its rows is stored.
        StoreError: rows or arrays that cannot be read, files that cannot be written.
        ConfigError: as `draw_all`.
    """
    if composition.about.figures is None:
        return []
    if composition.about.figures not in FIGURES:
        raise ConfigError(
            f"figures={composition.about.figures} of {composition.experiment} is not drawn by"
            f" anything; name one of {', '.join(FIGURES)} in its file"
        )
    store = open_store(composition.results, composition.scale)
    asked = sum(len(cell.seeds) for cell in composition.cells)
    rows = asked_rows(composition, store)
    where = f"experiment={composition.experiment} scale={composition.scale}"
    if not rows:
        make = composition.told(f"repro run {where}")
        raise MissingResult(f"nothing is stored for {where}; make it with: {make}")
    notes = list(composition.notes)
    if len(rows) < asked:
        notes.append(f"Incomplete: {len(rows)} of {asked} runs are stored.")
    products = FIGURES[composition.about.figures]
    folder = store.paths.figures / composition.experiment
    rows += untrained_rows(composition)
    published = _published(conf_folder() / "published")
    given = Material(
        rows, lambda row: store.load_arrays(dict(row)), published, notes, composition.scale
    )
    return save_products(products(given), folder)


def untrained_rows(composition: Composition) -> list[dict[str, Any]]:
    """The baselines of an experiment's data sets: those of its own scale, else of another's.

    A baseline depends on its data set alone, so that any scale with the same one will do.

    Raises:
        StoreError: a result file that cannot be read.
    """
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for scale in dict.fromkeys((composition.scale, *SHARING)):
        for row in baseline_rows(composition, open_store(composition.results, scale)):
            data = json.dumps(row["config"]["data"], sort_keys=True)
            found.setdefault((data, row["data_seed"]), row)
    return list(found.values())


@functools.cache
def _published(folder: Path) -> pd.DataFrame:
    return load_published(folder)
