"""A table as a value, and its Markdown, LaTeX and CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from repro.figures.files import write_if_changed

MINUS, DASH, PLUS_MINUS = "\N{MINUS SIGN}", "\N{EN DASH}", "\N{PLUS-MINUS SIGN}"
THOUSAND = 1000
Kind = Literal["text", "count", "number", "spread", "interval", "ratio"]
Pair = tuple[float | None, float | None]
_Escape = Callable[[str], str]
Cell = str | int | float | Pair | None
LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "\n": " ",
    MINUS: "$-$", DASH: "--", PLUS_MINUS: r"$\pm$", "\N{MULTIPLICATION SIGN}": r"$\times$",
    "\N{LESS-THAN OR EQUAL TO}": r"$\leq$", "\N{GREATER-THAN OR EQUAL TO}": r"$\geq$",
    "\N{GREEK SMALL LETTER LAMDA}": r"$\lambda$", "\N{GREEK SMALL LETTER XI}": r"$\xi$",
    "\N{GREEK SMALL LETTER ETA}": r"$\eta$", "\N{GREEK SMALL LETTER SIGMA}": r"$\sigma$",
    "\N{GREEK SMALL LETTER PI}": r"$\pi$",
    "\N{SUPERSCRIPT TWO}": r"$^2$", "\N{VULGAR FRACTION ONE HALF}": r"$\frac{1}{2}$",
    "\N{MIDDLE DOT}": r"$\cdot$",
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A table's column: its CSV key, its heading and how its cells are written.

    A `spread` cell is a pair (value, sd), an `interval` cell a pair (low, high), a `ratio` cell a
    pair (count, n); all become two CSV columns. None is a missing cell. `signed` writes a plus
    before positive numbers, and `labels` are the words for readers of the names that the CSV
    keeps.
    """

    key: str
    heading: str
    kind: Kind = "text"
    decimals: int = 4
    signed: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def keys(self) -> tuple[str, ...]:
        """The CSV columns of this column."""
        if self.kind == "spread":
            return (self.key, f"{self.key}_sd")
        if self.kind == "ratio":
            return (self.key, f"{self.key}_n")
        return (f"{self.key}_low", f"{self.key}_high") if self.kind == "interval" else (self.key,)


