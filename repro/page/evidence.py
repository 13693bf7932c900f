"""What claims may name, and the stored rows of the experiments that they rest on."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from repro.claims.judge import Asked, Evidence
from repro.claims.reading import Known, read_claims
from repro.claims.schema import Claim
from repro.config.compose import Composition, compose_tree
from repro.config.tree import Tree
from repro.figures.published import load_published
from repro.runner.plan import open_store


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
        self._rows = functools.cache(self._read)

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
        arms = {cell.id: getattr(cell, "arm", None) for cell in composition.cells}
        asked = tuple(
            Asked(cell.id, arms[cell.id], cell.config, *pair)
            for cell in composition.cells
            for pair in cell.seeds
        )
        wanted = {(one.id, one.data_seed, one.model_seed) for one in asked}
        rows = [
            {**row, "arm": arms[row["id"]]}
            for row in self._rows(composition.results, scale, composition.task)
            if (row["id"], row["data_seed"], row["model_seed"]) in wanted
        ]
        return Evidence(experiment, scale, tuple(rows), asked, composition.reductions)

    def _read(self, results: Path, scale: str, task: str) -> list[Mapping[str, Any]]:
        return list(open_store(results, scale).read(task))
