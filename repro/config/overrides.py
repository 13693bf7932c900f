"""Reads overrides in Hydra's grammar and checks their keys and choices against the conf tree."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override, QuotedString
from hydra.errors import HydraException

from repro.config.globs import matching
from repro.config.schema import NOT_IDENTITY, SCALES, SCIENCE, SECTIONS, Run
from repro.errors import ConfigError
from repro.nearest import nearest, suggestion

SEED_KEYS = ("seeds", "model_seeds")
KEPT = ("keep_arrays", "keep_model_seeds")
SEED_LISTS = (*SEED_KEYS, *KEPT)  # keys whose commas and lists are no sweep
OUTER_KEYS = ("experiment", "scale", "arm")
EXAMPLE = "write KEY=VALUE without blanks, for example data.layers=4 or layers=3,4"


@dataclass(frozen=True)
class Setting:
    """A key (dotted) or group (with slashes) and its values; more than one value is a sweep."""

    key: str
    values: tuple[Any, ...]


class Vocabulary:
    """The keys, groups and shorthands that an override may name.

    Args:
        groups: choices of each config group, for example `training/schedule`.
        shorthands: other words for a key.
        experiments: names of the experiment files.
    """

    def __init__(
        self,
        groups: Mapping[str, Sequence[str]],
        shorthands: Mapping[str, str],
        experiments: Sequence[str],
    ) -> None:
        self.groups = {**groups, "experiment": [*experiments, "all"]}
        self.shorthands = dict(shorthands)
        self.keys = typed_keys()

    def names(self) -> list[str]:
        """Every word that may stand left of the equals sign."""
        return sorted({*self.keys, *self.groups, *self.shorthands, *SEED_KEYS, "arm"})

    def setting(self, key: str, value: object) -> Setting:
        """A key and a value, a list or a sweep of values as a checked setting.

        Raises:
            ConfigError: an unknown key or choice, or several values where one belongs.
        """
        key = self.key(key)
        values = self._values(key, value)
        if key in self.groups or key in OUTER_KEYS:
            values = tuple(dict.fromkeys(str(item) for item in values))
        if key in self.groups:
            for item in values:
                self._check_choice(key, item)
        if len(values) != 1 and not (self.is_science(key) or key in OUTER_KEYS):
            raise ConfigError(
                f"{key} takes one value, got {len(values)}; it is no part of a run's identity,"
                " so sweeping it would repeat the same runs: keep one of them"
            )
        return Setting(key, values)

    def refuse_bare(self, word: str) -> None:
        """Refuse a key without a value, or the name of an experiment or a scale without its key.

        Raises:
            ConfigError: naming the word as it has to be written.
        """
        if word == "=" or word in self.names():
            key = "KEY" if word == "=" else word
            raise ConfigError(f"'{word}' stands alone; write {key}=VALUE without blanks")
        if "=" in word:
            return
        if word.startswith("~"):
            raise ConfigError(
                f"'{word}' would delete a key, and every key is needed; give it a value instead:"
                f" {word[1:] or 'KEY'}=VALUE"
            )
        for key, names in (("experiment", self.groups["experiment"]), ("scale", SCALES)):
            if near := nearest(word, names):
                raise ConfigError(f"'{word}' is no KEY=VALUE; write {key}={near}")

    def key(self, word: str) -> str:
        """The full key or group that a word names.

        Raises:
            ConfigError: no such key; the message names the nearest one.
        """
        key = self.shorthands.get(word, word)
        if key in (*SEED_KEYS, "arm") or key in self.keys or key in self.groups:
            parent = key.rpartition(".")[0].replace(".", "/")
            if key.endswith(".name") and parent in self.groups:
                choices = self.groups[parent]
                raise ConfigError(
                    f"{key} is set by its file; write {parent}={'|'.join(choices)} instead"
                )
            return key
        if key.replace(".", "/") in self.groups:
            return key.replace(".", "/")
        raise ConfigError(f"{word} is not a key; {suggestion(word, self.names())}")

    def _values(self, key: str, value: object) -> tuple[Any, ...]:
        if isinstance(value, Glob):
            return matching(key, value, self.groups)
        if key in SEED_LISTS:
            return (list(value.items) if isinstance(value, Sweep) else value,)
        items = list(value.items) if isinstance(value, Sweep) else [value]
        if "list" in self.keys.get(key, "") and not self.is_science(key):
            return (_one_list(items),)  # nothing to sweep over: launcher.gpus=0,2 is one list
        if "list" not in self.keys.get(key, ""):
            items = [one for item in items for one in (item if isinstance(item, list) else [item])]
        if not items or (items == [""] and key not in self.groups):
            raise ConfigError(f"{key} has no value; write {key}=VALUE")
        return tuple(items)

    def _check_choice(self, group: str, choice: str) -> None:
        choices = self.groups[group]
        if choice not in choices:
            near = nearest(choice, choices)
            hint = f"the nearest valid name is {group}={near}; " if near else ""
            listed = ", ".join(choices)
            raise ConfigError(f"{group}={choice} does not exist; {hint}choose one of {listed}")

    def is_science(self, key: str) -> bool:
        """Whether a key or group is part of a run's identity."""
        section, _, name = key.replace("/", ".").partition(".")
        return section in (*SCIENCE, "fidelity") and name not in NOT_IDENTITY.get(section, ())


