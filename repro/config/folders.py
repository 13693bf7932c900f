"""The folders that `paths.*` name, and the words that named them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from repro.errors import ConfigError


def folder(paths: Mapping[str, str], key: str) -> Path:
    """A folder that exists or could be made.

    Raises:
        ConfigError: an empty name, something that is no folder, or an unknown home.
    """
    name = paths[key]
    if not name.strip():
        raise ConfigError(
            f"paths.{key} is empty; write paths.{key}=FOLDER, and see that REPRO_{key.upper()} in"
            " the environment names a folder or is not set"
        )
    found = _expanded(name, key).absolute()
    there = next(one for one in (found, *found.parents) if os.path.lexists(one))
    if not os.path.isdir(there):
        raise ConfigError(f"paths.{key}={name}: {there} is not a folder; name another one")
    return found


def folder_words(given: Mapping[str, Any]) -> tuple[str, ...]:
    """Words for the folders among the command's values; whether to download is no folder."""
    found = {key: values[0] for key, values in given.items() if key.startswith("paths.")}
    found.pop("paths.offline", None)
    return tuple(f"{key}={'null' if one is None else one}" for key, one in found.items())


def _expanded(name: str, key: str) -> Path:
    """A folder's name with `~` written out."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise ConfigError(
            f"paths.{key}={name}: the home folder of this user is not known; set HOME, or write"
            f" paths.{key}=FOLDER or REPRO_{key.upper()}=FOLDER in full"
        ) from None
