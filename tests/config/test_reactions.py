"""The settings of what happens on events: what stops the start, with a sentence and no secret."""

import base64
import re
import sys

import pytest

from launcher import config
from launcher.config import Launcher
from launcher.errors import ConfigError

GOOD = {"JUPYTERHUB_URL": "http://hub.example:8000", "JUPYTERHUB_TOKEN": "secret"}
KEY = base64.b64encode(b"k" * 24).decode()
SECRET = f"whsec_{KEY}"
HOOK = {"url": "https://example.org/events", "secret": SECRET}


async def build(event):
    """A function that a site could write."""


def refused(name, value):
    """The sentence with which the start stops."""
    with pytest.raises(ConfigError) as caught:
        Launcher({**GOOD, "PATH": "/usr/bin:/bin"}, **{name: value}).check()
    sentence = str(caught.value)
    assert KEY not in sentence
    assert f"c.Launcher.{name}" in sentence
    assert re.fullmatch(r"[^\n]+\.", sentence)
    return sentence


@pytest.mark.parametrize("value", [None, ["cat"], ["/bin/cat", "-u"], (sys.executable,), build])
def test_what_may_happen_on_an_event(value):
    settings = Launcher({**GOOD, "PATH": "/usr/bin:/bin"}, on_event=value)
    assert settings.check().on_event == value


@pytest.mark.parametrize(
    "value",
    ["/bin/cat", [], [""], [1], ["/bin/cat", None], ["/bin/cat", "a\0"], {"cat": 1}, 7, dict,
     ["/nowhere/build"], ["no-such-program"], ["/etc/passwd"], ["/etc"], ["./cat"]],
)  # fmt: skip
def test_a_command_that_cannot_run_stops_the_start(value):
    refused("on_event", value)


def test_a_command_must_be_executable(tmp_path):
    script = tmp_path / "build"
    script.write_text("#!/bin/sh\n")
    assert "execute" in refused("on_event", [str(script)])
    script.chmod(0o755)
    assert Launcher(GOOD, on_event=[str(script)]).check()


@pytest.mark.parametrize(
    "hooks",
    [
        [],
        [HOOK],
        [{**HOOK, "types": ["save-notebook"]}, {**HOOK, "types": ["other"]}, HOOK],
        [{**HOOK, "url": f"http://{host}:80/x?y"} for host in ("127.0.0.1", "localhost", "[::1]")],
        [{**HOOK, "secret": "whsec_" + base64.b64encode(b"k" * 64).decode()}],
    ],
)  # fmt: skip
def test_webhooks_that_may_be_configured(hooks):
    assert Launcher(GOOD, webhooks=hooks).check().webhooks == hooks


@pytest.mark.parametrize(
    ("hooks", "words"),
    [
        (SECRET, "list of dicts"),
        (HOOK, "list of dicts"),
        ([SECRET], "list of dicts"),
        ([{"secret": SECRET}], "[0] needs a url"),
        ([{**HOOK, "url": "http://example.org"}], "needs a url"),
        ([{**HOOK, "url": "http://localhost.example.org"}], "needs a url"),
        ([{**HOOK, "url": "https://user:pass@example.org"}], "needs a url"),
        ([{**HOOK, "url": "https://example.org/#a"}], "needs a url"),
        ([{**HOOK, "url": "https://example.org/a b"}], "needs a url"),
        ([{**HOOK, "url": "https://[/"}], "needs a url"),
        ([{**HOOK, "url": "https://"}], "needs a url"),
        ([{**HOOK, "url": 7}], "needs a url"),
        ([{"url": HOOK["url"]}], "[0] needs a secret"),
        ([HOOK, {**HOOK, "secret": KEY}], "[1] needs a secret"),
        ([{**HOOK, "secret": "whsec_no base64"}], "needs a secret"),
        ([{**HOOK, "secret": "whsec_ä"}], "needs a secret"),
        ([{**HOOK, "secret": "whsec_" + base64.b64encode(b"k" * 23).decode()}], "24 to 64"),
        ([{**HOOK, "secret": "whsec_" + base64.b64encode(b"k" * 65).decode()}], "24 to 64"),
        ([{**HOOK, "secret": b"whsec_"}], "needs a secret"),
        ([{**HOOK, "types": "save-notebook"}], "[0].types"),
        ([{**HOOK, "types": []}], "[0].types"),
        ([{**HOOK, "types": ["a b"]}], "[0].types"),
        ([{**HOOK, "types": [1]}], "[0].types"),
        ([{**HOOK, "type": ["x"]}], "unknown key 'type'"),
        ([HOOK, {**HOOK, "secret": "whsec_" + base64.b64encode(b"x" * 24).decode()}], "same url"),
        ([{**HOOK, "types": ["a", "b"]}, {**HOOK, "types": ["b", "a"]}], "same url"),
    ],
)  # fmt: skip
def test_a_webhook_that_cannot_be_used_stops_the_start(hooks, words):
    assert words in refused("webhooks", hooks)


@pytest.mark.parametrize("text", ["'{}'", "{{'secret': '{}'}}", "['{}']"])
def test_an_error_in_the_file_shows_no_secret(tmp_path, text):
    path = tmp_path / "launcher_config.py"
    path.write_text(f"c.Launcher.webhooks = {text.format(SECRET)}\n")
    with pytest.raises(ConfigError) as caught:
        config.load({**GOOD, "LAUNCHER_CONFIG": str(path)})
    assert KEY not in str(caught.value)


def test_a_timeout_is_a_second_or_more(tmp_path):
    path = tmp_path / "launcher_config.py"
    path.write_text("c.Launcher.on_event_timeout = 0\n")
    with pytest.raises(ConfigError, match="on_event_timeout"):
        config.load({**GOOD, "LAUNCHER_CONFIG": str(path)})
