"""Keeps what a conf tree composes to between commands; composing anew takes Hydra seconds.

An entry's name is a checksum of every file that the composition can depend on and of the versions
of what composes it, so an entry is never out of date: after a change it is only asked for no more.
`REPRO_CACHE=FOLDER` puts the entries elsewhere, `REPRO_CACHE=off` does without them.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from repro.atomic import partial_name

FORMAT = 1
NOT_COMPOSED = ("claims", "papers", "published")  # folders of the tree that are read, not composed
MOST = 2000  # entries; of more than these the older half goes
_OFF = ("off", "0", "")
Files = dict[str, bytes]


class Kept(NamedTuple):
    """A composition as plain values, its references unresolved, and the choice of each group."""

    content: dict[str, Any]
    chosen: dict[str, str]


def cache_folder() -> Path | None:
    """Where entries are; None where the environment wants none or knows no place."""
    named = os.environ.get("REPRO_CACHE")
    if named is not None and named.strip().lower() in _OFF:
        return None
    folder = Path(named or os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    try:
        return folder.expanduser() if named else folder.expanduser() / "repro"
    except RuntimeError:  # a user without a home
        return None


class CompositionCache:
    """The kept compositions of one conf tree. Nothing that goes wrong here ever stops a command.

    Args:
        tree: the conf folder; its files are read once.
    """

    def __init__(self, tree: Path) -> None:
        self._tree = tree
        self._folder = cache_folder()

    @functools.cached_property
    def _files(self) -> Files:
        return _contents(self._tree)

    def load(self, choices: Iterable[tuple[str, str]]) -> Kept | None:
        """What these group choices composed to; None where that is not known."""
        if self._folder is None:
            return None
        try:
            return Kept(**json.loads(self._entry(self._folder, choices).read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def save(self, choices: Iterable[tuple[str, str]], kept: Kept) -> None:
        """Keeps a composition, unless the files have changed meanwhile or JSON would change it."""
        if self._folder is None:
            return
        with suppress(OSError, ValueError, TypeError):
            text = json.dumps(kept._asdict())
            if json.loads(text) != kept._asdict() or _contents(self._tree) != self._files:
                return
            self._folder.mkdir(parents=True, exist_ok=True)
            entry = self._entry(self._folder, choices)
            partial = entry.with_name(partial_name(entry.name))
            try:
                partial.write_text(text)
                partial.replace(entry)
            finally:
                partial.unlink(missing_ok=True)
            self._pruned  # noqa: B018 - once a process

    def _entry(self, folder: Path, choices: Iterable[tuple[str, str]]) -> Path:
        """The file of an entry: choices, versions and all contents that it can depend on."""
        wanted = list(choices)
        names = _reachable(self._files, [name for group, name in wanted if group == "experiment"])
        digest = hashlib.sha256(json.dumps([_versions(), wanted]).encode())
        for path, content in self._files.items():
            if not path.startswith("experiment/") or Path(path).stem in names:
                digest.update(f"\0{path}\0{len(content)}\0".encode() + content)
        return folder / f"composition-{digest.hexdigest()[:40]}.json"

    @functools.cached_property
    def _pruned(self) -> int:
        """How many old entries have been deleted."""
        assert self._folder is not None
        entries = sorted(
            self._folder.glob("composition-*.json"), key=lambda one: one.stat().st_mtime
        )
        old = entries[: len(entries) - MOST // 2] if len(entries) > MOST else []
        for one in old:
            one.unlink(missing_ok=True)
        return len(old)


def _contents(tree: Path) -> Files:
    """Every YAML file of the tree that can be composed, by its path, sorted."""
    found = sorted(
        path
        for path in tree.rglob("*.yaml")
        if path.relative_to(tree).parts[0] not in NOT_COMPOSED
    )
    return {path.relative_to(tree).as_posix(): path.read_bytes() for path in found}


def _reachable(files: Mapping[str, bytes], first: Iterable[str]) -> set[str]:
    """The experiments named, and all that their files (and the root) mention, over any way."""
    texts = {
        Path(path).stem: text for path, text in files.items() if path.startswith("experiment/")
    }
    root = files.get("config.yaml", b"")
    found: set[str] = set()
    waiting = [*first, *_mentioned(root, texts)]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _mentioned(texts.get(name, b""), texts)
    return found


def _mentioned(text: bytes, names: Mapping[str, bytes]) -> set[str]:
    return set(re.findall(r"[\w-]+", text.decode("utf-8", "replace"))) & names.keys()


@functools.cache
def _versions() -> list[str]:
    """What composes, by version."""
    found = [metadata.version(name) for name in ("hydra-core", "omegaconf", "PyYAML")]
    return [str(FORMAT), sys.version.split()[0], *found]
