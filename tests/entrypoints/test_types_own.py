"""The page "Write your own type": its class, from the configuration to a command that runs."""

import os
import pwd
import subprocess
import sys

import pytest
from documents import CHECKOUT, blocks
from traitlets.config import Config

from launcher.entrypoints.configuration import read_types, read_validator
from launcher.entrypoints.model import System
from launcher.errors import BadRequest, ConfigError
from launcher.forms import SchemaForm
from launcher.spawn.errors import SpecificationError

EXAMPLE = CHECKOUT / "examples/entrypoint_type"
SYSTEM = System("here", "Here")
ME = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def entry(monkeypatch):
    """The entry in the page's configuration."""
    monkeypatch.syspath_prepend(EXAMPLE)
    page = CHECKOUT / "docs/write_your_own_type.md"
    [block] = [each for each in blocks(page) if "module_type:ModuleType" in each.text]
    read = Config()
    exec(block.text, {"c": read})
    [entry] = read.Launcher.entrypoint_types
    yield dict(entry)
    sys.modules.pop("module_type", None)


@pytest.fixture
def kind(entry):
    """The type, with the script of the example."""
    return read_types([{**entry, "script": str(EXAMPLE / "with-module")}])["module"]


def test_the_page_shows_the_class_that_is_tested():
    page = (CHECKOUT / "docs/write_your_own_type.md").read_text()
    assert "../examples/entrypoint_type/module_type.py" in page
    assert "../examples/entrypoint_type/with-module" in page


async def test_an_option_is_validated_and_its_command_runs(kind):
    first, second = await kind.options(ME, SYSTEM)
    assert (first.name, second.name) == ("pytorch/2.6", "r/4.5")
    kind.check_data(first.data)
    report = await kind.validate(ME, SYSTEM, first.data, read_validator("local", {}))
    assert report.result, report.message
    command = kind.specification(first.data).command
    assert not command.replaces
    # Lmod's command is a function of the shell, too
    module = {"BASH_FUNC_module%%": '() { export LOADED="$2"; }', "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [*command.argv, "sh", "-c", 'echo "$LOADED" "$1"', "sh", "two words"],
        env=module,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout == "pytorch/2.6 two words\n"


async def test_a_script_that_is_not_there_is_reported(entry):
    kind = read_types([{**entry, "script": "/opt/gone/with-module"}])["module"]
    validator = read_validator("local", {})
    report = await kind.validate(ME, SYSTEM, {"module": "r/4.5"}, validator)
    assert not report.result
    assert report.hosts[0].subject == "/opt/gone/with-module"


def test_a_module_that_the_site_does_not_list_starts_nothing(kind):
    for data in ({"module": "evil; id"}, {"module": "r/4.5", "cmd": "id"}, {}):
        with pytest.raises(BadRequest):
            kind.check_data(data)
    with pytest.raises(SpecificationError, match="not one of this site's modules any more"):
        kind.specification({"module": "r/3"})


def test_its_form_has_the_title_of_the_schema(kind):
    (control,) = SchemaForm(kind.schema, "/data", kind.display_name).control([]).children
    assert control.title == "Module"


def test_a_mistake_in_its_own_keys_is_named(entry):
    with pytest.raises(ConfigError) as raised:
        read_types([{**entry, "modules": []}])
    assert str(raised.value).startswith("c.Launcher.entrypoint_types[0].modules must be a list")
