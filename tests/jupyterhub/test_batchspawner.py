"""batchspawner in a real hub: commands run as they are, and its two holes are closed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from answering_launcher import answering
from conda_like import conda_like, runs_in, server_of
from hooked_hub import CONFIGURE, SECRET, environment_of, hooked_hub, start
from waiting import wait_until

LOCAL_BATCH = """
import sys
sys.path.insert(0, {support!r})
c.JupyterHub.spawner_class = "local_batch.LocalBatch"
c.LocalBatch.homes = str(folder / "homes")
c.LocalBatch.req_prologue = f"export PATH={{os.path.dirname(sys.executable)}}:$PATH"
c.Spawner.cmd = ["jupyterhub-singleuser"]
"""


@pytest.fixture(scope="module")
def answers():
    with answering(SECRET) as found:
        yield found


@pytest.fixture(scope="module")
def hub(answers, tmp_path_factory):
    support = str(Path(__file__).parents[1] / "support")
    extra = LOCAL_BATCH.format(support=support) + CONFIGURE.format(url=answers.url, secret=SECRET)
    with hooked_hub(tmp_path_factory, extra) as found:
        yield found


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    return conda_like(tmp_path_factory.mktemp("environments") / "mine")


def program(path, text):
    """An executable file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


HOSTILE = ["two words", "$(touch evil)", "`touch evil`", "a;touch evil", "'", '"', "\\", "*", "-x"]


@pytest.mark.slow
def test_the_words_of_a_command_reach_it_as_they_are(hub, answers, environment, tmp_path):
    said = tmp_path / "said"
    server = environment / "bin/jupyterhub-singleuser"
    command = program(
        tmp_path / 'it\'s "my" $(touch evil) folder' / "run it",
        f"#!{sys.executable}\nimport json, os, sys\n"
        f"open({str(said)!r}, 'w').write(json.dumps(sys.argv))\n"
        f"os.execv({str(server)!r}, [{str(server)!r}, '--allow-root'])\n",
    )
    answers.specifications["quo"] = {
        "command": {"argv": [command, *HOSTILE], "replaces": True},
        "environment": {"VALUE": "a 'b' \"c\" $(touch evil)\nd"},
    }
    start(hub, "quo")
    assert json.loads(said.read_text()) == [command, *HOSTILE, "--allow-root"]
    assert environment_of(hub, "quo")["VALUE"] == "a 'b' \"c\" $(touch evil)\nd"
    assert not list(hub.folder.rglob("evil"))
    hub.stop_server("quo")


@pytest.mark.slow
def test_a_script_that_prepares_the_environment_decides_what_runs(
    hub, answers, environment, tmp_path
):
    script = program(
        tmp_path / "start it",
        f'#!/bin/bash\nexport PATH={environment}/bin:$PATH FROM_SCRIPT=yes\nexec "$@"\n',
    )
    answers.specifications["scr"] = {"command": {"argv": [script]}}
    start(hub, "scr")
    assert runs_in(hub.home("scr")) == str(environment)
    assert environment_of(hub, "scr")["FROM_SCRIPT"] == "yes"
    hub.stop_server("scr")


@pytest.mark.slow
def test_the_token_of_a_server_sets_nothing_but_a_port(hub, answers, tmp_path):
    start(hub, "tok")
    token = answers.questions[-1][1]["token"]
    evil = {
        "exec_prefix": f"touch {tmp_path}/evil;",
        "batch_query_cmd": f"touch {tmp_path}/evil",
        "cmd": ["evil"],
    }
    assert hub.api("POST", "batchspawner", token=token, json=evil).status_code == 400
    for port in ("80; x", True, 0, 70_000, None, [1]):
        answer = hub.api("POST", "batchspawner", token=token, json={"port": port, **evil})
        assert answer.status_code == 400
    assert hub.api("POST", "batchspawner", token=token, json=["port"]).status_code == 400
    answer = hub.api("POST", "batchspawner", token=token, json={"port": 12345, **evil})
    assert answer.status_code == 201
    # the hub asks for the state of the job before it ends it
    hub.stop_server("tok")
    assert not (tmp_path / "evil").exists()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["launcher_token", "admin_token", "user"])
