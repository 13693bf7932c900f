"""Everything that a report shows, gathered from the store before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from repro.claims.judge import Evidence, Judgement, judge
from repro.claims.schema import DECIDING, Claim
from repro.claims.verdict import VERDICTS
from repro.config.compose import Composition
from repro.errors import StoreError
from repro.page import words
from repro.page.effects import Effect, effects, lead
from repro.page.evidence import Shelf, fullest
from repro.page.images import Picture, inline
from repro.page.papers import Paper, load_papers
from repro.page.provenance import Provenance, provenance
from repro.page.settings import Settings, read_settings


@dataclass(frozen=True)
class Shown:
    """An experiment as the page shows it: what it is, its pictures and its tables."""

    name: str
    title: str
    artefacts: str
    protocol: str
    scale: str
    stored: int
    asked: int
    notes: tuple[str, ...]
    pictures: tuple[Picture, ...]
    more: tuple[str, ...]  # files that are linked and not inlined
    tables: tuple[tuple[str, str], ...]  # title and Markdown
    rows: str  # the result file, below the results
    command: str


@dataclass(frozen=True)
class Proof:
    """How a claim was decided, in a reader's words."""

    line: words.Line
    statistic: str
    rule: str
    p: str
    family: str
    unit: str
    experiments: tuple[str, ...]
    ids: tuple[str, ...]
    stored: int
    asked: int
    lost: int
    details: tuple[tuple[str, str], ...]
    note: str
    command: str


@dataclass(frozen=True)
class Section:
    """A paper: its claims and its experiments."""

    paper: Paper
    proofs: tuple[Proof, ...]
    experiments: tuple[Shown, ...]


@dataclass(frozen=True)
class Content:
    """The whole report."""

    settings: Settings
    headline: tuple[words.Line, ...]
    counts: tuple[tuple[str, int], ...]
    sections: tuple[Section, ...]
    lead: tuple[Effect, ...]
    effects: tuple[Effect, ...]
    provenance: Provenance
    results: Path
    base: str  # from the report's folder to the results folder


def judged(shelf: Shelf, scales: Sequence[str] = ()) -> list[Judgement]:
    """Every claim's judgement; `scales` replace those that the claims name."""
    return judge(_at(shelf.claims(), scales), shelf.find)


def settings_of(shelf: Shelf, claims: Iterable[Claim]) -> Settings:
    """What conf/report.yaml says, checked against the claims, papers and experiments there are."""
    known = shelf.known
    file = shelf.tree.folder / "report.yaml"
    return read_settings(
        file, {one.id: tuple(one.rows) for one in claims}, known.papers, known.experiments
    )


def gather(shelf: Shelf, scales: Sequence[str] = ()) -> Content:
    """Judge the claims and collect figures, tables and provenance.

    Args:
        shelf: the experiments and their rows.
        scales: whose rows and figures are shown; none: what each claim says, then paper, reduced.

    Raises:
        ConfigError: for a claim or setting that cannot be used.
        StoreError: for a damaged file.
    """
    judgements = judged(shelf, scales)
    settings = settings_of(shelf, [one.claim for one in judgements])
    lines = {one.claim.id: words.line(one, settings.measures) for one in judgements}
    chosen = tuple(scales) or DECIDING
    compositions = [
        shelf.composition(name, fullest(shelf.find, name, chosen).scale)
        for name in shelf.tree.experiments
    ]
    papers = load_papers(shelf.tree.folder / "papers")
    seen: set[bytes] = set()
    sections = []
    for stem in dict.fromkeys([*settings.papers, *papers]):
        proofs = tuple(
            _proof(one, lines[one.claim.id]) for one in judgements if one.claim.paper == stem
        )
        shown = tuple(
            _shown(shelf, one, settings, seen) for one in compositions if one.about.paper == stem
        )
        if proofs or shown:
            sections.append(Section(papers[stem], proofs, shown))
    rows = _rows_by_scale(shelf, chosen)
    found = effects(settings.audit, shelf.find, chosen)
    return Content(
        settings=settings,
        headline=tuple(lines[name] for name in settings.headline),
        counts=tuple((v, sum(one.verdict == v for one in judgements)) for v in VERDICTS),
        sections=tuple(sections),
        lead=tuple(lead(settings.lead, [one.claim for one in judgements], shelf.find)),
        effects=tuple(found),
        provenance=provenance(rows),
        results=shelf.results,
        base="../" if len(scales) == 1 else "",
    )


