"""The report's two files: one self-contained HTML page, and Markdown beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markdown_it import MarkdownIt
from markupsafe import Markup
from matplotlib.figure import Figure

from repro.claims.verdict import FAILS, HOLDS, NOT_RUN, UNDECIDED
from repro.figures.files import write_if_changed
from repro.figures.forest import Mark, figure_forest
from repro.figures.style import rendered
from repro.figures.tables import DASH
from repro.page import words
from repro.page.content import Content
from repro.page.effects import Effect

MARKS = {HOLDS: "✔", FAILS: "✘", UNDECIDED: "?", NOT_RUN: DASH}
REPORT = "results/report.md"
REDUCED = "\\* Reduced: fewer updates, seeds or a smaller network; the report says which."
TEMPLATES = Path(__file__).with_name("templates")


def html(content: Content) -> str:
    """Write the page: no network, no script, every picture inside."""
    template = _environment(escape=True).get_template("report.html.j2")
    css = Markup((TEMPLATES / "report.css").read_text("utf-8"))
    drawn = {name: Markup(_svg(figure, name)) for name, figure in forests(content).items()}
    return template.render(content=content, css=css, forests=drawn).strip() + "\n"


def markdown(content: Content) -> str:
    """Write the report for reading in a repository; pictures and rows are linked."""
    template = _environment(escape=False).get_template("report.md.j2")
    text = template.render(content=content)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def headline_table(content: Content) -> str:
    """How many claims hold, and the headline claims in a few words, as the README has them.

    A claim whose rows are of a scale that reduces something has a star.
    """
    lines = [
        f"**{words.counted(content.counts)}**",
        "",
        "| verdict | claim | published | ours | n |",
        "|---|---|--:|--:|--:|",
    ]
    for one in content.headline:
        sentence = f"[{content.settings.headline[one.id]}]({REPORT}#claim-{one.id.lower()})"
        parts = (one.ours, "" if one.interval == DASH else one.interval, one.measure)
        ours = " ".join(part for part in parts if part)
        cells = (
            f"{MARKS[one.verdict]} {one.verdict}",
            f"{sentence} \\*" if one.reductions else sentence,
            one.published_number,
            ours,
            one.n,
        )
        lines.append(f"| {' | '.join(words.cell(text) for text in cells)} |")
    if any(one.reductions for one in content.headline):
        lines += ["", REDUCED]
    return "\n".join(lines) + "\n"


def effects_table(content: Content) -> str:
    """What each arm of the audit changes, as report.md and docs/paper-and-code.md have it."""
    template = _environment(escape=False).get_template("effects.md.j2")
    metric = f"effect on {content.settings.audit.metric}"
    text = template.render(lines=content.effects, what="change", metric=metric)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def write(content: Content, folder: Path) -> list[Path]:
    """Put report.html, report.md and its pictures into a folder, each only where bytes differ.

    Raises:
        StoreError: where a file cannot be written.
    """
    files = {"report.html": html(content).encode(), "report.md": markdown(content).encode()}
    files |= {
        f"report_{name}.png": rendered(figure, "png") for name, figure in forests(content).items()
    }
    for name, bytes_ in files.items():
        write_if_changed(folder / name, bytes_)
    return [folder / name for name in files]


def forests(content: Content) -> dict[str, Figure]:
    """Draw the lead and the audit's effects, by name; what has no effect yet is left out.

    Where a line's rows are of a scale that reduces something, it has a star.
    """
    drawn = {
        "lead": (content.lead, content.settings.lead.axis),
        "audit": (content.effects, f"difference in {content.settings.audit.metric}"),
    }
    return {
        name: figure_forest([_mark(one) for one in effects], axis + _star(effects))
        for name, (effects, axis) in drawn.items()
        if effects
    }


def _mark(one: Effect) -> Mark:
    found = one.estimate
    label = f"{one.label} *" if one.reductions else one.label
    return Mark(one.group, label, found.value, found.low, found.high, found.n)


def _star(effects: Sequence[Effect]) -> str:
    reduced = any(one.reductions for one in effects)
    return "\n* reduced, as the table says" if reduced else ""


def _svg(figure: Figure, name: str) -> str:
    """A figure as an SVG element without its XML header, its ids made the page's own by a name."""
    text = rendered(figure, "svg").decode()
    return re.sub(r'(\bid="|url\(#|href="#)', rf"\1{name}-", text[text.index("<svg") :])


def _environment(escape: bool) -> Environment:
    found = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=escape, trim_blocks=True, lstrip_blocks=True
    )
    renderer = MarkdownIt("commonmark", {"html": False}).enable("table")
    found.filters["cell"] = words.cell
    found.filters["counted"] = words.counted
    found.filters["number"] = words.number
    found.filters["markdown"] = lambda text: Markup(renderer.render(text))
    return found