def _one_list(items: Sequence[Any]) -> Any:  # noqa: ANN401 - whatever is no list stays it
    """The list that `0,2`, `2` or `[0,2]` means; null stays null."""
    if len(items) == 1 and (items[0] is None or isinstance(items[0], list)):
        return items[0]
    return list(items)


@dataclass(frozen=True)
class Sweep:
    """Several values for one key, from a comma list, `choice(...)` or `range(...)`."""

    items: tuple[Any, ...]


def own_words(words: Sequence[str], keys: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """The values of a verb's own keys, as they are written, and the other words.

    Raises:
        ConfigError: two values for one of the keys.
    """
    own: dict[str, str] = {}
    rest = []
    for word in words:
        key, _, value = word.lstrip("+").partition("=")
        if key not in keys:
            rest.append(word)
        elif own.setdefault(key, value) != value:
            both = f"{own[key]} and as {value}"
            raise ConfigError(f"{key} is given twice, as {both}; leave one of them out")
    return own, rest


def parse_words(words: Iterable[str]) -> list[tuple[str, object]]:
    """Keys and values of command-line overrides; a value may be a `Sweep` or Hydra's `Glob`.

    A folder (`paths.*`) is taken as it is written: blanks, commas and letters of all kinds may be
    in its name, for which Hydra's grammar would want quotes. So are seeds that the grammar cannot
    read: their own reader says how they are written.

    Raises:
        ConfigError: not in Hydra's grammar, a deletion or a package.
    """
    return [_pair(word) for word in words]


def _pair(word: str) -> tuple[str, object]:
    key, equals, value = word.partition("=")
    if equals and key.startswith("paths."):
        return key, _folder(value)
    try:
        override = OverridesParser.create().parse_override(word)
    except HydraException:
        if key in SEED_LISTS:
            return key, value
        raise ConfigError(f"'{word}' cannot be read; {EXAMPLE}") from None
    if not override.key_or_group:
        raise ConfigError(f"'{word}' names no key; {EXAMPLE}")
    if override.is_delete():
        raise ConfigError(f"'{word}': a key cannot be removed; set it to null or leave it out")
    if override.package is not None:
        raise ConfigError(f"'{word}': packages (@) are not used here; {EXAMPLE}")
    return override.key_or_group, _value(override, word)


def _folder(text: str) -> str | None:
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    return None if text == "null" else text[1:-1] if quoted else text


def _value(override: Override, word: str) -> object:
    if isinstance(override._value, Glob):
        return override._value
    if not override.is_sweep_override():
        return override.value()
    if not override.is_discrete_sweep():
        raise ConfigError(f"'{word}': an interval has no list of values; write them with commas")
    return Sweep(tuple(_plain(item) for item in override.sweep_iterator()))


def _plain(value: object) -> object:
    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


@functools.cache
def typed_keys() -> dict[str, str]:
    """Every settable key and its type's spelling."""
    keys = {item.name: str(item.type) for item in dataclasses.fields(Run)}
    for section, variants in SECTIONS.items():
        for kind in variants.values():
            for item in dataclasses.fields(kind):
                keys[f"{section}.{item.name}"] = str(item.type)
    return keys