def _at(claims: list[Claim], scales: Sequence[str]) -> list[Claim]:
    return [replace(one, scales=tuple(scales)) for one in claims] if scales else claims


def _rows_by_scale(shelf: Shelf, scales: Sequence[str]) -> dict[str, list[dict[str, object]]]:
    return {
        scale: [
            dict(row) for name in shelf.tree.experiments for row in shelf.find(name, scale).rows
        ]
        for scale in scales
    }


def _proof(one: Judgement, line: words.Line) -> Proof:
    return Proof(
        line=line,
        statistic=one.estimate.method or one.claim.test.name.replace("_", " "),
        rule=words.rule(one.claim.decide),
        p=words.p_value(one.p),
        family=one.claim.family or "",
        unit=one.estimate.unit,
        experiments=one.claim.experiments,
        ids=one.ids,
        stored=one.stored,
        asked=one.asked,
        lost=one.lost,
        details=one.estimate.details,
        note=one.claim.note,
        command=one.command,
    )


def _shown(shelf: Shelf, one: Composition, settings: Settings, seen: set[bytes]) -> Shown:
    evidence: Evidence = shelf.find(one.experiment, one.scale)
    folder = one.results / one.scale / "figures" / one.experiment
    pictures, more = _pictures(folder, one, settings, seen)
    asked = sum(len(cell.seeds) for cell in one.cells)
    return Shown(
        name=one.experiment,
        title=one.about.title,
        artefacts=one.about.artefacts,
        protocol=one.about.protocol,
        scale=one.scale,
        stored=len(evidence.rows),
        asked=asked,
        notes=tuple(one.notes),
        pictures=pictures,
        more=more,
        tables=tuple(_tables(folder, one)),
        rows=f"{one.scale}/{one.task}.jsonl",
        command=""
        if len(evidence.rows) == asked
        else f"repro run experiment={one.experiment} scale={one.scale}",
    )


def _pictures(
    folder: Path, one: Composition, settings: Settings, seen: set[bytes]
) -> tuple[tuple[Picture, ...], tuple[str, ...]]:
    """The first few PNGs that no other experiment has shown, and the names of the others."""
    shown: list[Picture] = []
    more: list[str] = []
    for path in sorted(folder.glob("*.png")):
        content = path.read_bytes()
        if content in seen or len(shown) == settings.figures_per_experiment:
            more.append(path.relative_to(one.results).as_posix())
            continue
        seen.add(content)
        alt = f"{one.about.title}: {path.stem.replace('_', ' ')}"
        shown.append(_inlined(path, one, settings, alt))
    return tuple(shown), tuple(more)


def _inlined(path: Path, one: Composition, settings: Settings, alt: str) -> Picture:
    try:
        return inline(path, one.results, settings.image_width, alt)
    except (OSError, SyntaxError) as error:  # Pillow raises both
        raise _undrawn(path, one, error) from error


def _tables(folder: Path, one: Composition) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.glob("*.md")):
        try:
            title, _, text = path.read_text("utf-8").partition("\n\n")
        except (OSError, UnicodeDecodeError) as error:
            raise _undrawn(path, one, error) from error
        yield title.lstrip("# "), text


def _undrawn(path: Path, one: Composition, error: Exception) -> StoreError:
    return StoreError(
        f"{path} cannot be read ({error}); draw it again with: "
        + one.told(f"repro figures experiment={one.experiment} scale={one.scale}")
    )
