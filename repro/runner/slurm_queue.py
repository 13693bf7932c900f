"""What Slurm says: whether it can be used from here, and what has become of its tasks."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Sequence

from repro.errors import ConfigError, StoreError

_DEADLINE = 60.0  # seconds for one command; they hang where the controller is gone
ENDED = {
    "COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE",
    "REVOKED",
}  # fmt: skip
PERHAPS_REQUEUED = {"NODE_FAIL", "PREEMPTED", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED"}
RUNNING = {"RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT"}


def check_slurm() -> None:
    """Makes sure that tasks can be submitted and their fate be learnt.

    Raises:
        ConfigError: Slurm's commands are missing, or its accounting does not answer.
    """
    missing = [name for name in ("sbatch", "srun", "sacct", "scancel") if not shutil.which(name)]
    if missing:
        raise ConfigError(
            f"launcher=slurm, but this machine has no {', '.join(missing)}; run the command on "
            "a cluster's login node, or leave launcher=slurm out"
        )
    code, _, complaint = _ask(["sacct", "--noheader", "-X", "--format=JobID"])
    if code != 0:
        raise ConfigError(
            f"this cluster's accounting does not answer (sacct: {complaint}); without it nobody "
            "learns how a killed task ended. Ask the administrators for Slurm accounting "
            "(slurmdbd), or get nodes with salloc and run there with launcher=local"
        )


def states(ids: Iterable[str]) -> dict[str, str]:
    """The state of each task (`12_0`) in Slurm's words; UNKNOWN where Slurm knows nothing.

    Raises:
        StoreError: Slurm does not answer.
    """
    from submitit.slurm.slurm import SlurmInfoWatcher

    wanted = list(ids)
    if not wanted:
        return {}
    arrays = sorted({id.partition("_")[0] for id in wanted})
    jobs = [word for id in arrays for word in ("-j", id)]
    code, answer, complaint = _ask(["sacct", "-o", "JobID,State,NodeList", "--parsable2", *jobs])
    if code != 0:
        raise StoreError(
            f"Slurm does not answer (sacct: {complaint}). What was submitted goes on; run the "
            "same command again once it answers."
        )
    found = SlurmInfoWatcher().read_info(answer)
    return {id: _word(found.get(id, {}).get("State", "")) for id in wanted}


def cancel(ids: Sequence[str]) -> None:
    """Cancels tasks; a running one is asked to write its checkpoint first.

    Raises:
        StoreError: Slurm does not answer.
    """
    if ids:
        code, _, complaint = _ask(["scancel", *ids])
        if code != 0:
            raise StoreError(
                f"Slurm did not cancel ({complaint}). Try it by hand: scancel {' '.join(ids)}"
            )


def _word(state: str) -> str:
    """`CANCELLED by 0` is CANCELLED."""
    return state.split(" ")[0] or "UNKNOWN"


def _ask(command: Sequence[str]) -> tuple[int, str, str]:
    """Exit code, answer and the last line of the complaint of one of Slurm's commands."""
    try:
        found = subprocess.run(
            command, capture_output=True, text=True, timeout=_DEADLINE, stdin=subprocess.DEVNULL,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return 1, "", f"no answer within {_DEADLINE:g} s"
    except OSError as error:
        return 1, "", str(error)
    lines = found.stderr.strip().splitlines() or [f"exit code {found.returncode}"]
    return found.returncode, found.stdout, lines[-1]
