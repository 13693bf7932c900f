"""Sheets of images: many small pictures as one, and pages of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from repro.figures.latents import LoadArrays, say
from repro.figures.style import FAINT, Layout, page_title, panel_page

GAP = 2  # pixels between two images
PAPER = 255  # their colour


def mosaic(images: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """Lay images (N, C, H, W) out in rows of `columns`: one picture (height, width, 3)."""
    count, channels, height, width = images.shape
    rows = -(-count // columns)
    page = np.full(
        (rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3), PAPER, dtype=np.uint8
    )
    coloured = images if channels == 3 else images.repeat(3, axis=1)
    for index, image in enumerate(coloured):
        top, left = (index // columns) * (height + GAP), (index % columns) * (width + GAP)
        page[top : top + height, left : left + width] = image.transpose(1, 2, 0)
    return page


def draw_sheet(ax: Axes, images: NDArray[np.uint8] | None, columns: int) -> None:
    """Show images (N, C, H, W) in a panel, whole and unsmoothed; say so where there are none."""
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(images is None)
        spine.set_color(FAINT)
    if images is None:
        say(ax, "not kept")
        return
    ax.imshow(mosaic(images, columns), interpolation="nearest")


def sheet_page(
    panels: Sequence[Sequence[tuple[str, NDArray[np.uint8] | None]]],
    title: str,
    columns: int,
    notes: Sequence[str] = (),
    *,
    size: tuple[float, float] = (2.1, 2.1),
) -> Figure:
    """A page of sheets, each a heading and its images, in the rows that `panels` gives."""
    layout = Layout(panel=size, gap=(0.14, 0.3), left=0.16, right=0.16, top=0.62, bottom=0.12)
    width = max(len(line) for line in panels)
    figure, axes = panel_page(layout, len(panels), width, notes)
    page_title(figure, title, left=0.16, down=0.12)
    for line, places in zip(panels, axes, strict=True):
        for ax, panel in zip(places, line, strict=False):
            ax.set_title(panel[0])
            draw_sheet(ax, panel[1], columns)
        for ax in places[len(line) :]:
            ax.set_axis_off()
    return figure


def kept(row: Mapping[str, Any], load_arrays: LoadArrays, name: str) -> NDArray[np.uint8] | None:
    """An array of a row, or None where the row kept none."""
    if not isinstance(row.get("arrays"), str):
        return None
    arrays = load_arrays(row)
    return np.asarray(arrays[name], dtype=np.uint8) if name in arrays else None


def above(one: NDArray[np.uint8], two: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """Images (N, C, H, W) in rows of `columns`, each row of `one` above that of `two`."""
    lines = [
        part[start : start + columns]
        for start in range(0, len(one), columns)
        for part in (one, two)
    ]
    return np.concatenate(lines)
