"""Runs every experiment that is not done yet, draws everything and writes the report.

    python scripts/reproduce_all.py scale=quick
    python scripts/reproduce_all.py scale=paper launcher=slurm

The words are overrides of `repro run`. The last lines name the report and what took longest.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from repro import cli  # noqa: E402
from repro.config.compose import Composition, compose_all  # noqa: E402
from repro.runner.asked import asked_rows  # noqa: E402
from repro.runner.durations import counted, duration  # noqa: E402
from repro.runner.plan import open_store  # noqa: E402

SLOWEST = 5
GONE_ON_WITHOUT = (0, 1)  # exit codes after which what is stored is drawn: done, or some failed


def main(words: Sequence[str]) -> int:
    """Does the three steps; returns the exit code of the first that went wrong, else 0."""
    started = time.monotonic()
    chosen = [word for word in words if word.startswith(("scale=", "paths."))]
    code = cli.main(["run", "experiment=all", *words])
    if code not in GONE_ON_WITHOUT:
        return code
    compositions = compose_all(["experiment=all", *chosen])
    code = _draw_and_report(compositions, chosen) or code
    print("the slowest, in workers' time:")
    for name, seconds in _slowest(compositions):
        print(f"  {name}: {duration(seconds)}")
    print(f"all done in {duration(time.monotonic() - started)}")
    return code


def _draw_and_report(compositions: Sequence[Composition], chosen: Sequence[str]) -> int:
    """Draws and reports unless nothing has changed since; the exit code of what went wrong."""
    first = compositions[0]
    stamp = first.results / first.scale / "logs" / "drawn.txt"
    if stamp.exists() and stamp.stat().st_mtime > _newest(stamp.parents[1]):
        print(stamp.read_text(), end="")
        return 0
    before = time.monotonic()
    drawn, files = _quietly(["figures", "experiment=all", *chosen])
    print(f"{counted(len(files), 'file')} drawn in {duration(time.monotonic() - before)}")
    reported, pages = _quietly(["report", *chosen])
    told = "".join(f"report: {page}\n" for page in pages)
    print(told, end="")
    if drawn == reported == 0:
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.write_text(told)
    return drawn or reported


def _newest(store: Path) -> float:
    """When rows, configs or code last changed, in seconds since 1970."""
    inputs = [
        *store.glob("*.jsonl"),
        *(ROOT / "conf").rglob("*.yaml"),
        *ROOT.glob("repro/**/*.py"),
    ]
    return max(path.stat().st_mtime for path in inputs)


def _quietly(words: list[str]) -> tuple[int, list[str]]:
    """The exit code of a command and the lines that it prints, its files."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = cli.main(words)
    return code, out.getvalue().splitlines()


def _slowest(compositions: Sequence[Composition]) -> list[tuple[str, float]]:
    """The experiments whose stored rows took longest to make, each pack's seconds once."""
    spent = {}
    for one in compositions:
        rows = asked_rows(one, open_store(one.results, one.scale))
        packs = {
            (row["id"], repr(origin["pack"]), origin["started"]): float(origin["seconds"])
            for row in rows
            if "taken_over_from" not in (origin := row["provenance"])
        }
        spent[one.experiment] = sum(packs.values())
    longest = sorted(spent.items(), key=lambda item: -item[1])
    return [item for item in longest if item[1] > 0][:SLOWEST]


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main(sys.argv[1:]))
