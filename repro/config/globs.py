"""Globs in overrides: `experiment=glob(hid*)` names every choice that matches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hydra.core.override_parser.types import Glob

from repro.config.schema import SCALES
from repro.errors import ConfigError


def matching(key: str, glob: Glob, groups: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The choices of a group, experiments or scales among them, that a glob matches.

    Raises:
        ConfigError: a key that has no choices of its own, or a glob that matches none of them.
    """
    if key == "arm":
        raise ConfigError(
            "arm takes no glob(...): each experiment has arms of its own; write arm=NAME,NAME"
        )
    if key != "scale" and key not in groups:
        raise ConfigError(f"{key} takes no glob(...): it has no choices; write {key}=VALUE")
    choices = [one for one in (SCALES if key == "scale" else groups[key]) if one != "all"]
    found = tuple(glob.filter(choices))
    if not found:
        raise ConfigError(
            f"{key}=glob({_spelt(glob)}) matches none of {', '.join(choices)}; correct the pattern"
        )
    return found


def _spelt(glob: Glob) -> str:
    """The patterns of a glob as its brackets hold them."""
    without = f",exclude=[{','.join(glob.exclude)}]" if glob.exclude else ""
    many = len(glob.include) != 1 or glob.exclude
    return (f"[{','.join(glob.include)}]" if many else glob.include[0]) + without
