"""The command line's own help."""

import os
import subprocess
import sys


def markdown(*command: str) -> str:
    """What `launcher COMMAND --help` prints; raises CalledProcessError."""
    plain = {"COLUMNS": "88", "TERM": "dumb", "NO_COLOR": "1"}
    printed = subprocess.run(
        [sys.executable, "-m", "launcher", *command, "--help"],
        env={**os.environ, **plain},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return f"```text\n{printed.strip()}\n```\n"
