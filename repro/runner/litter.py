"""Takes away what killed writers leave: temporary files and folders whose process is gone."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from repro.atomic import abandoned
from repro.runner.paths import StorePaths


def sweep(paths: StorePaths) -> int:
    """Deletes the store's temporary files of provably dead writers; returns how many there were.

    A file of another machine, of an earlier boot or of a living process stays: nobody here can
    know that it is dead.
    """
    places = [paths.root, *paths.spills]
    dead = {path for place in places for path in _partials(place) if abandoned(path)}
    for path in dead:
        with suppress(OSError):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return len(dead)


def _partials(root: Path) -> list[Path]:
    found = []
    for folder, folders, files in os.walk(root):
        found += [Path(folder, name) for name in (*folders, *files) if name.endswith(".tmp")]
    return found
