"""What claims may name, and the stored rows of the experiments that they rest on."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from repro.claims.judge import Asked, Evidence, FindEvidence
from repro.claims.reading import Known, read_claims
from repro.claims.schema import Claim
from repro.config.compose import Composition, compose_defaults, compose_tree
from repro.config.tree import Tree
from repro.errors import ConfigError
from repro.figures.published import load_published
from repro.nearest import nearest
from repro.page.keys import science_keys
from repro.runner.asked import asked_rows
from repro.runner.paths import StorePaths
from repro.runner.rows import Row
from repro.runner.store import Store

ALIKE = 0.8  # a name that is this near to another is taken for a slip


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
        """What the tree's claims may name.

        Raises:
            ConfigError: for a published number that cannot be read, or of a mistyped experiment.
        """
        folder, names = self.tree.folder / "published", self.tree.experiments
        published = load_published(folder)
        _refuse_mistyped(published, names, folder)
        arms = {name: list(self._base(name).get("arms") or {}) for name in names}
        keys = {name: science_keys(str(self._base(name)["task"])) for name in names}
        return Known(arms, self.tree.choices("papers"), published, keys)

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


def _refuse_mistyped(published: pd.DataFrame, experiments: Sequence[str], folder: Path) -> None:
    """Refuse a number of an experiment that is nearly one of ours; papers have others, too."""
    for paper, name in published[["paper", "experiment"]].itertuples(index=False):
        near = nearest(name, experiments, least=ALIKE)
        if near is not None and name not in experiments:
            raise ConfigError(
                f"{folder / paper}.yaml: the experiment {name} does not exist; the nearest valid"
                f" name is {near}"
            )


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