def test_other_tokens_report_no_port(hub, kind):
    token = hub.token_of("other") if kind == "user" else getattr(hub, kind)
    assert hub.api("POST", "batchspawner", token=token, json={"port": 12345}).status_code == 403


@pytest.mark.slow
def test_options_of_a_user_never_reach_the_job_script(hub, answers, environment):
    answers.specifications["opt"] = server_of(environment)
    evil = "x\ntouch evil\n"
    names = ("cmd", "prologue", "epilogue", "partition", "homedir", "username", "keepvars", "extra")
    options = dict.fromkeys(names, evil)
    token = hub.token_of("opt")
    hub.api("POST", "users", "opt", "server", token=token, json=options)
    wait_until(lambda: hub.is_ready("opt", ""), "the server")
    assert "evil" not in (hub.home("opt") / "job.sh").read_text()
    assert not list(hub.folder.rglob("evil"))
    assert runs_in(hub.home("opt")) == str(environment)
    # they are still the options of the server, for its page
    assert hub.servers("opt")[""]["user_options"] == options
    hub.stop_server("opt")


@pytest.mark.slow
def test_a_command_that_is_not_on_the_node_is_a_sentence_in_the_jobs_output(hub, answers):
    command = "/nowhere/bin/jupyterhub-singleuser"
    answers.specifications["gone"] = {"command": {"argv": [command], "replaces": True}}
    assert "batch job" in failure_of(hub, "gone")
    assert (
        f"'{command}' is not a program on this node" in (hub.home("gone") / "job.log").read_text()
    )


@pytest.mark.slow
def test_a_job_that_ends_before_it_reports_a_port_is_not_waited_for(hub, answers, tmp_path):
    script = program(tmp_path / "ends", "#!/bin/bash\nsleep 2; exit 1\n")
    answers.specifications["dead"] = {"command": {"argv": [script]}}
    assert "The batch job ended before its server was ready." in failure_of(hub, "dead")


def failure_of(hub, user):
    """Why a start failed, as the hub tells the user's page."""
    hub.add_user(user)
    hub.api("POST", "users", user, "server")
    wait_until(lambda: "" not in hub.servers(user), "the end of the start", 30)
    events = hub.api("GET", "users", user, "server", "progress").text
    last = json.loads(events.strip().rpartition("data: ")[2])
    assert last["failed"]
    return last["message"]


ORDERS = {
    "configured first": "{configure}; import batchspawner",
    "configured last": "import batchspawner; {configure}",
    "twice": "{configure}; {configure}",
    "one class": "from batchspawner.batchspawner import SlurmSpawner; {configure}",
    "the API alone": "import batchspawner.api; {configure}",
    "a subclass": (
        "from batchspawner import SlurmSpawner\n"
        "class Mine(SlurmSpawner): pass\n"
        "{configure}\n"
        "assert Mine.submit_batch_script.__module__ == 'launcher.jupyterhub.batchspawner'"
    ),
    "not found at first": (
        "import sys; paths = list(sys.path)\n"
        "sys.modules['batchspawner'] = None\n"
        "{configure}\n"
        "del sys.modules['batchspawner']; import batchspawner\n"
        "from launcher.jupyterhub.batchspawner import close_holes; close_holes()"
    ),
}
CHECK = """
from jupyterhub.apihandlers import default_handlers
from batchspawner import SlurmSpawner
ours = "launcher.jupyterhub.batchspawner"
(handler,) = [each[1] for each in default_handlers if each[0] == "/api/batchspawner"]
assert handler.post.__module__ == ours
assert SlurmSpawner.submit_batch_script.__module__ == ours
assert SlurmSpawner._launcher_submit.__module__ == "batchspawner.batchspawner"
"""


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_the_holes_are_closed_in_whatever_order_things_are_imported(order):
    configure = (
        "from traitlets.config import Config; from launcher.jupyterhub import configure;"
        " configure(Config(), 'x')"
    )
    code = order.format(configure=configure) + "\n" + CHECK
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