@dataclass(frozen=True)
class Table:
    """A table with what belongs under it: notes (deviations, reductions) and its source.

    `kinds` are the endings of the files that it becomes.

    Raises: ValueError for a row that has not one cell a column.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    source: str = ""
    kinds: tuple[str, ...] = ("md", "tex", "csv")

    def __post_init__(self) -> None:
        """Check the rows' lengths."""
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{len(row)} cells for {len(self.columns)} columns in {row}")

    def to_markdown(self) -> str:
        """Write the table for reading, in Markdown with padded columns."""
        lines = [[_markdown(column.heading) for column in self.columns], *self._shown(_markdown)]
        widths = [max(3, *(len(line[i]) for line in lines)) for i in range(len(self.columns))]
        left = [column.kind == "text" for column in self.columns]
        ruler = [_rule(w, flush) for w, flush in zip(widths, left, strict=True)]
        padded = [_padded(line, widths, left) for line in lines]
        body = [f"| {' | '.join(row)} |" for row in (padded[0], ruler, *padded[1:])]
        parts = [f"### {_markdown(self.title)}", "\n".join(body)]
        if self.source:
            parts.append(f"Source: {_markdown(self.source)}.")
        if self.notes:
            parts.append("\n".join(f"- {_markdown(note)}" for note in self.notes))
        return "\n\n".join(parts) + "\n"

    def to_latex(self) -> str:
        """Write the table as a LaTeX float in booktabs rules, every special letter escaped."""
        spec = "".join("l" if column.kind == "text" else "r" for column in self.columns)
        head = " & ".join(_latex(column.heading) for column in self.columns)
        lines = [
            r"\begin{table}[t]", r"  \centering", r"  \footnotesize\setlength{\tabcolsep}{3pt}",
            rf"  \caption{{{_latex(self.title)}}}",
            rf"  \begin{{tabular}}{{@{{}}{spec}@{{}}}}", r"    \toprule", rf"    {head} \\",
            r"    \midrule",
            *(_latex_line(row) for row in self._shown(_latex)),
            r"    \bottomrule", r"  \end{tabular}", *self._latex_notes(), r"\end{table}",
        ]  # fmt: skip
        return "\n".join(lines) + "\n"

    def to_csv(self) -> str:
        """Write the table for machines: full precision, pairs as two columns, missing as empty."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow([key for column in self.columns for key in column.keys])
        for row in self.rows:
            pairs = zip(self.columns, row, strict=True)
            writer.writerow([value for column, cell in pairs for value in _plain(column, cell)])
        return buffer.getvalue()

    def _shown(self, escape: _Escape) -> list[list[str]]:
        pairs = [list(zip(self.columns, row, strict=True)) for row in self.rows]
        return [[escape(show(column, cell)) for column, cell in row] for row in pairs]

    def _latex_notes(self) -> list[str]:
        notes = [f"Source: {self.source}.", *self.notes] if self.source else list(self.notes)
        if not notes:
            return []
        text = [rf"    {_latex(note)}\par" for note in notes]
        start = r"  \par\smallskip\begin{minipage}{\linewidth}\footnotesize"
        return [start, *text, r"  \end{minipage}"]


def show(column: Column, cell: Cell) -> str:
    """Return a cell's text for a reader: rounded, with a true minus sign, a dash where missing."""
    if column.kind in ("spread", "interval") and isinstance(cell, tuple):
        first, second = (show_number(v, column.decimals, column.signed) for v in cell)
        if column.kind == "spread":
            return first if second == DASH else f"{first} ({second.lstrip('+')})"
        return DASH if DASH in (first, second) else f"[{first}, {second}]"
    if cell is None:
        return DASH
    if column.kind == "ratio" and isinstance(cell, tuple):
        return f"{cell[0]} of {cell[1]}"
    if column.kind == "number" and isinstance(cell, int | float):
        return show_number(cell, column.decimals, column.signed)
    if column.kind == "count" and isinstance(cell, int):
        return show_number(cell, 0, column.signed)
    return column.labels.get(str(cell), str(cell))


def show_number(value: float | None, decimals: int = 4, signed: bool = False) -> str:
    """Return a rounded number with a true minus sign, or a dash for None and nan.

    From a thousand on its digits stand in groups of three, and none after the point.
    """
    if value is None or math.isnan(value):
        return DASH
    shown = 0 if abs(value) >= THOUSAND else decimals
    return f"{value:{'+' if signed else ''},.{shown}f}".replace("-", MINUS)


def save_table(table: Table, folder: Path | str, name: str) -> list[Path]:
    """Write `name`.md, .tex and .csv, each only where its bytes differ, and return their paths."""
    writers = {"md": table.to_markdown, "tex": table.to_latex, "csv": table.to_csv}
    paths = []
    for kind in table.kinds:
        path = Path(folder) / f"{name}.{kind}"
        write_if_changed(path, writers[kind]().encode())
        paths.append(path)
    return paths


def _plain(column: Column, cell: Cell) -> tuple[str, ...]:
    cells = cell if isinstance(cell, tuple) else (cell,) * len(column.keys)
    return tuple("" if value is None else str(value) for value in cells)


def _padded(line: Sequence[str], widths: Sequence[int], left: Sequence[bool]) -> list[str]:
    cells = zip(line, widths, left, strict=True)
    return [text.ljust(width) if flush else text.rjust(width) for text, width, flush in cells]


def _rule(width: int, flush_left: bool) -> str:
    return "-" * width if flush_left else "-" * (width - 1) + ":"


def _markdown(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")


def _latex_line(cells: Sequence[str]) -> str:
    line = " & ".join(cells)  # the braces: a bracket there would be the argument of the last line
    return f"    {'{}' if line.startswith(('[', '*')) else ''}{line} \\\\"


def _latex(text: str) -> str:
    return "".join(LATEX.get(letter, letter) for letter in text)
