"""A stand-in for the command apptainer: runs the BMI class that the image's name is about.

It understands what grpc4bmi's client says: `--version`, and `run` with a port in `--env`.
"""

import os
import sys


def main(arguments: list[str]) -> None:
    """Say the version, or become the server of the model."""
    if arguments == ["--version"]:
        print("apptainer version 1.3.4")
        return
    port = arguments[arguments.index("--env") + 1].removeprefix("BMI_PORT=")
    name = arguments[-1].removeprefix("docker://example/").replace("-", ".")
    server = [sys.executable, "-m", "grpc4bmi.run_server", "--name", name, "--port", port]
    os.execv(server[0], server)


main(sys.argv[1:])
