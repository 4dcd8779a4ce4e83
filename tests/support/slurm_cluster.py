"""Slurm with two virtual nodes on this machine: munged, slurmctld and a slurmd for each node.

It runs as root, without systemd; each of its files is below one folder.
"""

import os
import socket
import subprocess
from contextlib import contextmanager
from pathlib import Path

from ports import free_port
from waiting import wait_until

NODES = ("n1", "n2")
CONF = """\
ClusterName=launcher
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/run/munge.socket
CredType=cred/munge
SlurmctldPort={port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd-%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,batch_sched_delay=0,sched_min_interval=0,bf_interval=1
ReturnToService=2
SlurmdParameters=config_overrides
KillWait=3
MinJobAge=10
InactiveLimit=0
SlurmctldTimeout=30
SlurmdTimeout=30
DefMemPerCPU=256
{nodes}
PartitionName=batch Nodes={names} Default=YES MaxTime=INFINITE State=UP
"""
NODE = "NodeName={} NodeHostname={} NodeAddr=127.0.0.1 Port={} CPUs=8 RealMemory=4096 State=UNKNOWN"


class SlurmCluster:
    """A cluster below a folder, which its users may read."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.conf = folder / "slurm.conf"
        self._run = folder / "run"

    def start(self):
        for name in ("state", "spool", "log", "run", "munge"):
            (self.folder / name).mkdir(parents=True, mode=0o755)
        key = self.folder / "munge/key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        host = socket.gethostname().split(".")[0]
        nodes = "\n".join(NODE.format(name, host, free_port()) for name in NODES)
        names, port = ",".join(NODES), free_port()
        self.conf.write_text(
            CONF.format(host=host, folder=self.folder, port=port, nodes=nodes, names=names)
        )
        files = {"key-file": key, "seed-file": self.folder / "munge/seed"}
        files |= {"socket": self._run / "munge.socket", "pid-file": self._run / "munged.pid"}
        files |= {"log-file": self.folder / "log/munged.log"}
        options = [f"--{name}={path}" for name, path in files.items()]
        subprocess.run(["munged", "--force", *options], check=True)
        subprocess.run(["slurmctld", "-f", self.conf], check=True)
        for name in NODES:
            (self.folder / "spool" / name).mkdir()
            subprocess.run(["slurmd", "-f", self.conf, "-N", name], check=True)
        wait_until(lambda: self.call("sinfo", "-h", "-o", "%T").strip() == "idle", "the nodes")
        return self

    def call(self, *command):
        """What a command of Slurm says."""
        environment = {**os.environ, "SLURM_CONF": str(self.conf)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return done.stdout

    def jobs(self, user, show="%T"):
        """A line for each job of the user, its state by default."""
        return self.call("squeue", "-h", "-u", user, "-o", show).splitlines()

    @contextmanager
    def drained(self):
        """Keep jobs in the queue for as long as the context lasts."""
        self._set_nodes("drain")
        try:
            yield
        finally:
            self._set_nodes("resume")

    def _set_nodes(self, state):
        names = ",".join(NODES)
        self.call("scontrol", "update", f"nodename={names}", f"state={state}", "reason=test")

    def stop(self):
        """End the jobs, and then the daemons."""
        for state in ("PENDING", "RUNNING"):
            self.call("scancel", f"--state={state}")
        wait_until(lambda: not self.call("squeue", "-h"), "the end of the jobs", 30)
        files = [*self._run.glob("slurmd-*.pid"), self._run / "slurmctld.pid"]
        pids = [int(path.read_text()) for path in (*files, self._run / "munged.pid")]
        for pid in pids:
            os.kill(pid, 15)
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), "their end", 30)
