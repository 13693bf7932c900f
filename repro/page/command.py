"""What `repro report` does: reads its words, gathers, writes the files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from repro.config.compose import read_settings
from repro.config.tree import Tree, project_root
from repro.errors import ConfigError
from repro.page.audit import audit_tables
from repro.page.content import gather
from repro.page.evidence import Shelf
from repro.page.readme import AUDIT, insert
from repro.page.render import headline_table, write


def make_report(words: Sequence[str], readme: bool = False) -> list[Path]:
    """Write report.html and report.md and return the paths of all that is written.

    With `readme` the tables in README.md and docs/audit.md are written too.

    Without `scale=` the claims' own scales count and the files lie in the results folder; with
    it, rows and figures of that scale alone do, and the files lie in the scale's folder.

    Raises:
        ConfigError: for a word that a report does not take, or a claim that cannot be used.
    """
    tree = Tree()
    scales = tuple(str(one) for one in read_settings(tree, words).get("scale", ()))
    _refuse_others(tree, words)
    kept = [word for word in words if not word.lstrip("+").startswith("scale=")]
    if readme and scales:
        raise ConfigError("the README shows the claims' own scales; leave out scale= or --readme")
    content = gather(Shelf(tree, kept), scales)
    folder = content.results / scales[0] if len(scales) == 1 else content.results
    paths = write(content, folder)
    if readme:
        paths.append(insert(project_root() / "README.md", headline_table(content)))
        paths.append(insert(project_root() / "docs" / "audit.md", audit_tables(content), AUDIT))
    return paths


def _refuse_others(tree: Tree, words: Sequence[str]) -> None:
    for key in read_settings(tree, words):
        if key != "scale" and not key.startswith("paths."):
            raise ConfigError(
                f"a report is about everything that is stored; leave out {key}, and give only"
                " scale=NAME or paths.results=DIR"
            )
