"""python -m launcher: the command line."""

from launcher.cli import main

if __name__ == "__main__":
    main(prog_name="launcher")
