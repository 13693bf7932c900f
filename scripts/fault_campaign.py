"""Breaks the runner on purpose and compares what it stored with an undisturbed run.

    python scripts/fault_campaign.py --rounds 5 --seed 1
    python scripts/fault_campaign.py --rounds 100 --seed 1 --log rounds.jsonl  # goes on from it
    python scripts/fault_campaign.py --summarise rounds.jsonl

Each round trains tiny real models in a folder of its own, suffers one to three faults, and is then
run to its end by the same command. The rows must be those of an undisturbed run: each once, and
equal to the last bit. Exit code 1 where they are not.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before numpy is imported: one thread, the same result to the last bit
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from campaign import books  # noqa: E402
from campaign.arena import ROWS, SCALE, Arena, Rows, command, differs, rows_of  # noqa: E402
from campaign.books import Round  # noqa: E402
from campaign.faults import FAULTS, unmount  # noqa: E402
from campaign.zygote import Zygote  # noqa: E402

from repro.runner import spill  # noqa: E402
from repro.runner.paths import StorePaths  # noqa: E402

ATTEMPTS = 10  # commands after the faults until a round counts as lost


def main() -> int:
    """Runs the rounds that are asked for and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first round")
    parser.add_argument("--log", type=Path, help="keep rounds here; those in it are not run again")
    parser.add_argument("--summarise", type=Path, help="only print the table of such a file")
    parser.add_argument("--keep", type=Path, help="work in this folder and keep bad rounds in it")
    asked = parser.parse_args()
    if asked.summarise is not None:
        return _print(books.read(asked.summarise))
    before = books.read(asked.log) if asked.log else []
    there = {(one.seed, one.number) for one in before}
    wanted = range(asked.first, asked.first + asked.rounds)
    numbers = [number for number in wanted if (asked.seed, number) not in there]
    folder = Path(tempfile.mkdtemp(prefix="repro-faults-", dir=asked.keep))
    try:
        rounds = before + (_campaign(folder, asked.seed, numbers, asked.log) if numbers else [])
    finally:
        if asked.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    return _print(rounds)


def _print(rounds: list[Round]) -> int:
    print(books.table(rounds, [fault.name for fault in FAULTS]))
    print(books.total(rounds))
    return 0 if books.clean(rounds) else 1


def _campaign(folder: Path, seed: int, numbers: list[int], log: Path | None) -> list[Round]:
    os.environ["PYTHONPATH"] = str(ROOT)
    address = folder / "zygote"
    zygote = Zygote(address, _prepare)
    rounds = []
    try:
        reference = _reference(folder)
        pace = _pace(folder, address, zygote.pid)
        print(f"an undisturbed run takes {pace:.1f} s here", flush=True)
        for number in numbers:
            rng = random.Random(f"{seed}/{number}")
            place = folder / f"round-{number}"
            place.mkdir()
            arena = Arena(place, str(address), zygote.pid, rng, pace)
            one = _round(arena, Round(seed, number), reference)
            rounds.append(one)
            print(one.sentence(), flush=True)
            if log is not None:
                books.add(log, one)
            if books.clean([one]):
                shutil.rmtree(place, ignore_errors=True)
    finally:
        zygote.close()
    return rounds


def _prepare() -> None:
    """Imports in the zygote what drivers and workers need."""
    import torch

    from repro.runner import provenance

    torch.set_num_threads(1)
    provenance.revision()
    provenance.versions()


def _reference(folder: Path) -> Rows:
    """The rows of an undisturbed run of ordinary processes, none of them forked."""
    words = command(folder / "reference", folder / "spill", 2)
    subprocess.run(words, check=True, capture_output=True, cwd=ROOT)
    rows, duplicated = rows_of(StorePaths(folder / "reference", SCALE))
    if len(rows) != ROWS or duplicated:
        raise RuntimeError(f"the undisturbed run stored {len(rows)} rows instead of {ROWS}")
    return rows


def _pace(folder: Path, address: Path, zygote: int) -> float:
    """Seconds that an undisturbed run of forked processes takes."""
    place = folder / "pace"
    place.mkdir()
    arena = Arena(place, str(address), zygote, random.Random(0), pace=60.0)
    started = time.monotonic()
    if arena.start().wait() != 0:
        raise RuntimeError((place / "driver-1.log").read_text())
    return time.monotonic() - started


def _round(arena: Arena, one: Round, reference: Rows) -> Round:
    started = time.monotonic()
    faults = arena.rng.sample(FAULTS, arena.rng.choice([1, 1, 2, 3]))
    try:
        for fault in faults:
            one.hits[fault.name] = int(fault.before(arena))
        for _ in range(arena.count):
            arena.start()
        for fault in faults:
            one.hits[fault.name] += int(fault.strike(arena))
        one.stuck = arena.rest()
        for fault in faults:
            fault.lift(arena)
        _finish(arena, one, reference)
        _compare(arena, one, reference)
    finally:
        for fault in faults:
            fault.lift(arena)
        if not (one.lost or one.duplicated or one.differing):
            unmount(arena)
    one.seconds = round(time.monotonic() - started, 1)
    return one


def _finish(arena: Arena, one: Round, reference: Rows) -> None:
    """Gives the same command until nothing is missing, and no hand is lent beyond that."""
    arena.count = 1
    for _ in range(ATTEMPTS):
        one.commands += 1
        driver = arena.start()
        arena.wait_for(lambda driver=driver: driver.poll() is not None)
        one.stuck += arena.rest()
        if driver.poll() == 0 and rows_of(arena.paths)[0].keys() == reference.keys():
            return


def _compare(arena: Arena, one: Round, reference: Rows) -> None:
    rows, one.duplicated = rows_of(arena.paths)
    one.lost = len(reference.keys() - rows.keys()) + len(rows.keys() - reference.keys())
    one.lost += len(spill.waiting(arena.paths))
    shared = reference.keys() & rows.keys()
    one.differing = sum(differs(rows[key], reference[key]) for key in shared)
    one.resumed = sum(row["provenance"]["resumed_at"] is not None for row in rows.values())
    one.spilled = arena.said("rows were taken in")
    one.set_aside = arena.said("It is set aside as")


if __name__ == "__main__":
    sys.exit(main())
