"""The table of docs/paper-and-code.md: what each arm of an audit changes."""

from __future__ import annotations

from repro.page.content import Content
from repro.page.words import cell, number


def effects_table(content: Content) -> str:
    """What each arm changes in the audit's metric against its baseline, in Markdown."""
    metric = content.settings.audit.metric
    heads = ("baseline", "change", f"effect on {metric}", "95 % interval", "n", "rows")
    rows = [
        (
            one.group, one.label, number(one.estimate.value),
            f"[{number(one.estimate.low)}, {number(one.estimate.high)}]", str(one.estimate.n),
            f"{one.experiment}, {one.scale}",
        )
        for one in content.effects
    ]  # fmt: skip
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cell(text) for text in line)} |\n" for line in lines)
