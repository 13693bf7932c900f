"""The verb `repro data` of the command line: list, check, fetch and generate."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from repro.errors import ConfigError

if TYPE_CHECKING:
    from repro.config.compose import Composition
    from repro.data.registry import Dataset

DATA_EPILOG = """\
examples
  repro data list                    the public data sets and where they are
  repro data fetch mnist             download what is missing, checked by its checksum
  repro data fetch paths.offline=true   download nothing; say what is missing and where it belongs
  repro data check paths.data=DIR    compare the files in DIR with their checksums
  repro data generate sources data_seed=49 data.dim=5 data.segments=40 data.layers=3 out=FILE.npz
"""


def data_list(args: argparse.Namespace) -> int:
    """Prints the public data sets and the state of their files."""
    from repro.runner.overview import aligned

    root, chosen = _datasets(args.words)
    rows = [[one.name, _state(one, root), one.description] for one in chosen]
    print(aligned([["data set", "files", "what it is"], *rows], left=3))
    print(f"in {root}")
    return 0


def data_check(args: argparse.Namespace) -> int:
    """Compares files with their checksums; 1 where one is missing or damaged."""
    from repro.data.registry import check

    root, chosen = _datasets(args.words)
    states = [found for one in chosen for found in check(one, root)]
    for found in states:
        print(f"{found.state:8} {os.path.relpath(found.path)}")
    bad = [found for found in states if found.state != "present"]
    if bad:
        print(f"{len(bad)} of {len(states)} files are not there whole; get them with:")
        fetch = " ".join(["repro data fetch", *(one.name for one in chosen)])
        print("  " + _composed(args.words).told(fetch))
    return 1 if bad else 0


def data_fetch(args: argparse.Namespace) -> int:
    """Downloads what is missing or damaged and prints what was written."""
    from repro.data.registry import fetch
    from repro.runner.transfers import transfers

    root, chosen = _datasets(args.words)
    offline = _composed(args.words).offline
    for one in chosen:
        with transfers() as report:
            paths = fetch(one, root, report, offline)
        print(f"{one.name}: " + ("already there" if not paths else f"{len(paths)} files"))
        for path in paths:
            print(f"  {os.path.relpath(path)}")
    return 0


def data_generate(args: argparse.Namespace) -> int:
    """Writes a generated data set to an .npz file."""
    from repro.config.generation import read_request
    from repro.data.sources import generate, save

    request = read_request(args.words)
    save(generate(request.data, request.data_seed), request.out)
    print(os.path.relpath(request.out))
    return 0


def _datasets(words: Sequence[str]) -> tuple[Path, list[Dataset]]:
    """The data root, and the data sets that are named among the words (all where none is)."""
    from repro.config.tree import Tree
    from repro.data.registry import load_registry
    from repro.nearest import suggestion

    tree = Tree()
    registry = load_registry(tree.folder / "datasets.yaml")
    names = [word for word in words if "=" not in word]
    for name in names:
        if name not in registry:
            raise ConfigError(f"there is no data set {name}; {suggestion(name, registry)}")
    return _composed(words).data, [registry[name] for name in names or registry]


def _composed(words: Sequence[str]) -> Composition:
    """What the overrides among the words make of the defaults."""
    from repro.config.compose import compose_defaults
    from repro.config.tree import Tree

    return compose_defaults(Tree(), [word for word in words if "=" in word])


def _state(dataset: Dataset, root: Path) -> str:
    there = sum(file.is_there(root) for file in dataset.files)
    return f"{there} of {len(dataset.files)}"


DATA_VERBS: dict[str, tuple[Callable[[argparse.Namespace], int], str]] = {
    "list": (data_list, "the public data sets"),
    "fetch": (data_fetch, "download data sets; all where none is named"),
    "check": (data_check, "compare files with their checksums"),
    "generate": (data_generate, "write a synthetic data set to a file"),
}
