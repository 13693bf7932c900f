"""Finds what is wrong with an experiment's file that Hydra cannot compose."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from repro.config.shapes import refuse_shapes, spelt
from repro.config.where import experiment_file, within
from repro.errors import ConfigError
from repro.nearest import suggestion
from repro.reading import read_yaml

HEADER = "# @package _global_"
EXAMPLE = "`defaults: [{override /data: sources}, _self_]`"
Groups = Mapping[str, Sequence[str]]


def has_header(file: Path) -> bool:
    """Whether a file begins with the line that makes its keys the root's."""
    text = file.read_text(encoding="utf-8", errors="replace")
    return re.match(r"\s*#\s*@package +_global_\s*(\n|$)", text) is not None


def without_header(name: str) -> ConfigError:
    """What to say of an experiment's file without its first line."""
    return ConfigError(
        f"{experiment_file(name)}: its first line has to be `{HEADER}`, and keys have to follow"
    )


def refuse_file(folder: Path, groups: Groups, name: str, above: tuple[str, ...] = ()) -> None:
    """Refuse an experiment's file, or one that its defaults name, for what can be told of it.

    Args:
        folder: the conf folder.
        groups: the choices of each group, `experiment` among them.
        name: the experiment.
        above: the experiments whose defaults lead to it.

    Raises:
        ConfigError: naming the file and, for a name, the nearest that exists.
    """
    where, file = experiment_file(name), folder / "experiment" / f"{name}.yaml"
    content = read_yaml(file)
    if not isinstance(content, Mapping) or not (above or has_header(file)):
        raise without_header(name)
    with within(where):
        refuse_shapes(content)
    entries = content.get("defaults", [])
    if not isinstance(entries, list):
        raise ConfigError(
            f"{where}: defaults must be a list, got {spelt(entries)}; write for example {EXAMPLE}"
        )
    for entry in entries:
        if isinstance(entry, Mapping) and len(entry) == 1:
            [(key, choice)] = entry.items()
            _check_group(str(key), choice, groups, where)
        elif not isinstance(entry, str):
            raise ConfigError(
                f"{where}: defaults has the entry {spelt(entry)}; write for example {EXAMPLE}"
            )
        elif entry in (name, *above):
            raise ConfigError(f"{where}: defaults leads back to {entry}; leave it out")
        elif entry != "_self_":
            if entry not in groups["experiment"]:
                raise _missing(where, f"conf/experiment/{entry}.yaml", entry, groups["experiment"])
            refuse_file(folder, groups, entry, (*above, name))


def _check_group(key: str, choice: Any, groups: Groups, where: str) -> None:  # noqa: ANN401
    """Refuse `override /GROUP: NAME` that names no group or no file of it."""
    group = key.rpartition(" ")[2].strip("/")
    if group not in groups:
        hint = suggestion(group, groups)
        raise ConfigError(f"{where}: defaults overrides /{group}, which is no group; {hint}")
    if key.split() != ["override", f"/{group}"]:
        raise ConfigError(
            f"{where}: defaults has the entry `{key}: {spelt(choice)}`;"
            f" write `override /{group}: {spelt(choice)}`"
        )
    if choice not in groups[group]:
        raise _missing(where, f"conf/{group}/{spelt(choice)}.yaml", spelt(choice), groups[group])


def _missing(where: str, file: str, name: str, names: Sequence[str]) -> ConfigError:
    names = [one for one in names if one != "all"]
    return ConfigError(
        f"{where}: defaults names {file}, which does not exist; {suggestion(name, names)}"
    )
