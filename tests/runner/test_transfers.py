"""Bars of downloads: on a terminal, and nowhere else."""

import io

from rich.console import Console

from repro.runner.transfers import transfers


def shown(terminal: bool) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=100)
    with transfers(console) as report:
        report("train.gz", 500_000, 1_000_000)
        report("train.gz", 1_000_000, 1_000_000)
        report("unknown.gz", 2_000, 0)
    return file.getvalue()


def test_a_terminal_sees_a_bar_a_file() -> None:
    text = shown(terminal=True)
    assert "train.gz" in text
    assert "1.0/1.0 MB" in text
    assert "unknown.gz" in text


def test_a_log_sees_nothing() -> None:
    assert shown(terminal=False).strip() == ""
