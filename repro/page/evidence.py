"""What claims may name, and the stored rows of the experiments that they rest on."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from repro.claims.judge import Asked, Evidence, FindEvidence
from repro.claims.reading import Known, read_claims
from repro.claims.schema import Claim
from repro.config.compose import Composition, compose_defaults, compose_tree
from repro.config.tree import Tree
from repro.figures.published import load_published
from repro.runner.asked import asked_rows
from repro.runner.paths import StorePaths
from repro.runner.rows import Row
from repro.runner.store import Store


class Shelf:
    """The experiments of a conf tree with their stored rows, each composed and read once.

    Args:
        tree: the conf folder.
        words: overrides such as `paths.results=DIR`.
    """

    def __init__(self, tree: Tree, words: Sequence[str] = ()) -> None:
        self.tree = tree
        self.words = list(words)
        self.composition = functools.cache(self._composition)
        self.find = functools.cache(self._find)
        self._store = functools.cache(ReadOnce)

    def claims(self) -> list[Claim]:
        """Every claim of the tree.

        Raises:
            ConfigError: for a claim that cannot be read.
        """
        return read_claims(self.tree.folder / "claims", self.known)

    @functools.cached_property
    def known(self) -> Known:
        """What the tree's claims may name."""
        published = load_published(self.tree.folder / "published")
        arms = {name: list(self._base(name).get("arms") or {}) for name in self.tree.experiments}
        return Known(arms, self.tree.choices("papers"), published)

    @functools.cached_property
    def results(self) -> Path:
        """The folder of all results."""
        return compose_defaults(self.tree, self.words).results

    def _base(self, experiment: str) -> dict[str, Any]:
        return self.tree.compose((("experiment", experiment),))

    def _composition(self, experiment: str, scale: str) -> Composition:
        words = [f"experiment={experiment}", f"scale={scale}", *self.words]
        return compose_tree(self.tree, words)[0]

    def _find(self, experiment: str, scale: str) -> Evidence:
        """What is stored of an experiment; nothing is composed where its task has no row."""
        store = self._store(self.results, scale)
        if not store.paths.rows(str(self._base(experiment)["task"])).exists():
            return Evidence(experiment, scale, (), ())
        composition = self.composition(experiment, scale)
        asked = tuple(
            Asked(cell.id, cell.arm, cell.config, *pair)
            for cell in composition.cells
            for pair in cell.seeds
        )
        rows = tuple(asked_rows(composition, store))
        return Evidence(experiment, scale, rows, asked, composition.reductions)


def fullest(find: FindEvidence, experiment: str, scales: Sequence[str]) -> Evidence:
    """An experiment at the scale with the largest share of its runs stored, the first if equal."""
    tried = [find(experiment, scale) for scale in scales]
    return max(tried, key=lambda one: len(one.rows) / max(1, len(one.asked)))


class ReadOnce(Store):
    """A store whose files are parsed once, however many experiments share them."""

    def __init__(self, results: Path, scale: str) -> None:
        super().__init__(StorePaths(results, scale))
        self._kept: dict[str, list[Row]] = {}

    def read(self, task: str) -> list[Row]:
        """The task's rows as they were when first asked for."""
        if task not in self._kept:
            self._kept[task] = super().read(task)
        return self._kept[task]
