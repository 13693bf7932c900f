"""Checkpoints: written whole or not at all, read without running code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from repro.atomic import write_atomic
from repro.errors import StoreError


def write_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Save `state` (tensors, numbers, strings, lists, dicts) at `path`, replacing it whole."""
    write_atomic(path, lambda file: torch.save(dict(state), file))


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Load what `write_checkpoint` saved, to the CPU, refusing anything but data.

    Raises:
        StoreError: if the file is damaged or not a checkpoint.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise StoreError(
            f"the checkpoint {path} cannot be read ({type(error).__name__}: "
            f"{str(error).partition(chr(10))[0]}); delete it and run again: the job then starts "
            "from its beginning"
        ) from error
