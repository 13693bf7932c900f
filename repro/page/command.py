"""What `repro report` does: reads its words, gathers, writes the files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from repro.config.compose import read_settings
from repro.config.schema import SCALES
from repro.config.tree import Tree, project_root
from repro.errors import ConfigError
from repro.nearest import nearest
from repro.page.content import Content, gather
from repro.page.evidence import Shelf
from repro.page.readme import BEGIN, EFFECTS, END, insert, parts
from repro.page.render import effects_table, headline_table, write
from repro.page.words import counted

ABOUT = "a report is about everything that is stored"
TAKEN = "give only scale=NAME or paths.results=DIR"


def make_report(words: Sequence[str], readme: bool = False) -> tuple[list[Path], str]:
    """Write report.html and report.md; the paths of all that is written, and a line on verdicts.

    With `readme` the tables in README.md and docs/paper-and-code.md are written too.

    Without `scale=` the claims' own scales count and the files lie in the results folder; with
    it, rows and figures of that scale alone do, and the files lie in the scale's folder.

    Raises:
        ConfigError: for a word that a report does not take, a claim that cannot be used, or
            documents that these results are not for.
    """
    tree = Tree()
    _refuse_bare(words)
    settings = read_settings(tree, words)
    _refuse_others(settings)
    scales = tuple(str(one) for one in settings.get("scale", ()))
    if len(scales) > 1:
        raise ConfigError(
            f"a report shows one scale, or the claims' own; write scale={scales[0]}, or leave"
            " scale= out"
        )
    shelf = Shelf(tree, [word for word in words if not word.lstrip("+").startswith("scale=")])
    if readme:
        _check_documents(shelf.results, scales)
    content = gather(shelf, scales)
    paths = write(content, content.results / scales[0] if scales else content.results)
    if readme:
        insert(_readme(), headline_table(content))
        insert(_differences(), effects_table(content), EFFECTS)
        paths += [_readme(), _differences()]
    return paths, _told(content, scales)


def _told(content: Content, scales: Sequence[str]) -> str:
    """How many claims hold; where no row is stored, where that was and what another scale has."""
    verdicts = counted(content.counts)
    if content.provenance.work:
        return verdicts
    at = f"scale={scales[0]}" if scales else "scale=paper or reduced, whose rows decide claims"
    hint = "" if scales else " `repro report scale=quick` judges on the rows of quick."
    return f"{verdicts} Nothing is stored in {content.results} at {at}.{hint}"


def _readme() -> Path:
    return project_root() / "README.md"


def _differences() -> Path:
    return project_root() / "docs" / "paper-and-code.md"


def _check_documents(results: Path, scales: Sequence[str]) -> None:
    """Refuse before anything is written what the documents are not for, and unfit documents."""
    if scales:
        raise ConfigError("the README shows the claims' own scales; leave out scale= or --readme")
    own = project_root() / "results"
    if results.resolve() != own.resolve():
        raise ConfigError(
            f"the README shows what is stored in {own}, and paths.results (or REPRO_RESULTS) is"
            f" {results}; leave out --readme, or name the project's own folder"
        )
    parts(_readme(), (BEGIN, END))
    parts(_differences(), EFFECTS)


def _refuse_bare(words: Iterable[str]) -> None:
    for word in words:
        if "=" not in word:
            near = nearest(word, SCALES)
            remedy = f"write scale={near}" if near else f"{ABOUT}, so {TAKEN}"
            raise ConfigError(f"'{word}' is no KEY=VALUE; {remedy}")


def _refuse_others(keys: Iterable[str]) -> None:
    for key in keys:
        if key != "scale" and not key.startswith("paths."):
            raise ConfigError(f"{ABOUT}; leave out {key}, and {TAKEN}")
