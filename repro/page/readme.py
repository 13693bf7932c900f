"""The README's table of verdicts, between two markers, from the same data as the report."""

from __future__ import annotations

from pathlib import Path

from repro.errors import ConfigError
from repro.figures.files import write_if_changed

BEGIN = "<!-- verdicts: written by `make report` -->"
END = "<!-- end of verdicts -->"


def insert(readme: Path, table: str) -> Path:
    """Put the table between the markers of a file and return the file.

    Raises: ConfigError where the markers are not there, each once and in order.
    """
    before, _, after = parts(readme)
    write_if_changed(readme, f"{before}{BEGIN}\n\n{table}\n{END}{after}".encode())
    return readme


def parts(readme: Path) -> tuple[str, str, str]:
    """What stands before, between and after the markers."""
    text = readme.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(END) < text.index(BEGIN):
        raise ConfigError(f"{readme} needs the lines {BEGIN} and {END}, once each; add them")
    before, _, rest = text.partition(BEGIN)
    between, _, after = rest.partition(END)
    return before, between, after
