"""What went wrong is said in the words of the command line, not in those of the API."""

import ast
import re
from pathlib import Path

import pytest

import launcher
from launcher.cli._words import for_commands

ROOT = Path(launcher.__file__).parent
# these answer no command
OTHERS = {"cli", "config", "experiments", "jupyterhub", "singleuser", "store/migrations", "web"}
_API_WORDS = re.compile(r"\b(?:GET|POST|PUT|PATCH|DELETE) /|\?[a-z_]+=")


def _text(node):
    """The text of a string in the source, with 'x' for what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            _text(part) if isinstance(part, ast.Constant) else "'x'" for part in node.values
        )
    return ""


def sentences():
    """The strings that are sentences, or ends of one; docstrings are not."""
    for path in sorted(ROOT.rglob("*.py")):
        if any(path.is_relative_to(ROOT / other) for other in OTHERS):
            continue
        nodes = list(ast.walk(ast.parse(path.read_text())))
        skipped = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        skipped |= {id(v) for node in nodes if isinstance(node, ast.JoinedStr) for v in node.values}
        yield from (
            text for node in nodes if id(node) not in skipped and " " in (text := _text(node))
        )


def test_no_sentence_of_the_launcher_has_words_of_http_on_the_command_line():
    named = [text for text in sentences() if _API_WORDS.search(text)]
    assert len(named) > 5
    found = [text for text in named if _API_WORDS.search(for_commands(text))]
    assert found == [], "\n".join(found)


@pytest.mark.parametrize(
    ("detail", "says"),
    [
        ("There is no server 'x'. GET /servers lists yours.", "`launcher servers` lists yours."),
        (
            "The server runs with other options, which it keeps. With ?replace=true it is stopped"
            " and started with the new ones.",
            "With --replace it is stopped and started with the new ones.",
        ),
        (
            "entrypoint is missing, and nothing is selected on 'laptop'.",
            "No environment is selected on 'laptop'. Name one with --entrypoint NAME, or",
        ),
        ("system is missing; it is one of desk, laptop.", "Name one with --system: desk, laptop."),
        (
            "For a private project, sign in again or store an access token for the host.",
            "For a private project, sign in at the hub again, or store an access token on the"
            " launcher's page Projects, Access tokens.",
        ),
        ("was revoked. Sign in again or store a new one.", "page Projects, Access tokens."),
        ("Sign in again, or store an access token for the host.", "Projects, Access tokens."),
    ],
)
def test_a_sentence_says_what_to_do_at_the_command_line(detail, says):
    assert says in for_commands(detail)
