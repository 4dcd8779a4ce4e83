"""static/times.js shows the times of a page in the browser's time zone."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import launcher

MODULE = Path(launcher.__file__).parent / "web" / "static" / "times.js"
HARNESS = """
const times = JSON.parse(process.argv[2]);
globalThis.document = {{ documentElement: {{ lang: "en" }}, querySelectorAll: () => times }};
await import({module});
console.log(JSON.stringify(times.map((time) => time.textContent)));
"""


@pytest.fixture
def shown(tmp_path):
    """The text that the script gives a <time>, in Berlin."""

    def shown(moment, **dataset):
        path = tmp_path / "test.mjs"
        path.write_text(HARNESS.format(module=json.dumps(MODULE.as_uri())))
        times = json.dumps([{"dateTime": moment, "dataset": dataset}])
        node = shutil.which("node")
        assert node, "Node.js is installed with the hub's proxy"
        done = subprocess.run(
            [node, path, times],
            env={**os.environ, "TZ": "Europe/Berlin", "LANG": "de_DE.UTF-8"},
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)[0]

    return shown


def test_times_are_in_the_language_of_the_page_and_name_the_zone(shown):
    assert shown("2026-01-31T12:30:05+00:00") == "13:30:05 GMT+1"
    assert shown("2026-01-31T12:30:05+00:00", date="") == "Jan 31, 2026, 13:30 GMT+1"


def test_how_long_ago_stands_in_brackets(shown):
    long_ago = shown("2000-01-31T12:30:05+00:00", date="", ago="")
    assert long_ago.startswith("Jan 31, 2000, 13:30 GMT+1 (")
    assert long_ago.endswith(" days ago)")
