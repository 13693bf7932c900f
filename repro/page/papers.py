"""The papers that experiments belong to, read from conf/papers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from repro.errors import ConfigError
from repro.reading import read_yaml

KEYS = ("title", "authors", "year", "venue", "about")


@dataclass(frozen=True)
class Paper:
    """A paper: its file's stem, what it is called, who wrote it when and where, what it says."""

    stem: str
    title: str
    authors: str
    year: int
    venue: str
    about: str  # one sentence


def load_papers(folder: Path | str) -> dict[str, Paper]:
    """Read every paper under a folder, by the stem of its file.

    Raises:
        ConfigError: for a missing folder, a file that is no YAML, or a key missing or unknown.
    """
    files = sorted(Path(folder).glob("*.yaml"))
    if not files:
        raise ConfigError(f"{folder} holds no papers; point it at conf/papers")
    return {file.stem: _read(file) for file in files}


def _read(file: Path) -> Paper:
    content = read_yaml(file)
    if not isinstance(content, dict) or set(content) != set(KEYS):
        raise ConfigError(f"{file} must have exactly the keys {', '.join(KEYS)}; mend it")
    if not isinstance(content["year"], int):
        raise ConfigError(f"{file}: year is {content['year']!r}; write a whole number")
    text = {key: str(content[key]) for key in KEYS if key != "year"}
    return Paper(stem=file.stem, year=content["year"], **text)
