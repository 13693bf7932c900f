"""The tables of docs/audit.md: verdicts on the identifiability papers, and effects of the arms."""

from __future__ import annotations

from collections.abc import Iterable

from repro.page.content import Content
from repro.page.words import Line, cell, number

PAPERS = ("iflow", "re_iflow", "lekanne_deprez")  # whose claims the page is about
REPORT = "../results/report.md"


def audit_tables(content: Content) -> str:
    """The verdicts on the claims of PAPERS, then what each arm changes, in Markdown."""
    sections = {section.paper.stem: section for section in content.sections}
    lines = [proof.line for name in PAPERS if name in sections for proof in sections[name].proofs]
    return f"{_verdicts(lines)}\n{_effects(content)}" if content.effects else _verdicts(lines)


def _verdicts(lines: Iterable[Line]) -> str:
    rows = [
        (
            f"[{one.id}]({REPORT}#claim-{one.id.lower()})", one.sentence, one.published,
            f"{one.ours} {one.interval}", one.n, f"**{one.verdict}**",
        )
        for one in lines
    ]  # fmt: skip
    return _table(("", "claim", "published", "ours [95 %]", "n", "verdict"), rows)


def _effects(content: Content) -> str:
    metric = content.settings.audit.metric
    rows = [
        (
            one.group, one.label, number(one.estimate.value),
            f"[{number(one.estimate.low)}, {number(one.estimate.high)}]", str(one.estimate.n),
            f"{one.experiment}, {one.scale}",
        )
        for one in content.effects
    ]  # fmt: skip
    heads = ("baseline", "change", f"effect on {metric}", "95 % interval", "n", "rows")
    return _table(heads, rows)


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cell(text) for text in line)} |\n" for line in lines)
