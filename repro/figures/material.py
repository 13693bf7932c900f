"""What a function that draws an experiment is given, and the writing of what it yields."""

from __future__ import annotations

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


def save_products(products: Iterable[Product], folder: Path | str) -> list[Path]:
    """Write each figure and table as it comes, and return the paths of all their files.

    Raises: StoreError where a file cannot be written.
    """
    paths: list[Path] = []
    for name, product in products:
        if isinstance(product, Table):
            paths += save_table(product, folder, name)
        else:
            paths += save_figure(product, folder, name)
    return paths
