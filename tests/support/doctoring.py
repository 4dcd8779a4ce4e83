"""Runs `launcher doctor` in a process of its own, and reads what it prints."""

import json
import subprocess
import sys
from dataclasses import dataclass

DOCTOR = [sys.executable, "-m", "launcher", "doctor"]


@dataclass(frozen=True)
class Report:
    """What one run printed, and its exit status."""

    status: int
    output: str
    error: str

    @property
    def checks(self):
        """The checks of a run with --json, by name."""
        return {check["name"]: check for check in json.loads(self.output)["checks"]}

    @property
    def statuses(self):
        return {name: check["status"] for name, check in self.checks.items()}

    def detail(self, name, status):
        """What is said of the check, which ended so."""
        assert self.checks[name]["status"] == status, self.checks[name]
        return self.checks[name]["detail"]

    def fix(self, name):
        """The lines of configuration, without comments."""
        lines = self.checks[name]["fix"].splitlines()
        return "\n".join(line for line in lines if not line.startswith("#"))


def run_doctor(command, *, folder, env=None):
    """What the command says in that folder."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **(env or {})},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Report(done.returncode, done.stdout, done.stderr)
