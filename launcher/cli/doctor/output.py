"""How results are printed: for a person on a terminal, as plain lines, or as JSON."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

import launcher
from launcher.cli.doctor.results import Outcome, Result

STYLES = {
    Outcome.OK: "green",
    Outcome.WARNING: "yellow",
    Outcome.FAILED: "bold red",
    Outcome.SKIPPED: "dim",
}
NAME_WIDTH = 13
STATUS_WIDTH = 7
INDENT = "    "
# of a service, on any hub
SHORTEST_TOKEN = 8
# what is counted, in this order
COUNTED = {
    Outcome.FAILED: "failed",
    Outcome.WARNING: "with a warning",
    Outcome.OK: "ok",
    Outcome.SKIPPED: "skipped",
}

Progress = Callable[[str], AbstractContextManager[object]]


def progress() -> Progress:
    """What shows the name of the check that is under way, where stderr is a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        return lambda name: nullcontext()
    return lambda name: console.status(f"Checking {name} …")


def cleaned(result: Result, secret: str) -> Result:
    """The result without the secret, and without characters that move a terminal's cursor."""
    return replace(
        result,
        detail=_clean(result.detail, secret),
        fix="\n".join(_clean(line, secret) for line in result.fix.splitlines()),
    )


def _clean(text: str, secret: str) -> str:
    if len(secret) >= SHORTEST_TOKEN:
        text = text.replace(secret, "***")
    return "".join(character if character.isprintable() else "?" for character in text)


def show_refusal(result: Result) -> None:
    """Print on stderr why nothing was checked."""
    click.echo(f"launcher: {result.detail}", err=True)
    for line in result.fix.splitlines():
        click.echo(f"{INDENT}{line}", err=True)


def show(result: Result) -> None:
    """Print a result, with the lines that fix it below."""
    if sys.stdout.isatty():
        _show_on_terminal(result)
    else:
        _show_plain(result)


def _show_plain(result: Result) -> None:
    click.echo(f"{result.status:{STATUS_WIDTH}}  {result.name:{NAME_WIDTH}}  {result.detail}")
    for line in result.fix.splitlines():
        click.echo(f"{INDENT}{line}")


def _show_on_terminal(result: Result) -> None:
    console = Console(highlight=False)
    row = Table.grid(padding=(0, 2, 0, 0))
    row.add_column(width=STATUS_WIDTH, no_wrap=True)
    row.add_column(width=NAME_WIDTH, no_wrap=True)
    row.add_column(overflow="fold")
    style = STYLES[result.status]
    row.add_row(Text(result.status, style), Text(result.name, "bold"), Text(result.detail))
    console.print(row)
    for line in result.fix.splitlines():
        # not wrapped, so that it can be copied
        console.print(
            Text(INDENT + line, "dim" if line.startswith("#") else "cyan"), soft_wrap=True
        )


def show_summary(results: Sequence[Result]) -> None:
    """Print how many checks ended how."""
    counts = Counter(result.status for result in results)
    shown = [f"{counts[status]} {words}" for status, words in COUNTED.items() if counts[status]]
    click.echo(f"\n{', '.join(shown)}")
    if any(result.fix for result in results):
        click.echo("After a change, restart what it configures and run the doctor again.")


def document(results: Sequence[Result]) -> str:
    """All results as JSON."""
    checks = [
        {name: asdict(result)[name] for name in ("name", "status", "detail", "fix")}
        for result in results
    ]
    body = {"version": launcher.__version__, "ok": is_ok(results), "checks": checks}
    return json.dumps(body, indent=2, ensure_ascii=False)


def is_ok(results: Sequence[Result]) -> bool:
    """Whether no check failed."""
    return all(result.status != Outcome.FAILED for result in results)
