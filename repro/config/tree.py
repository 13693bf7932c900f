"""The conf folder: where it is, what it offers, and Hydra's composition of it."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from omegaconf import OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

import repro
from repro.config.cache import CompositionCache, Kept
from repro.config.defaults import refuse_file
from repro.config.overrides import Vocabulary
from repro.config.schema import SECTIONS
from repro.errors import ConfigError
from repro.reading import read_yaml

Choices = tuple[tuple[str, str], ...]  # (group, choice), in order


class Tree:
    """A conf folder; each combination of group choices is composed once and kept, on disk too.

    Args:
        folder: holds config.yaml and the groups; None: the project's own.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = (folder or conf_folder()).resolve()
        self._composed: dict[Choices, dict[str, Any]] = {}
        self._chosen: dict[Choices, dict[str, str]] = {}
        self._cache = CompositionCache(self.folder)

    @functools.cached_property
    def experiments(self) -> list[str]:
        """Names of the experiment files."""
        return self.choices("experiment")

    @functools.cached_property
    def vocabulary(self) -> Vocabulary:
        """What an override may name in this tree."""
        groups = [section.replace(".", "/") for section in SECTIONS]
        offered = {group: self.choices(group) for group in groups}
        shorthands = {str(k): str(v) for k, v in (self.root.get("shorthands") or {}).items()}
        offered = {group: found for group, found in offered.items() if found}
        return Vocabulary(offered, shorthands, self.experiments)

    @functools.cached_property
    def root(self) -> dict[str, Any]:
        """What config.yaml itself says, before anything is composed.

        Raises:
            ConfigError: the file is missing or malformed.
        """
        file = self.folder / "config.yaml"
        found = read_yaml(file)
        if not isinstance(found, dict):
            raise ConfigError(f"{file} has no keys; restore it")
        return found

    def choices(self, group: str) -> list[str]:
        """Names of the files in a group, sorted; empty where the group does not exist."""
        return sorted(file.stem for file in (self.folder / group).glob("*.yaml"))

    def compose(self, choices: Choices) -> dict[str, Any]:
        """The composed configuration for some group choices; not to be changed.

        Values are plain, and references (`${...}`) not followed yet.

        Raises:
            ConfigError: a file of the tree is missing or malformed.
        """
        if choices not in self._composed:
            self._composed[choices] = self._kept(choices) or self._compose(choices)
        return self._composed[choices]

    def varied(self, experiment: Choices, groups: Mapping[str, str]) -> dict[str, Any]:
        """The composition of an experiment with some groups chosen anew.

        Choices that the experiment makes itself cost no second composition.
        """
        base = self.compose(experiment)
        if all(self._chosen[experiment].get(group) == name for group, name in groups.items()):
            return base
        return self.compose((*experiment, *groups.items()))

    def _kept(self, choices: Choices) -> dict[str, Any] | None:
        """The composition that an earlier command has kept, if one has."""
        kept = self._cache.load(choices)
        if kept is None:
            return None
        self._chosen[choices] = kept.chosen
        return kept.content

    def _compose(self, choices: Choices) -> dict[str, Any]:
        from hydra import compose
        from hydra.errors import HydraException

        words = [f"{group}={choice}" for group, choice in choices]
        try:
            with _own_hydra(self.folder):
                found = compose("config", overrides=words, return_hydra_config=True)
            self._chosen[choices] = dict(found.hydra.runtime.choices)
            with open_dict(found):
                del found["hydra"]
            plain = cast(dict[str, Any], OmegaConf.to_container(found))
        except (
            HydraException,
            OmegaConfBaseException,
            YAMLError,
            ValueError,
            RecursionError,
        ) as e:
            for name in (choice for group, choice in choices if group == "experiment"):
                refuse_file(self.folder, self.vocabulary.groups, name)
            reason = " ".join(str(e if str(e) else e.__cause__).split())
            raise ConfigError(
                f"{self.folder} cannot be composed with {' '.join(words) or 'its defaults'}:"
                f" {reason}; mend the file that it names"
            ) from None
        self._cache.save(choices, Kept(plain, self._chosen[choices]))
        return plain


def conf_folder() -> Path:
    """The project's conf folder: beside the package in a checkout, inside it when installed."""
    package = Path(repro.__file__).resolve().parent
    beside = package.parent / "conf"
    return beside if (beside / "config.yaml").is_file() else package / "conf"


def project_root() -> Path:
    """The checkout that holds conf/, or the current folder when there is none."""
    folder = conf_folder()
    inside_package = folder.parent == Path(repro.__file__).resolve().parent
    return Path.cwd() if inside_package else folder.parent


def register_resolvers() -> None:
    """Make `${project_root:}` known to OmegaConf."""
    OmegaConf.register_new_resolver("project_root", lambda: str(project_root()), replace=True)


@contextmanager
def _own_hydra(folder: Path) -> Iterator[None]:
    """Hydra set up for `folder`, whatever the caller has set up, which comes back afterwards."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.singleton import Singleton

    register_resolvers()
    outer: Any = Singleton._instances.pop(GlobalHydra, None)
    try:
        with initialize_config_dir(str(folder), version_base="1.3", job_name="repro"):
            yield
    finally:
        Singleton._instances.pop(GlobalHydra, None)
        if outer is not None:
            Singleton._instances[GlobalHydra] = outer
