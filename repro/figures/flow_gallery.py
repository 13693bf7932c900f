"""What planar and radial layers do to simple densities, drawn as Rezende & Mohamed drew it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from repro.errors import MissingResult
from repro.figures.latents import LoadArrays
from repro.figures.material import Material, Product
from repro.figures.rows import Rows, records
from repro.figures.style import MUTED, Layout, page_title, panel_page, styled
from repro.figures.tables import MINUS, Cell, Column, Table

BASES = {"gaussian": "unit Gaussian", "uniform": "uniform"}
HALF = 2.0  # half the side of the uniform density's square
FAMILIES = ("planar", "radial")
LAYOUT = Layout(panel=(1.0, 1.0), gap=(0.08, 0.1), left=0.98, right=0.1, top=0.58, bottom=0.12)
EXPLANATION = (
    "Exact densities by the change of variables, from {minus}{box:g} to {box:g} in each variable; "
    "each panel has a shade of its own, which holds 99.5 % of its points; model seed {seed}."
)
COLUMNS = (
    Column("base", "base", labels=BASES),
    Column("family", "layers"),
    Column("length", "K"),
    Column("model_seed", "model seed"),
    Column("mass", "mass in the picture", "number"),
    Column("largest", "largest density", "number"),
    Column("inverse_error", "error of the inverse"),
    Column("log_det_error", "error of the log-determinant"),
)


@styled
def figure_1(rows: Rows, load_arrays: LoadArrays, notes: Sequence[str] = ()) -> Figure:
    """Draw a row of panels a base density: planar layers, then radial ones, by their number K.

    Raises: MissingResult where no row kept its density.
    Source: Rezende & Mohamed 2015, figure 1.
    """
    kept = [row for row in records(rows) if isinstance(row.get("arrays"), str)]
    if not kept:
        raise MissingResult(
            "no row of flow_gallery kept its density; make them with"
            " `repro run experiment=flow_gallery keep_model_seeds=[1]`"
        )
    seed = min(row["model_seed"] for row in kept)
    shown = {_place(row): row for row in kept if row["model_seed"] == seed}
    bases = [base for base in BASES if any(place[0] == base for place in shown)]
    columns = sorted({place[1:] for place in shown}, key=lambda c: (FAMILIES.index(c[0]), c[1]))
    box = kept[0]["config"]["data"]["box"]
    text = EXPLANATION.format(minus=MINUS, box=box, seed=seed)
    figure, axes = panel_page(LAYOUT, len(bases), 1 + len(columns), [text, *notes])
    title = "Planar and radial flows of a unit Gaussian and a uniform density"
    page_title(figure, title)
    for line, base in zip(axes, bases, strict=True):
        line[0].annotate(BASES[base], (0, 0.5), (-6, 0), xycoords="axes fraction",
                         textcoords="offset points", ha="right", va="center")  # fmt: skip
        line[0].set(xticks=[], yticks=[], title="K = 0" if base == bases[0] else "")
        line[0].imshow(base_density(base, box), origin="lower", cmap="viridis")
        for ax, column in zip(line[1:], columns, strict=True):
            ax.set(xticks=[], yticks=[])
            if base == bases[0]:
                ax.set_title(f"{column[0]}, K = {column[1]}")
            row = shown.get((base, *column))
            if row is None:
                ax.text(0.5, 0.5, "not run", ha="center", va="center", color=MUTED,
                        transform=ax.transAxes)  # fmt: skip
            else:
                ax.imshow(load_arrays(row)["density"], origin="lower", cmap="viridis")
    return figure


def base_density(base: str, box: float, cells: int = 200) -> NDArray[np.float64]:
    """The density before any layer on the picture's grid (G, G), up to a factor."""
    line = (np.arange(cells) + 0.5) * 2 * box / cells - box
    x, y = np.meshgrid(line, line)
    if base == "gaussian":
        return np.asarray(np.exp(-0.5 * (x * x + y * y)))
    return np.asarray((np.abs(x) <= HALF) & (np.abs(y) <= HALF), dtype=np.float64)


def table_gallery(rows: Rows, notes: Sequence[str] = ()) -> Table:
    """Build the table of what holds exactly: masses near 1, inverses and log-determinants.

    A mass below 1 is what lies outside the picture, or between the points of its grid.
    """
    lines: list[tuple[Cell, ...]] = [
        (*_place(row)[:2], _place(row)[2], row["model_seed"], row["metrics"]["mass"],
         row["metrics"]["largest_density"], f"{row['metrics']['inverse_error']:.1e}",
         f"{row['metrics']['log_det_error']:.1e}")
        for row in sorted(records(rows), key=lambda row: (*_place(row), row["model_seed"]))
    ]  # fmt: skip
    return Table(
        title="Densities by the change of variables, checked on their grids",
        columns=COLUMNS,
        rows=tuple(lines),
        notes=tuple(notes),
        source="the stored rows",
    )


def draw_gallery(given: Material) -> Iterator[Product]:
    """Yield the figure and the table of the gallery.

    Raises: MissingResult where no row kept its density.
    """
    yield "figure_1", figure_1(given.rows, given.load_arrays, given.notes)
    yield "table_checks", table_gallery(given.rows, given.notes)


def _place(row: Mapping[str, Any]) -> tuple[str, str, int]:
    config = row["config"]
    model = config["model"]
    return config["data"]["base"], model["family"], int(model["flow_length"])
