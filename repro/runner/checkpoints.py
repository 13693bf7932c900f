"""Finds what an interrupted job can go on from: checkpoints are discovered, never handed over.

Beside each checkpoint a small JSON file lists its seeds, so that a pack of other seeds can go on
from it as long as it holds all of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from pathlib import Path

from repro.errors import StoreError
from repro.jobs import SeedPair
from repro.runner.atomic import write_atomic
from repro.runner.paths import StorePaths


def checkpoint_path(paths: StorePaths, id: str, seeds: Sequence[SeedPair]) -> Path:
    """Returns where the checkpoint of a config and a pack belongs, whatever the pack's order."""
    digest = hashlib.sha256(json.dumps(sorted(seeds)).encode()).hexdigest()[:12]
    return paths.checkpoints / f"{id}-{digest}.pt"


def announce(paths: StorePaths, id: str, seeds: Sequence[SeedPair]) -> Path:
    """Lists the seeds beside the checkpoint to come, and returns the checkpoint's path."""
    checkpoint = checkpoint_path(paths, id, seeds)
    content = json.dumps({"seeds": [list(pair) for pair in seeds]}).encode()
    write_atomic(checkpoint.with_suffix(".json"), lambda file: file.write(content))
    return checkpoint


def _packs(paths: StorePaths, id: str) -> dict[Path, set[SeedPair]]:
    packs: dict[Path, set[SeedPair]] = {}
    for sidecar in sorted(paths.checkpoints.glob(f"{id}-*.json")):
        try:
            pairs = json.loads(sidecar.read_text())["seeds"]
            packs[sidecar.with_suffix(".pt")] = {SeedPair(*pair) for pair in pairs}
        except (OSError, ValueError, TypeError, KeyError):
            continue  # deleted meanwhile, or damaged: the job starts again from step 0
    return packs


def groups(paths: StorePaths, id: str) -> list[set[SeedPair]]:
    """Returns the seeds of each checkpoint of a config that is on disk."""
    return [pack for checkpoint, pack in _packs(paths, id).items() if checkpoint.exists()]


def find_checkpoint(paths: StorePaths, id: str, seeds: Collection[SeedPair]) -> Path | None:
    """Returns the newest checkpoint of a config that holds all of `seeds`, or None."""
    ages = {}
    for checkpoint, pack in _packs(paths, id).items():
        if pack.issuperset(seeds) and checkpoint.exists():
            ages[checkpoint] = checkpoint.stat().st_mtime_ns
    return max(ages, key=lambda path: ages[path], default=None)


def drop_finished(paths: StorePaths, id: str, done: Collection[SeedPair]) -> None:
    """Deletes the config's checkpoints whose seeds all have rows; others may still be needed."""
    for checkpoint, pack in _packs(paths, id).items():
        if pack.issubset(done):
            checkpoint.unlink(missing_ok=True)
            checkpoint.with_suffix(".json").unlink(missing_ok=True)
            _damaged(checkpoint).unlink(missing_ok=True)


def _damaged(checkpoint: Path) -> Path:
    return checkpoint.with_name(checkpoint.name + ".damaged")


def set_aside(checkpoint: Path) -> Path:
    """Renames a checkpoint that cannot be read, so that nothing goes on from it any more."""
    try:
        checkpoint.replace(_damaged(checkpoint))
    except OSError as error:
        raise StoreError(
            f"The checkpoint {checkpoint} is damaged and cannot be set aside ({error}). Correct "
            "the permissions of its folder, then run the same command again."
        ) from error
    return _damaged(checkpoint)


def withdraw(checkpoint: Path) -> None:
    """Deletes the list of seeds of a checkpoint that was never written."""
    if not checkpoint.exists():
        checkpoint.with_suffix(".json").unlink(missing_ok=True)
