"""Draws experiments from their stored rows, several at a time where there are cores for it."""

from __future__ import annotations

import functools
import json
import multiprocessing
import os
import shlex
import signal
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repro.atomic import write_atomic
from repro.config.compose import Composition
from repro.config.tree import conf_folder
from repro.errors import ConfigError, FigureFailed, MissingResult, StoreError
from repro.figures.material import Material, save_products
from repro.figures.published import load_published
from repro.figures.registry import FIGURES, find_draw
from repro.runner.asked import asked_rows, baseline_rows
from repro.runner.launch import cores
from repro.runner.paths import StorePaths
from repro.runner.plan import open_store
from repro.runner.takeover import SHARING

if TYPE_CHECKING:
    import pandas as pd

Drawn = tuple[
    list[Path], MissingResult | StoreError | FigureFailed | None
]  # or why there are none


def draw_all(compositions: Sequence[Composition]) -> Iterator[Drawn]:
    """Draws each experiment; yields its files, in order, as they are done, or why there are none.

    Rows or arrays that cannot be read, files that cannot be written, and a figure function that
    fails keep no other experiment from being drawn.

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
    except (MissingResult, StoreError, FigureFailed) as error:
        return [], error


def _ignore_interrupts() -> None:
    """Leaves Ctrl-C to the command, which ends the processes that draw."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def draw(composition: Composition) -> list[Path]:
    """Draws an experiment from the rows of its cells alone; none for one without figures.

    Raises:
        MissingResult: none of its rows is stored.
        StoreError: rows or arrays that cannot be read, files that cannot be written.
        FigureFailed: its figure function raises, or yields what is no figure or table.
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
        words = map(shlex.quote, composition.chosen)
        make = composition.told(" ".join(["repro run", where, *words]))
        raise MissingResult(f"nothing is stored for {where}; make it with: {make}")
    notes = list(composition.notes)
    if len(rows) < asked:
        notes.append(f"Incomplete: {len(rows):,} of {asked:,} runs are stored.")
    rows += untrained_rows(composition)
    published = _published(conf_folder() / "published")
    given = Material(
        rows, lambda row: store.load_arrays(dict(row)), published, notes, composition.scale
    )
    return _drawn(composition, given, store.paths)


def _drawn(composition: Composition, given: Material, paths: StorePaths) -> list[Path]:
    """What the figure function draws; its traceback is kept for as long as it fails."""
    word = str(composition.about.figures)
    where = f"experiment={composition.experiment} scale={composition.scale}"
    who = f"{where}: its figure {word} ({FIGURES[word]})"
    kept = paths.failure(f"figures-{composition.experiment}")
    try:
        drawn = save_products(find_draw(word)(given), paths.figures / composition.experiment)
    except (MissingResult, StoreError):
        raise
    except ConfigError as error:
        raise FigureFailed(f"{who} refuses: {error}") from error
    except (Exception, SystemExit) as error:
        cause = " ".join("".join(traceback.format_exception_only(error)).split())
        told = f"{who} failed with {cause}; the whole traceback is {_keep(error, kept)}"
        raise FigureFailed(told) from error
    with suppress(OSError):
        kept.unlink(missing_ok=True)
    return drawn


def _keep(error: BaseException, file: Path) -> str:
    """Writes an error's traceback to a file and says where that is."""
    text = "".join(traceback.format_exception(error))
    try:
        write_atomic(file, lambda opened: opened.write(text.encode("utf-8", "backslashreplace")))
    except OSError as refusal:
        return f"lost ({refusal})"
    return f"in {os.path.relpath(file)}"


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
