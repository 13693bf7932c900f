"""The papers' published numbers, read from conf/published and checked key by key."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from repro.errors import ConfigError
from repro.nearest import suggestion
from repro.reading import read_yaml

SPREAD_KINDS = ("sd_seeds", "se_test_points", "unknown", "none")
ORIGINS = ("printed", "stored", "digitised", "by_eye")
FILE_KEYS = ("paper", "shared", "entries")


@dataclass(frozen=True)
class Published:
    """One published number: what it is, its value, what its spread is, and where it stands.

    `spread_kind` is sd_seeds | se_test_points | unknown | none, and `ddof` what that sd divides by
    (null: not stated); `origin` is printed (in the paper), stored (arithmetic on released result
    files), digitised or by_eye (read off a figure). `low` and `high` bound a 95 % interval
    (of a digitised number: its reading limits), `component` counts sources from 1, `length` is
    that of a flow in layers, `codes` the number of values of a discrete latent variable, and the
    metric `energy` is in nats a point as the paper defines it.
    """

    artefact: str
    experiment: str
    model: str
    metric: str
    value: float
    source: str
    dim: int | None = None
    layers: int | None = None
    variant: str | None = None
    dataset: str | None = None
    length: int | None = None
    optimiser: str | None = None
    codes: int | None = None
    hidden: int | None = None
    panel: str | None = None
    data_seed: int | None = None
    component: int | None = None
    spread: float | None = None
    spread_kind: str = "none"
    ddof: int | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    origin: str = "printed"
    note: str = ""


FIELDS = {field.name: field for field in dataclasses.fields(Published)}
REQUIRED = tuple(name for name, field in FIELDS.items() if field.default is dataclasses.MISSING)
IDENTITY = (
    "artefact", "experiment", "model", "dim", "metric", "layers", "variant", "hidden", "panel",
    "data_seed", "component", "dataset", "length", "optimiser", "codes",
)  # fmt: skip
NUMBERS = ("value", "spread", "low", "high")
COUNTS = (
    "dim", "layers", "hidden", "data_seed", "component", "length", "codes", "ddof", "n",
)  # fmt: skip
LOOSE = ("dim",)  # may be left out of a question


def load_published(folder: Path | str) -> pd.DataFrame:
    """Read every published number under a folder: one row each, `paper` being the file's stem.

    Raises: ConfigError for a missing folder or file, a key or spread kind that does not exist, a
        value of the wrong type, or a number that stands there twice.
    """
    files = sorted(Path(folder).glob("*.yaml"))
    if not files:
        raise ConfigError(f"{folder} holds no published numbers; point it at conf/published")
    rows = [row for file in files for row in _read(file)]
    return pd.DataFrame(rows, columns=["paper", "title", *FIELDS], dtype=object)


def find_published(published: pd.DataFrame, **wanted: str | int) -> Published | None:
    """Return the one published number whose columns equal `wanted`, or None where there is none.

    Columns that are part of a number's identity and not in `wanted` have to be empty, so that a
    per-seed or per-source value is never taken for a mean; only `dim` may be left out.

    Raises: ConfigError where several numbers match.
    """
    strict = (key for key in IDENTITY if key not in (*REQUIRED, *LOOSE))
    optional: dict[str, Any] = dict.fromkeys(strict) | wanted
    found = [row for row in published.to_dict("records") if _matches(row, optional)]
    if len(found) > 1:
        raise ConfigError(
            f"{len(found)} published numbers match {wanted}; add a column that tells them apart"
        )
    return Published(**{name: found[0][name] for name in FIELDS}) if found else None


def noted(chosen: pd.DataFrame) -> list[str]:
    """Return what the files note about some of `load_published`'s numbers: a sentence a note."""
    said = zip(chosen["title"], chosen["note"], strict=True)
    return [f"{title}: {note}." for title, note in dict.fromkeys(said) if note]


def _matches(row: Mapping[Any, Any], wanted: Mapping[str, Any]) -> bool:
    return all(row[key] == value for key, value in wanted.items())


def _read(file: Path) -> list[dict[str, Any]]:
    content = read_yaml(file, resolve=True)
    if not isinstance(content, dict) or not isinstance(content.get("entries"), list):
        raise ConfigError(f"{file} has no list `entries`; write `paper:` and `entries:` in it")
    _refuse_unknown(content, FILE_KEYS, file, "top level")
    entries = [_entry(raw, file, f"entry {i}") for i, raw in enumerate(content["entries"], 1)]
    _refuse_twice(entries, file)
    names = {"paper": file.stem, "title": str(content.get("paper", file.stem))}
    return [names | dataclasses.asdict(entry) for entry in entries]


def _entry(raw: object, file: Path, where: str) -> Published:
    if not isinstance(raw, dict):
        raise ConfigError(f"{file}, {where}: not a mapping; write `- {{artefact: ..., ...}}`")
    _refuse_unknown(raw, tuple(FIELDS), file, where)
    missing = [key for key in REQUIRED if raw.get(key) is None]
    if missing:
        raise ConfigError(f"{file}, {where}: {', '.join(missing)} missing; add what is missing")
    _refuse_word(raw.get("spread_kind", "none"), SPREAD_KINDS, file, f"{where}, spread_kind")
    _refuse_word(raw.get("origin", "printed"), ORIGINS, file, f"{where}, origin")
    if (raw.get("spread") is None) != (raw.get("spread_kind", "none") == "none"):
        raise ConfigError(
            f"{file}, {where}: `spread` and `spread_kind` belong together; give both or neither"
        )
    values: dict[str, Any] = {key: _typed(key, raw[key], file, where) for key in raw}
    return Published(**values)


def _typed(key: str, value: object, file: Path, where: str) -> object:
    if value is None and key not in REQUIRED:
        return FIELDS[key].default
    if isinstance(value, int | float) and not isinstance(value, bool):
        if key in NUMBERS and math.isfinite(value):
            return float(value)
        if key in COUNTS and isinstance(value, int):
            return value
    elif isinstance(value, str) and key not in NUMBERS and key not in COUNTS:
        return value
    kind = "a number" if key in NUMBERS else "a whole number" if key in COUNTS else "text"
    raise ConfigError(f"{file}, {where}: {key} is {value!r}; write {kind} there")


def _refuse_unknown(raw: Mapping[Any, Any], valid: Iterable[str], file: Path, where: str) -> None:
    for key in raw:
        _refuse_word(key, tuple(valid), file, where)


def _refuse_word(word: object, valid: tuple[str, ...], file: Path, where: str) -> None:
    if word in valid:
        return
    raise ConfigError(f"{file}, {where}: {word!r} is unknown; {suggestion(str(word), valid)}")


def _refuse_twice(entries: list[Published], file: Path) -> None:
    seen: dict[tuple[Any, ...], int] = {}
    for i, entry in enumerate(entries, 1):
        identity = tuple(getattr(entry, key) for key in IDENTITY)
        if identity in seen:
            raise ConfigError(
                f"{file}: entries {seen[identity]} and {i} are the same number; remove one of them"
            )
        seen[identity] = i
