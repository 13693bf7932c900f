"""NVF's table of latents: Frechet distances, samples and reconstructions by kind of latent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from repro.figures.image_rows import (
    DATASETS,
    LATENT_ORDER,
    chosen,
    feature_notes,
    image_frame,
    mean,
    mean_sd,
    run_notes,
    values,
)
from repro.figures.image_sheets import above, kept, sheet_page
from repro.figures.latents import LoadArrays
from repro.figures.material import Material, Product
from repro.figures.published import find_published
from repro.figures.rows import Rows
from repro.figures.style import Layout, page_title, panel_page, styled
from repro.figures.tables import Cell, Column, Table

Images = NDArray[np.uint8] | None
TASK, EXPERIMENT, PAPER = "nvf_image", "nvf_latents", "nvf_images"
LIKELIHOODS = {"gaussian": "vae", "flow": "nf"}
LABELS = {"gaussian": "VAE", "flow": "NF"}
LATENTS = LATENT_ORDER[1:]
COLOURS = {"gaussian": "#E69F00", "flow": "#0072B2"}  # Okabe and Ito
MARKERS = {"gaussian": "s", "flow": "o"}
COLUMNS = (
    Column("dataset", "data set"),
    Column("likelihood", "type", labels=LABELS),
    Column("latent", "latent"),
    Column("published", "published FID (CelebA)", "number", decimals=2),
    Column("ours", "ours: Frechet distance", "spread", decimals=3),
    Column("floor", "floor", "number", decimals=3),
    Column("reconstructions", "of reconstructions", "number", decimals=3),
    Column("bits", "bits/dim", "number", decimals=3),
    Column("without", "without the latent's cost", "number", decimals=3),
    Column("nats", "latent's cost, nats", "number", decimals=1),
    Column("n", "seeds", "count"),
)


def table_4(rows: Rows, published: pd.DataFrame, notes: Sequence[str] = ()) -> Table:
    """Build Table 4: Frechet distances by likelihood and latent, published beside ours.

    Source: Dong et al. 2022, table 4.
    """
    frame = _frame(rows)
    body: list[tuple[Cell, ...]] = []
    for dataset in dict.fromkeys(frame["dataset"]):
        for likelihood, model in LIKELIHOODS.items():
            for latent in LATENTS:
                lines = chosen(frame, dataset=dataset, likelihood=likelihood, latent=latent)
                theirs = find_published(
                    published, paper=PAPER, experiment=EXPERIMENT, model=model, variant=latent,
                    dataset="celeba", metric="frechet",
                )  # fmt: skip
                body.append((
                    DATASETS[dataset], likelihood, latent, theirs.value if theirs else None,
                    mean_sd(lines, "frechet"), mean(lines, "frechet_floor"),
                    mean(lines, "frechet_reconstructions"), mean(lines, "bits_per_dim"),
                    mean(lines, "without_latent"), mean(lines, "latent_nats"), len(lines),
                ))  # fmt: skip
    return Table(
        title="Frechet distance of samples by the kind of latent",
        columns=COLUMNS,
        rows=tuple(body),
        notes=(
            "Published and ours are of different images and features: only their orders can be "
            "compared.",
            "A latent that costs nothing is not used. Bits per dimension bound the dequantised "
            "test images' cost, the latent's included (codes: under the trained GPT-2).",
            *run_notes(frame), *feature_notes(frame), *notes,
        ),
        source="published: Dong et al. 2022, table 4; ours: the stored rows",
    )  # fmt: skip


@styled
def figure_4(rows: Rows, notes: Sequence[str] = ()) -> Figure:
    """Draw Table 4: a panel a data set, Frechet distances by latent, a mark a run."""
    frame = _frame(rows)
    datasets = list(dict.fromkeys(frame["dataset"]))
    wide = 2.1 if len(datasets) > 1 else 4.4
    layout = Layout(panel=(wide, 1.7), gap=(0.5, 0.3), left=0.6, right=0.15, top=0.7, bottom=0.35)
    figure, axes = panel_page(layout, 1, len(datasets), [*feature_notes(frame), *notes])
    title = "Frechet distance of samples by latent"
    page_title(figure, title, down=0.12)
    for ax, dataset in zip(axes[0], datasets, strict=True):
        for likelihood in LIKELIHOODS:
            lines = chosen(frame, dataset=dataset, likelihood=likelihood)
            points = [
                (place, value)
                for place, latent in enumerate(LATENTS)
                for value in values(lines[lines["latent"] == latent], "frechet")
            ]
            if points:
                ax.plot(*zip(*points, strict=True), MARKERS[likelihood], color=COLOURS[likelihood],
                        label=LABELS[likelihood])  # fmt: skip
        floor = mean(chosen(frame, dataset=dataset), "frechet_floor")
        if floor is not None:
            ax.axhline(
                floor, color="#8a8a8a", linewidth=0.7, linestyle=":", label="floor: real images"
            )
        ax.set_title(DATASETS[dataset])
        ax.set_xticks(range(len(LATENTS)), LATENTS)
        ax.set_xlim(-0.4, len(LATENTS) - 0.6)
        ax.set_yscale("log")
    axes[0][0].set_ylabel("Frechet distance")
    axes[0][-1].legend(loc="best")
    return figure


@styled
def figure_sheets(
    rows: Rows, load_arrays: LoadArrays, name: str, notes: Sequence[str] = ()
) -> Figure:
    """Draw samples (Figure 6) or test images over their reconstructions (Figure 7), by latent.

    Source: Dong et al. 2022, figures 6 and 7, which show CelebA.
    """
    frame = _frame(rows)
    panels = []
    for dataset in dict.fromkeys(frame["dataset"]):
        for likelihood in LIKELIHOODS:
            line = []
            for latent in LATENTS:
                lines = chosen(frame, dataset=dataset, likelihood=likelihood, latent=latent)
                heading = f"{DATASETS[dataset]}, {LABELS[likelihood]}, {latent}"
                row = lines.iloc[0]["row"] if len(lines) else {}
                line.append((heading, _sheet(row, load_arrays, name)))
            panels.append(line)
    samples = name == "samples"
    title = "Samples by latent" if samples else "Test images (odd rows) and their reconstructions"
    size = (1.75, 1.75) if samples else (1.75, 0.75)
    return sheet_page(panels, title, 8 if samples else 10, notes, size=size)


def draw_nvf_latents(given: Material) -> Iterator[Product]:
    """Yield every figure and table of NVF's latents.

    Raises: MissingResult where there is no such row.
    """
    yield "table_4", table_4(given.rows, given.published, given.notes)
    yield "figure_table_4", figure_4(given.rows, given.notes)
    for name, file in (("samples", "figure_6"), ("reconstructions", "figure_7")):
        yield file, figure_sheets(given.rows, given.load_arrays, name, given.notes)


def _frame(rows: Rows) -> pd.DataFrame:
    return image_frame(rows, TASK, EXPERIMENT)


def _sheet(row: Mapping[str, Any], load_arrays: LoadArrays, name: str) -> Images:
    images = kept(row, load_arrays, name)
    if images is None or name == "samples":
        return None if images is None else images[:64]
    real = kept(row, load_arrays, "real")
    assert real is not None, "a row with reconstructions keeps what they are of."
    return above(real, images, 10)
