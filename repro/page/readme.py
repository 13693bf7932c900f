"""Tables inside written documents, between two markers, from the same data as the report."""

from __future__ import annotations

from pathlib import Path

from repro.errors import ConfigError
from repro.figures.files import write_if_changed

BEGIN = "<!-- verdicts: written by `make report` -->"
END = "<!-- end of verdicts -->"
EFFECTS = ("<!-- effects: written by `make report` -->", "<!-- end of effects -->")


def insert(document: Path, table: str, markers: tuple[str, str] = (BEGIN, END)) -> Path:
    """Put the table between the markers of a file and return the file.

    Raises:
        ConfigError: as `parts`.
    """
    before, _, after = parts(document, markers)
    begin, end = markers
    write_if_changed(document, f"{before}{begin}\n\n{table}\n{end}{after}".encode())
    return document


def parts(document: Path, markers: tuple[str, str] = (BEGIN, END)) -> tuple[str, str, str]:
    """What stands before, between and after the markers.

    Raises:
        ConfigError: no such document, or its markers are not there, each once and in order.
    """
    begin, end = markers
    try:
        text = document.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{document} cannot be read ({error}); restore it, or leave out --readme"
        ) from None
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(end) < text.index(begin):
        raise ConfigError(f"{document} needs the lines {begin} and {end}, once each; add them")
    before, _, rest = text.partition(begin)
    between, _, after = rest.partition(end)
    return before, between, after
