"""What a round may suffer: each fault strikes at a random moment and says how often it hit."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

from campaign.arena import TASK, Arena
from repro.runner.locking import claim, locked

Act = Callable[[Arena], int]
_YEAR = 366 * 86400.0


def _nothing(arena: Arena) -> int:
    return 0


@dataclass(frozen=True)
class Fault:
    """`before` the drivers start, `strike` while they run, `lift` before the final run."""

    name: str
    strike: Act = _nothing
    before: Act = _nothing
    lift: Act = _nothing


def _kill_worker(arena: Arena) -> int:
    """Kills one to three workers, at a random moment or just while something is being written."""
    hits = 0
    for _ in range(arena.rng.randint(1, 3)):
        arena.ensure_running()
        if arena.rng.random() < 0.5:
            arena.moment()
        else:
            arena.wait_for(lambda: any(arena.paths.root.rglob("*.tmp")), paces=1)
        victims = arena.workers()
        if victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(arena.rng.choice(victims), signal.SIGKILL)
                hits += 1
    return hits


def _signal_driver(number: int) -> Act:
    def strike(arena: Arena) -> int:
        arena.ensure_running()
        arena.moment()
        alive = arena.alive()
        if alive:
            arena.rng.choice(alive).send_signal(number)
        return bool(alive)

    return strike


def _more_drivers(arena: Arena) -> int:
    arena.count = arena.rng.randint(2, 8)
    return arena.count


def _tear(arena: Arena) -> int:
    """Leaves half a row, as a writer that is killed in mid-write does."""
    arena.ensure_running()
    path = arena.paths.rows(TASK)
    arena.wait_for(lambda: path.exists() and path.stat().st_size, paces=2)
    with locked(arena.paths.rows_lock(TASK)):
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        whole = [line for line in lines if line.endswith(b"\n")]
        if not whole:
            return 0
        torn = whole[-1][: arena.rng.randint(1, len(whole[-1]) - 2)]
        try:
            with path.open("ab") as file:
                file.write(torn)
        except OSError:  # another fault of the round has filled the disk or closed the file
            return 0
    return 1


def _small_disk(arena: Arena) -> int:
    """Puts the results on a disk of 3 MB where mounting is allowed; else limits file sizes."""
    arena.results.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(arena.results)]
    if arena.rng.random() < 0.5 and subprocess.run(options, capture_output=True).returncode == 0:
        return 0
    arena.knobs["CAMPAIGN_FILE_SIZE"] = str(arena.rng.randint(300, 20_000))
    return 1


def _fill(arena: Arena) -> int:
    arena.ensure_running()
    if "CAMPAIGN_FILE_SIZE" in arena.knobs:
        return 0
    arena.moment()
    with contextlib.suppress(OSError), (arena.results / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 4096)
    return 1


def _free(arena: Arena) -> int:
    arena.knobs.pop("CAMPAIGN_FILE_SIZE", None)
    (arena.results / "filler").unlink(missing_ok=True)
    return 0


def _read_only(arena: Arena) -> int:
    """Makes the rows' file read-only, for root too where the file system can."""
    arena.ensure_running()
    arena.moment()
    path = arena.paths.rows(TASK)
    if not path.exists():
        return 0
    found = subprocess.run(["chattr", "+i", str(path)], capture_output=True, check=False)
    if found.returncode != 0:
        path.chmod(0o444)
        return os.geteuid() != 0
    return 1


def _writable(arena: Arena) -> int:
    path = arena.paths.rows(TASK)
    if path.exists():
        subprocess.run(["chattr", "-i", str(path)], capture_output=True, check=False)
        path.chmod(0o644)
    return 0


def _hold(arena: Arena) -> int:
    """Holds the rows' lock or a seed's claim for a while."""
    arena.ensure_running()
    claims = sorted(arena.paths.claims.glob("*-*-*.lock"))
    places = [arena.paths.rows_lock(TASK), *claims]
    place = places[0] if arena.rng.random() < 0.5 else arena.rng.choice(places)
    deadline = time.monotonic() + arena.pace
    while time.monotonic() < deadline:
        if (taken := claim(place)) is not None:
            with taken:
                arena.moment()
            return 1
        time.sleep(0.005)
    return 0


def _spoil_checkpoints(arena: Arena) -> int:
    """Stops everything once there is a checkpoint, and damages each in one of four ways."""
    arena.ensure_running()
    arena.wait_for(lambda: any(arena.paths.checkpoints.glob("*.pt")), paces=2)
    number = arena.rng.choice([signal.SIGKILL, signal.SIGTERM])
    for driver in arena.alive():
        driver.send_signal(number)
    arena.rest()
    found = sorted(arena.paths.checkpoints.glob("*.pt"))
    for path in found:
        content = bytearray(path.read_bytes())
        how = arena.rng.randrange(4)
        if how == 0:
            content[arena.rng.randrange(len(content))] ^= 1 << arena.rng.randrange(8)
        elif how == 1:
            del content[arena.rng.randrange(len(content)) :]
        elif how == 2:
            start = arena.rng.randrange(len(content))
            content[start : start + 512] = bytes(len(content[start : start + 512]))
        else:
            content = bytearray(arena.rng.randbytes(len(content)))
        path.write_bytes(content)
    return len(found)


def _jump(arena: Arena) -> int:
    """Lets the clock of later processes jump, perhaps in mid-run."""
    off = arena.rng.choice([-1, 1]) * arena.rng.choice([61.0, 3700.0, 86400.0, _YEAR])
    arena.knobs["CAMPAIGN_CLOCK"] = f"{off},{arena.rng.randint(0, 6)}"
    return 1


def _move_times(arena: Arena) -> int:
    """Moves the times of all files, as a clock that was wrong leaves them."""
    arena.ensure_running()
    arena.moment()
    hits = 0
    for path in arena.paths.root.rglob("*"):
        when = time.time() + arena.rng.uniform(-_YEAR, _YEAR)
        with contextlib.suppress(OSError):
            os.utime(path, (when, when))
            hits += 1
    return bool(hits)


def _right_clock(arena: Arena) -> int:
    arena.knobs.pop("CAMPAIGN_CLOCK", None)
    return 0


def unmount(arena: Arena) -> None:
    """Takes the small disk away again, where there is one."""
    if arena.results.is_mount():
        ctypes.CDLL(None).sync()
        subprocess.run(["umount", str(arena.results)], capture_output=True, check=False)


FAULTS = (
    Fault("kill -9 a worker", _kill_worker),
    Fault("kill -9 the driver", _signal_driver(signal.SIGKILL)),
    Fault("2 to 8 drivers at once", before=_more_drivers),
    Fault("SIGTERM", _signal_driver(signal.SIGTERM)),
    Fault("a torn last line", _tear),
    Fault("a full disk", _fill, before=_small_disk, lift=_free),
    Fault("a read-only file", _read_only, lift=_writable),
    Fault("a held lock", _hold),
    Fault("a corrupted checkpoint", _spoil_checkpoints),
    Fault("the clock moved", _move_times, before=_jump, lift=_right_clock),
)
