"""iFlow on images: class-conditional samples, interpolations and what they score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from repro.figures.image_rows import (
    DATASETS,
    chosen,
    feature_notes,
    image_frame,
    mean_sd,
    run_notes,
    values,
)
from repro.figures.image_sheets import kept, sheet_page
from repro.figures.latents import LoadArrays
from repro.figures.material import Material, Product
from repro.figures.rows import Rows
from repro.figures.style import styled
from repro.figures.tables import Cell, Column, Table

TASK, EXPERIMENT = "iflow_image", "iflow_mnist"
CLASSES = 10
INTERPOLATION = 9  # images a line
QUANTITIES = (
    ("bits_per_dim", "bits per dimension of test images given their class", ""),
    (
        "class_agreement",
        "samples that the classifier gives the class drawn",
        "classifier_accuracy",
    ),
    ("class_agreement_cooler", "the same of the cooler samples", "classifier_accuracy"),
    ("class_by_density", "test images whose own class is the likeliest", ""),
    ("frechet", "Frechet distance of samples", "frechet_floor"),
    ("frechet_cooler", "Frechet distance of the cooler samples", "frechet_floor"),
)
COLUMNS = (
    Column("quantity", "quantity"),
    Column("ours", "ours", "spread", decimals=3),
    Column("real", "real images score", "number", decimals=3),
    Column("n", "seeds", "count"),
)


@styled
def figure_samples(rows: Rows, load_arrays: LoadArrays, notes: Sequence[str] = ()) -> Figure:
    """Draw the samples of the first seed, a class a row: as drawn, and cooler."""
    line = _first(rows)
    cool = line["row"]["config"]["evaluation"]["temperature"]
    panels = [
        [
            (title, kept(line["row"], load_arrays, name))
            for name, title in (
                ("samples", "drawn from the prior of each class"),
                ("cooler", f"its standard deviation times {cool:g}"),
            )
        ]
    ]
    metrics = line["metrics"]
    said = [
        f"Every row is a class. A classifier trained on real images gives "
        f"{_percent(metrics['class_agreement'])} of the samples on the left the class that they "
        f"were drawn for, {_percent(metrics['class_agreement_cooler'])} of those on the right, "
        f"and {_percent(metrics['classifier_accuracy'])} of real test images theirs."
    ]
    columns = _per_class(line)
    title = f"iFlow on {DATASETS[line['dataset']]}: class-conditional samples"
    return sheet_page(panels, title, columns, [*said, *notes], size=(3.1, 3.1))


@styled
def figure_interpolations(
    rows: Rows, load_arrays: LoadArrays, notes: Sequence[str] = ()
) -> Figure:
    """Draw straight lines in the latent space: between test images, and from class to class."""
    line = _first(rows)
    panels = [
        [
            ("between two test images", kept(line["row"], load_arrays, "interpolations")),
            ("from class to class, the noise held", kept(line["row"], load_arrays, "morphs")),
        ]
    ]
    said = [
        "Straight lines in the latent space, decoded; in the left panel both ends are real images."
    ]
    title = f"iFlow on {DATASETS[line['dataset']]}: interpolation"
    return sheet_page(panels, title, INTERPOLATION, [*said, *notes], size=(3.1, 1.75))


def table_iflow(rows: Rows, notes: Sequence[str] = ()) -> Table:
    """Build the table of what iFlow scores on images."""
    frame = image_frame(rows, TASK, EXPERIMENT)
    lines = chosen(frame)
    body: list[tuple[Cell, ...]] = [
        (label, mean_sd(lines, metric), _reference(lines, real), len(values(lines, metric)))
        for metric, label, real in QUANTITIES
    ]
    error = max(values(lines, "cdf_error"), default=float("nan"))
    images = {DATASETS[name] for name in frame["dataset"]}
    return Table(
        title=f"iFlow on images ({', '.join(sorted(images))})",
        columns=COLUMNS,
        rows=tuple(body),
        notes=(
            f"Drawing through the report's CDF, corrected (erf, and the 1/2 that it leaves out), "
            f"and drawing from the Gaussian differ by at most {error:.1e} standard deviations.",
            *run_notes(frame),
            *feature_notes(frame),
            *notes,
        ),
        source="the stored rows",
    )


def draw_iflow_mnist(given: Material) -> Iterator[Product]:
    """Yield every figure and table of iFlow on images.

    Raises: MissingResult where there is no such row.
    """
    yield "table_iflow_mnist", table_iflow(given.rows, given.notes)
    yield "figure_samples", figure_samples(given.rows, given.load_arrays, given.notes)
    figure = figure_interpolations(given.rows, given.load_arrays, given.notes)
    yield "figure_interpolations", figure


def _first(rows: Rows) -> dict[str, Any]:
    frame = image_frame(rows, TASK, EXPERIMENT)
    done = frame[frame["done"]]
    line = (done if len(done) else frame).iloc[0]
    return {str(name): value for name, value in line.items()}


def _per_class(line: dict[str, Any]) -> int:
    return max(1, line["row"]["config"]["evaluation"]["sheet"] // CLASSES)


def _reference(lines: pd.DataFrame, metric: str) -> float | None:
    found = values(lines, metric) if metric else []
    return sum(found) / len(found) if found else None


def _percent(share: float | None) -> str:
    return "an unknown share" if share is None else f"{100 * share:.0f} %"
