"""A real Slurm of two nodes on this machine, with two pretended GPUs each, for one test."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel", "sinfo")
PATIENCE = 600.0  # seconds; slow machines take their time

CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort={ports[0]}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthType=auth/none
CredType=cred/none
AuthInfo=cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/ctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/ctld.log
SlurmdLogFile={folder}/%n.log
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1
SlurmctldParameters=preempt_send_user_signal
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
KillWait=2
SlurmdTimeout=10
GresTypes=gpu
DefMemPerCPU=400
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} {node}
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} {node}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1 GraceTime=30
PartitionName=high Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=10
"""
NODE = "CPUs=2 RealMemory=2000 Gres=gpu:2 State=UNKNOWN"
GRES = """
NodeName=n[1-2] Name=gpu File=/dev/null
NodeName=n[1-2] Name=gpu File=/dev/zero
"""
# This Slurm keeps no accounts, so sacct asks the controller.
SACCT = """#!/bin/bash
ids=""
while [ $# -gt 0 ]; do
    if [ "$1" = -j ]; then ids="$ids,$2"; shift; fi
    shift
done
echo "JobID|State|NodeList"
[ -z "$ids" ] && exit 0
squeue --noheader --all --array --states=all --format='%i|%T|%N' --jobs="${ids#,}" 2>/dev/null
exit 0
"""


def why_not() -> str | None:
    """Why no cluster can be started here, or None."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]
    if missing:
        return f"Slurm is not installed here ({', '.join(missing)}); see .ci/run for the packages"
    return None if os.geteuid() == 0 else "a Slurm of one's own can be started by root only"


def _path() -> str:
    return os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Cluster:
    """The daemons and their folder; `environment` is what a user's shell on it would have."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in ("state", "spool/n1", "spool/n2", "bin"):
            (folder / part).mkdir(parents=True)
        host = socket.gethostname().split(".")[0]
        conf = CONF.format(host=host, folder=folder, ports=_free_ports(3), node=NODE)
        (folder / "slurm.conf").write_text(conf)
        (folder / "gres.conf").write_text(GRES)
        shim = folder / "bin" / "sacct"
        shim.write_text(SACCT)
        shim.chmod(0o755)
        self.environment = {
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PATH": f"{folder / 'bin'}:{_path()}",
        }
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Starts the daemons and waits until both nodes are idle."""
        self._daemon("ctld", "slurmctld", "-D")
        for node in ("n1", "n2"):
            self._daemon(node, "slurmd", "-D", "-N", node)
        self.until(lambda: self.ask("sinfo", "-h", "-N", "-o", "%t").split().count("idle") >= 2)

    def _daemon(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.out").open("wb") as out:
            self.daemons[name] = subprocess.Popen(
                command, stdout=out, stderr=out, env={**os.environ, **self.environment},
                start_new_session=True,
            )  # fmt: skip

    def ask(self, *command: str, seconds: float = 5.0) -> str:
        """What a Slurm command answers; nothing where it hangs or fails."""
        try:
            found = subprocess.run(
                command, capture_output=True, text=True, timeout=seconds, check=False,
                env={**os.environ, **self.environment},
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return ""
        return found.stdout

    def until(self, true: Callable[[], object]) -> None:
        """Waits for something to come true."""
        deadline = time.monotonic() + PATIENCE
        while not true():
            if time.monotonic() > deadline:
                raise AssertionError(f"waited in vain\n{self.logs()}")
            time.sleep(0.1)

    def logs(self) -> str:
        """The ends of the daemons' logs, for a failing test."""
        found = sorted([*self.folder.glob("*.log"), *self.folder.glob("*.out")])
        return "\n".join(f"== {path.name}\n{path.read_text()[-1500:]}" for path in found)

    def node_of(self, job: str) -> str:
        """The node that runs a job."""
        found = ""

        def known() -> str:
            nonlocal found
            found = self.ask("squeue", "-h", "-j", job, "-o", "%N").strip()
            return found

        self.until(known)
        return found

    def crash(self, node: str) -> None:
        """Ends a node as a power cut does: its daemon and everything that it has started."""
        self.daemons[node].kill()
        self.daemons[node].wait()
        while found := self._on(node):  # again: what dies last may have started another
            for pid in found:
                _kill(pid)
            time.sleep(0.05)

    def stop(self) -> None:
        """Ends the daemons and whatever is left of their jobs."""
        if "ctld" in self.daemons:
            self.ask("scancel", "--user=root", "--signal=KILL")
        for process in self.daemons.values():
            process.terminate()
        for process in self.daemons.values():
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for pid in self._ours():
            _kill(pid)

    def _on(self, node: str) -> list[int]:
        """The processes of a node's jobs and their guards."""
        mark = f"SLURMD_NODENAME={node}".encode()
        return [pid for pid in self._ours() if mark in _environment(pid) or _is_step_of(pid, node)]

    def _ours(self) -> list[int]:
        """The processes whose environment names this cluster, except this one."""
        mark = f"SLURM_CONF={self.environment['SLURM_CONF']}".encode()
        pids = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
        return [pid for pid in pids if pid != os.getpid() and mark in _environment(pid)]


def _environment(pid: int) -> list[bytes]:
    """The environment of a process; empty for one that has ended meanwhile."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _is_step_of(pid: int, node: str) -> bool:
    """Whether a process is slurmstepd, the guard of a job step, on a node."""
    try:
        if not Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"slurmstepd"):
            return False
        return any(f"/{node}." in _target(path) for path in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


def _target(link: Path) -> str:
    """Where a link leads; nowhere for a file that has been closed meanwhile."""
    try:
        return str(link.readlink())
    except OSError:
        return ""


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
