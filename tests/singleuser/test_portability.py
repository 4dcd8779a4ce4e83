"""prepare.py is one file for any machine with Python 3.10 and git."""

import ast
import subprocess
import sys
from pathlib import Path

from prepared_server import PREPARE

VERMIN = Path(sys.executable).with_name("vermin")


def test_it_imports_the_standard_library_only():
    tree = ast.parse(PREPARE.read_text(encoding="utf-8"), feature_version=(3, 10))
    names = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
        )
    }
    assert names <= sys.stdlib_module_names


def test_it_calls_nothing_that_python_3_10_lacks():
    command = [VERMIN, "-t=3.10-", "--violations", PREPARE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_it_fits_into_one_variable_of_the_environment():
    # MAX_ARG_STRLEN of Linux
    assert len(PREPARE.read_bytes()) < 128 * 1024
