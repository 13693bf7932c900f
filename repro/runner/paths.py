"""Every path of the result store, named once."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from repro.jobs import SeedPair


@dataclass(frozen=True)
class StorePaths:
    """The files of one scale's results; lock files and claims are never deleted.

    `locks` is where lock files are, if not beside what they protect, and `spill` where rows are
    kept that cannot be written below `results`; both may serve several results folders.
    """

    results: Path
    scale: str
    locks: Path | None = None
    spill: Path | None = None

    def _apart(self, folder: Path) -> Path:
        """The part of a shared folder that belongs to this scale of these results."""
        digest = hashlib.sha256(os.fsencode(self.results.resolve())).hexdigest()[:12]
        return folder / digest / self.scale

    @property
    def root(self) -> Path:
        """The folder of this scale; paths inside rows are relative to it."""
        return self.results / self.scale

    def rows(self, task: str) -> Path:
        """The file with one JSON row a line."""
        return self.root / f"{task}.jsonl"

    def rows_lock(self, task: str) -> Path:
        """The lock file that whoever appends to `rows` holds."""
        return self.lock_root / f"{task}.jsonl.lock"

    @property
    def lock_root(self) -> Path:
        """The folder below which all lock files are."""
        return self.root if self.locks is None else self._apart(self.locks)

    @property
    def spills(self) -> tuple[Path, ...]:
        """The folders for rows that could not be stored, the first choice first."""
        inside = self.root / "spill"
        return (inside,) if self.spill is None else (inside, self._apart(self.spill))

    @property
    def arrays(self) -> Path:
        """The folder of the arrays that figures need."""
        return self.root / "arrays"

    def arrays_of(self, id: str, seeds: SeedPair) -> Path:
        """The arrays of one row."""
        return self.arrays / f"{id}-{seeds.data_seed}-{seeds.model_seed}.npz"

    def failure(self, id: str) -> Path:
        """The tracebacks of one config's failed seeds."""
        return self.root / "failures" / f"{id}.txt"

    def failure_lock(self, id: str) -> Path:
        """The lock file that whoever changes `failure` holds."""
        return self.lock_root / "failures" / f"{id}.lock"

    @property
    def claims(self) -> Path:
        """The folder of claims: a seed is claimed for as long as a process holds its lock."""
        return self.lock_root / "claims"

    def claim(self, id: str, seeds: SeedPair) -> Path:
        """The lock file whose holder may run one seed of one config."""
        return self.claims / f"{id}-{seeds.data_seed}-{seeds.model_seed}.lock"

    @property
    def checkpoints(self) -> Path:
        """The folder of what interrupted jobs go on from."""
        return self.root / "checkpoints"

    @property
    def figures(self) -> Path:
        """The folder of the figures drawn from these results."""
        return self.root / "figures"
