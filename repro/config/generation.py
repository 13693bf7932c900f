"""Reads the words of `repro data generate`: a data set, its config, its seed and its file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repro.config.compose import compose_defaults
from repro.config.overrides import Vocabulary, own_words
from repro.config.seeds import parse_seeds
from repro.config.tree import Tree
from repro.errors import ConfigError
from repro.nearest import suggestion

EXAMPLE = "repro data generate sources data_seed=1 data.layers=3 out=FILE.npz"
OWN_KEYS = ("data_seed", "out")
GENERATED = ["sources"]  # the other data sets are made where they are used
HELD_OUT = "data.held_out"
UNTRAINED = "training.batch_size=1"  # nothing is trained, so no batch is too large for the data


@dataclass(frozen=True)
class Request:
    """A data set to write: its resolved config, its seed and its .npz file."""

    data: dict[str, Any]
    data_seed: int
    out: Path


def read_request(words: Sequence[str]) -> Request:
    """The request in the words; `out` is relative to the current folder.

    Raises:
        ConfigError: an unknown data set or key, a missing or wrong seed or file.
    """
    tree = Tree()
    names = [word for word in words if "=" not in word]
    choice = [f"data={_only(names)}"]
    own, rest = own_words([word for word in words if "=" in word], OWN_KEYS)
    for word in rest:
        _check_key(word.partition("=")[0], tree.vocabulary)
    cells = compose_defaults(tree, [*choice, *rest, UNTRAINED]).cells
    if len(cells) > 1:
        raise ConfigError(f"one file holds one data set; give each key one value: {EXAMPLE}")
    return Request(cells[0].config["data"], _seed(own), _out(own))


def _only(names: Sequence[str]) -> str:
    if len(names) != 1:
        listed = ", ".join(GENERATED)
        raise ConfigError(f"name one data set to generate ({listed}), for example: {EXAMPLE}")
    if names[0] not in GENERATED:
        raise ConfigError(f"{names[0]} cannot be generated; {suggestion(names[0], GENERATED)}")
    return names[0]


def _check_key(word: str, vocabulary: Vocabulary) -> None:
    """Refuse a key that is neither a data key nor `generate`'s own, with both kinds in mind."""
    shorthands = {short for short, key in vocabulary.shorthands.items() if key.startswith("data.")}
    ours = {"data.spread", "fidelity", *(k for k in vocabulary.keys if k.startswith("data."))}
    if word == HELD_OUT:
        raise ConfigError(f"{word} keeps points from a model, the file holds every point;"
                          " leave it out")  # fmt: skip
    if word not in ours | shorthands and not word.startswith("fidelity."):
        hint = suggestion(word, [*ours, *shorthands, *OWN_KEYS])
        raise ConfigError(f"{word} is not a key of `data generate`; {hint}")


def _seed(own: dict[str, str]) -> int:
    if "data_seed" not in own:
        raise ConfigError(f"data_seed is missing; write for example: {EXAMPLE}")
    seeds = parse_seeds(own["data_seed"], "data_seed")
    if len(seeds) > 1:
        raise ConfigError(f"one file holds one data set; write data_seed={seeds[0]}")
    return seeds[0]


def _out(own: dict[str, str]) -> Path:
    out = Path(own.get("out", "")).expanduser()
    if out.suffix != ".npz":
        raise ConfigError(f"out must be a file that ends in .npz, got '{own.get('out', '')}';"
                          f" write for example: {EXAMPLE}")  # fmt: skip
    if not out.absolute().parent.is_dir():
        raise ConfigError(f"the folder of {out} does not exist; make it, or choose another out")
    return out.absolute()
