"""What a function that draws an experiment is given, and the writing of what it yields."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pandas as pd
from matplotlib.figure import Figure

from repro.figures.latents import LoadArrays
from repro.figures.rows import Rows
from repro.figures.style import save_figure
from repro.figures.tables import Table, save_table


@dataclass(frozen=True)
class Material:
    """What an experiment is drawn from: stored rows, their arrays, and the papers' numbers.

    The `notes` (deviations, reductions) belong under every table and figure; `scale` is the one
    that the rows are of, for pictures that say what to run.
    """

    rows: Rows
    load_arrays: LoadArrays
    published: pd.DataFrame
    notes: Sequence[str] = ()
    scale: str = "paper"


Product: TypeAlias = tuple[str, Figure | Table]  # a file's name without its ending, and what it is
Draw: TypeAlias = Callable[[Material], Iterable[Product]]
EXAMPLE = 'write `yield "table_means", Table(...)` or `yield "figure_means", figure`'
NO_PAIR = f"no name with a figure or table; {EXAMPLE}"


def save_products(products: Iterable[Product], folder: Path | str) -> list[Path]:
    """Write each figure and table as it comes, and return the paths of all their files.

    Raises: StoreError where a file cannot be written; TypeError and ValueError for what is no
        product.
    """
    if not isinstance(products, Iterable):
        raise TypeError(f"it returns {reprlib.repr(products)} and yields no products; {EXAMPLE}")
    paths: list[Path] = []
    for one in products:
        name, product = _checked(one)
        if isinstance(product, Table):
            paths += save_table(product, folder, name)
        else:
            paths += save_figure(product, folder, name)
    return paths


def _checked(one: object) -> Product:
    """What was yielded, if it is a product whose file lies in the experiment's own folder."""
    if not isinstance(one, tuple) or len(one) != 2:
        raise TypeError(f"it yields {reprlib.repr(one)}, {NO_PAIR}")
    name, product = one
    if not isinstance(name, str) or not isinstance(product, Figure | Table):
        kinds = " and ".join(type(part).__name__ for part in one)
        raise TypeError(f"it yields {kinds}, {NO_PAIR}")
    if not name or name.startswith(".") or Path(name).name != name:
        raise ValueError(f"the name {name!r} is no file name; yield one without folders and dots")
    return name, product
