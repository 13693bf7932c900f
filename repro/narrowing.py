"""Whether overrides leave out rows that an experiment is drawn of, said beneath what is drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from repro.config.compose import Composition, compose_tree
from repro.config.overrides import SEED_KEYS, Vocabulary, parse_words
from repro.config.tree import Tree

CHOOSING = (*SEED_KEYS, "arm")


def noted(compositions: Iterable[Composition], words: Sequence[str]) -> list[Composition]:
    """The compositions of the words; those that leave rows out say in a note by which words.

    Raises:
        ConfigError: as `compose_all`.
    """
    tree = Tree()
    chosen = [word for word in words if _chooses(word, tree.vocabulary)]
    if not chosen:
        return list(compositions)
    others = [word for word in words if word not in chosen]
    whole = {(one.experiment, one.scale): _runs(one) for one in compose_tree(tree, others)}
    note = f"Drawn of: {' '.join(chosen)} alone."
    return [
        one
        if whole[one.experiment, one.scale] <= _runs(one)
        else replace(one, reductions=(*one.reductions, note))
        for one in compositions
    ]


def _chooses(word: str, vocabulary: Vocabulary) -> bool:
    """Whether an override may change which runs an experiment has, and not only how they run."""
    [(name, _)] = parse_words([word])
    key = vocabulary.key(name)
    return key in CHOOSING or vocabulary.is_science(key)


def _runs(one: Composition) -> set[tuple[str, int, int]]:
    return {(cell.id, *pair) for cell in one.cells for pair in cell.seeds}
