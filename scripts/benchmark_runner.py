"""Measures the runner itself: the store's lock, the dispatch of a job, plan and status.

    python scripts/benchmark_runner.py            # about two minutes on an idle machine
    python scripts/benchmark_runner.py --short    # the same with small numbers, to try it

Prints a Markdown table. Rows are of the size of the task `identifiability`'s.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ["PYTHONPATH"] = str(ROOT / "scripts")  # where workers find `nothing` below

from repro import cli  # noqa: E402
from repro.config.compose import compose_all  # noqa: E402
from repro.jobs import Context, Job, Outcome, SeedPair  # noqa: E402
from repro.runner.launch import LocalOptions  # noqa: E402
from repro.runner.local import run_local  # noqa: E402
from repro.runner.paths import StorePaths  # noqa: E402
from repro.runner.plan import jobs as make_jobs  # noqa: E402
from repro.runner.plan import plan  # noqa: E402
from repro.runner.progress import Reporter  # noqa: E402
from repro.runner.rows import Row, encode  # noqa: E402
from repro.runner.store import Store  # noqa: E402

TASK = "identifiability"


def nothing(
    config: dict[str, Any], seeds: tuple[SeedPair, ...], context: Context
) -> list[Outcome]:
    """A task that takes no time, so that what remains is the runner's own."""
    return [Outcome(pair, "done", {"mcc": 0.5}) for pair in seeds]


def main() -> None:
    """Measures everything and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="small numbers, to try the script")
    short = parser.parse_args().short
    scale = 20 if short else 1
    lines = [("what", "measured", "how")]
    for writers in (1, 2, 8):
        lines.append(_appends(writers, 4000 // scale))
    lines.append(_dispatch(200 // scale))
    lines += [_plan("one config", [f"seeds=1-{10_000 // scale}"])]
    sweep = [
        f"layers=range(2,{2 + 20 // (4 if short else 1)})",
        "training.batch_size=range(10,60)",
    ]
    lines += [_plan("configs of 10 seeds", ["seeds=1-10", *sweep])]
    lines += [_status(10_000 // scale)]
    lines.insert(1, ("---", "--:", "---"))
    print("\n".join("| " + " | ".join(line) + " |" for line in lines))


def _row(data_seed: int, id: str, config: dict[str, Any]) -> Row:
    """A row of the usual size: twelve metrics at two evaluation points."""
    metrics = {f"metric_{number}": 0.123456789 + number for number in range(12)}
    return {
        "schema": 1, "id": id, "task": TASK, "data_seed": data_seed, "model_seed": 1,
        "status": "done", "metrics": {**metrics, "at": {"end": metrics}}, "arrays": None,
        "config": config, "provenance": {"revision": "0" * 40, "seconds": 1.0},
    }  # fmt: skip


def _cell(results: Path, *words: str) -> Any:  # noqa: ANN401 - a Cell
    place = f"paths.results={results}"
    [found] = compose_all(
        ["experiment=identifiability_2d", "scale=paper", "model=ivae", place, *words]
    )
    return found.cells[0]


def _write(results: Path, writer: int, count: int, start: Barrier, times: Any) -> None:  # noqa: ANN401
    store, cell = Store(StorePaths(results, "paper")), _cell(results)
    start.wait()
    before = time.perf_counter()
    for number in range(count):
        store.append(TASK, [_row(writer * count + number, cell.id, cell.config)])
    times.put(time.perf_counter() - before)


def _appends(writers: int, count: int) -> tuple[str, str, str]:
    """Rows a second over all writers, each row locked, written and synced by itself."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        start, times = context.Barrier(writers), context.Queue()
        share = count // writers
        processes = [
            context.Process(target=_write, args=(Path(folder), writer, share, start, times))
            for writer in range(writers)
        ]
        for process in processes:
            process.start()
        seconds = max(times.get() for _ in processes)
        for process in processes:
            process.join()
        stored = len(Store(StorePaths(Path(folder), "paper")).read(TASK))
        cell = _cell(Path(folder))
        size = len(encode(_row(1, cell.id, cell.config), TASK))
    if stored != share * writers:
        raise RuntimeError(f"{stored} rows of {share * writers} are there")
    name = f"rows appended a second, {writers} writer{'s' if writers > 1 else ''}"
    how = f"{stored} rows of {size} bytes, one lock, write and fsync each"
    return name, f"{stored / seconds:,.0f}", how


def _dispatch(count: int) -> tuple[str, str, str]:
    """Milliseconds a job through one worker whose task does nothing, its start left out."""
    os.environ["REPRO_TASKS"] = "nothing=benchmark_runner:nothing"
    took = []
    for jobs in (count // 4, count):
        with tempfile.TemporaryDirectory() as folder:
            store = Store(StorePaths(Path(folder), "paper"))
            todo = [
                Job(f"{n:012d}", "nothing", "paper", {"task": "nothing"}, (SeedPair(1, 1),), 1.0,
                    {"device": "cpu"})
                for n in range(jobs)
            ]  # fmt: skip
            before = time.perf_counter()
            summary = run_local(todo, store, LocalOptions(), Reporter())
            took.append(time.perf_counter() - before)
            if summary.done != jobs:
                raise RuntimeError(summary.sentence())
    each = (took[1] - took[0]) / (count - count // 4)
    how = f"{count} against {count // 4} jobs of one seed: claim, call, row, tidying up"
    return "dispatch overhead a job", f"{1000 * each:.1f} ms", how


def _plan(name: str, words: list[str]) -> tuple[str, str, str]:
    """Seconds to compose and plan jobs of one seed each."""
    fixed = ["experiment=identifiability_2d", "scale=paper", "model=ivae", "device=cpu"]

    def once(folder: str) -> int:
        found = compose_all(
            [*fixed, *words, "launcher.seeds_per_pack=1", f"paths.results={folder}"]
        )
        return len(make_jobs(plan(found)))

    seconds, count = _median(once)
    return f"plan {count:,} jobs, {name}", f"{seconds:.2f} s", "compose, freeze, look up, pack"


def _status(rows: int) -> tuple[str, str, str]:
    """Seconds of `repro status` over a file of rows, Python's start left out."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["experiment=identifiability_2d", "scale=paper", f"seeds=1-{rows}"]
        cell = _cell(Path(folder))
        path = StorePaths(Path(folder), "paper").rows(TASK)
        path.parent.mkdir(parents=True)
        lines = [encode(_row(seed, cell.id, cell.config), TASK) for seed in range(1, rows + 1)]
        path.write_bytes(b"".join(lines))

        def once(_: str) -> int:
            with contextlib.redirect_stdout(io.StringIO()):
                return cli.main(["status", *words, f"paths.results={folder}"])

        seconds, code = _median(once)
        size = path.stat().st_size / 1e6
    if code != 0:
        raise RuntimeError("repro status failed")
    return f"status on {rows:,} rows", f"{seconds:.2f} s", f"a file of {size:.0f} MB, read anew"


def _median(once: Callable[[str], int], times: int = 3) -> tuple[float, int]:
    seconds, found = [], 0
    for _ in range(times):
        with tempfile.TemporaryDirectory() as folder:
            before = time.perf_counter()
            found = once(folder)
            seconds.append(time.perf_counter() - before)
    return statistics.median(seconds), found


if __name__ == "__main__":
    main()
