"""The figures' one style: its colours, its page in inches, and its byte-stable files."""

from __future__ import annotations

import functools
import io
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import matplotlib
import matplotlib.colors
import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from repro.figures.compact import compact
from repro.figures.files import write_if_changed

P = ParamSpec("P")
R = TypeVar("R")

MODEL_COLOURS = {"iflow": "#0072B2", "ivae": "#D55E00"}  # Okabe and Ito
MODEL_MARKERS = {"iflow": "o", "ivae": "s"}
MODEL_LABELS = {"iflow": "iFlow", "ivae": "iVAE"}
SEGMENT_COLOURS = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377")  # Paul Tol
INK, MUTED, FAINT = "#1f1f1f", "#5f5f5f", "#b8b8b8"
STYLE_FILE = Path(__file__).with_name("style.mplstyle")
METADATA: dict[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None, "ModDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
}
NOTE_SIZE = 6.0  # points
NOTE_LINE = NOTE_SIZE * 1.45 / 72  # inches
TITLE_ROOM = 0.3  # inches
NOTE_LETTER = NOTE_SIZE * 0.53 / 72  # inches, the mean width of a letter


@contextmanager
def publication_style() -> Iterator[None]:
    """Hold the project's style, whatever the user's own matplotlib settings are."""
    with matplotlib.style.context(STYLE_FILE, after_reset=True):
        yield


def styled(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function draw in the project's style."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        with publication_style():
            return function(*args, **kwargs)

    return wrapper


def segment_colours(count: int) -> np.ndarray:
    """Return one RGBA colour a segment, (count, 4): six named ones, or viridis beyond six."""
    if count <= len(SEGMENT_COLOURS):
        return matplotlib.colors.to_rgba_array(SEGMENT_COLOURS[:count])
    return np.asarray(matplotlib.colormaps["viridis"](np.linspace(0, 0.95, count)))


@dataclass(frozen=True)
class Layout:
    """A page of equal panels, in inches; the notes' height is added at the foot."""

    panel: tuple[float, float]  # width, height
    gap: tuple[float, float]
    left: float
    right: float
    top: float
    bottom: float


def panel_page(
    layout: Layout, rows: int, columns: int, notes: Sequence[str] = ()
) -> tuple[Figure, list[list[Axes]]]:
    """Make a figure of rows x columns panels with the notes in small type at its foot."""
    width = layout.left + layout.right + _span(columns, layout.panel[0], layout.gap[0])
    lines = wrapped_notes(notes, width)
    foot = layout.bottom + foot_height(lines)
    height = layout.top + foot + _span(rows, layout.panel[1], layout.gap[1])
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    write_foot(figure, lines)
    steps = (layout.panel[0] + layout.gap[0], layout.panel[1] + layout.gap[1])
    size = (layout.panel[0] / width, layout.panel[1] / height)
    tops = [height - layout.top - layout.panel[1] - row * steps[1] for row in range(rows)]
    lefts = [layout.left + column * steps[0] for column in range(columns)]
    axes = [[figure.add_axes((x / width, y / height, *size)) for x in lefts] for y in tops]
    return figure, axes


def titled_page(
    layout: Layout, columns: int, title: str, notes: Sequence[str] = ()
) -> tuple[Figure, list[Axes]]:
    """Make a figure of one row of panels under its title, which gets room of its own."""
    room = replace(layout, top=layout.top + TITLE_ROOM)
    figure, [axes] = panel_page(room, 1, columns, notes)
    page_title(figure, title)
    return figure, axes


def wrapped_notes(notes: Sequence[str], width: float) -> list[str]:
    """Break notes into lines of small type for a page this many inches wide."""
    letters = max(20, int((width - 0.2) / NOTE_LETTER))
    return [
        line
        for note in notes
        for line in textwrap.wrap(_literal(note), letters, subsequent_indent="   ")
    ]


def foot_height(lines: Sequence[str]) -> float:
    """Return the inches that these lines of notes take up at a page's foot."""
    return len(lines) * NOTE_LINE + 0.12 if lines else 0.0


def write_foot(figure: Figure, lines: Sequence[str]) -> None:
    """Write lines of notes in small type at a page's foot."""
    width, height = figure.get_size_inches()
    for i, line in enumerate(lines):
        y = (0.08 + (len(lines) - 1 - i) * NOTE_LINE) / height
        figure.text(0.1 / width, y, line, size=NOTE_SIZE, color=MUTED, va="bottom", ha="left")


def page_title(figure: Figure, text: str, left: float = 0.1, down: float = 0.1) -> None:
    """Write a page's title, this many inches from its left and its top edge."""
    figure.text(left / figure.get_figwidth(), inches_from_top(figure, down), text, size=9,
                weight="bold", va="top")  # fmt: skip


def inches_from_top(figure: Figure, inches: float) -> float:
    """Return the figure fraction that lies this far below the figure's top edge."""
    return 1 - inches / float(figure.get_figheight())


def _span(count: int, panel: float, gap: float) -> float:
    return count * panel + (count - 1) * gap


def _literal(text: str) -> str:
    """Keep matplotlib from reading a formula into a note with dollar signs."""
    return text.replace("$", r"\$")


def save_figure(figure: Figure, folder: Path | str, name: str) -> list[Path]:
    """Write `name`.pdf, .png and .svg, each only where its bytes differ, and return their paths.

    The bytes depend on the drawing and on the versions of matplotlib and Pillow alone: no dates,
    no creator, fixed SVG names, embedded fonts.
    """
    paths = [Path(folder) / f"{name}.{kind}" for kind in METADATA]
    for path, kind in zip(paths, METADATA, strict=True):
        write_if_changed(path, rendered(figure, kind))
    return paths


def rendered(figure: Figure, kind: str) -> bytes:
    """Return what a file of a figure holds: `kind` is pdf, png or svg."""
    buffer = io.BytesIO()
    with publication_style():
        figure.savefig(buffer, format=kind, metadata=METADATA[kind])
    return compact(buffer.getvalue()) if kind == "png" else buffer.getvalue()


def name_line(ax: Axes, text: str, height: float, place: int, colour: str = MUTED) -> None:
    """Write a name on white above one end of a line across the panel: even places left.

    Neighbouring lines are often close: with alternating places their names stand apart.
    """
    left = place % 2 == 0
    ax.annotate(text, (0 if left else 1, height), (2 if left else -2, 1.2),
                xycoords=("axes fraction", "data"), textcoords="offset points",
                ha="left" if left else "right", va="bottom", size=4.8, color=colour, zorder=1.2,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.4})  # fmt: skip
