"""What claims may name, and the stored rows of the experiments that they rest on."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from repro.claims.judge import Asked, Evidence
from repro.claims.reading import Known, read_claims
from repro.claims.schema import Claim
from repro.config.compose import Composition, compose_tree
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

        Raises: ConfigError for a claim that cannot be read.
        """
        return read_claims(self.tree.folder / "claims", self.known())

    def known(self) -> Known:
        """What the tree's claims may name."""
        published = load_published(self.tree.folder / "published")
        return Known(
            {name: self._arms(name) for name in self.tree.experiments},
            self.tree.choices("papers"),
            published,
        )

    def _arms(self, experiment: str) -> list[str]:
        """The arms that an experiment's own file, or the one that it begins with, names."""
        content: Any = OmegaConf.load(self.tree.folder / "experiment" / f"{experiment}.yaml")
        parents = [one for one in content.get("defaults", []) if isinstance(one, str)]
        inherited = [arm for one in parents if one != "_self_" for arm in self._arms(one)]
        return [*dict.fromkeys([*inherited, *(content.get("arms") or {})])]

    def _composition(self, experiment: str, scale: str) -> Composition:
        words = [f"experiment={experiment}", f"scale={scale}", *self.words]
        return compose_tree(self.tree, words)[0]

    def _find(self, experiment: str, scale: str) -> Evidence:
        composition = self.composition(experiment, scale)
        asked = tuple(
            Asked(cell.id, cell.arm, cell.config, *pair)
            for cell in composition.cells
            for pair in cell.seeds
        )
        store = self._store(composition.results, scale)
        rows = tuple(asked_rows(composition, store))
        return Evidence(experiment, scale, rows, asked, composition.reductions)


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
