"""The logs of users' servers, with a real hub, real servers and a launcher beside it."""

import os
import re
import sys
from pathlib import Path

import pytest
import requests
from answering_launcher import answering
from hooked_hub import CONFIGURE, SECRET, hooked_hub
from realhub import hubs, launchers, problem
from waiting import wait_until

pytestmark = pytest.mark.slow

CONFIG = "c.Launcher.breaker_seconds = 0\nc.Launcher.start_cooldown = 0\n"
# who has no server waits for none
QUICK = """
def give_up_soon(spawner):
    if spawner.user.name not in ("alice", "patient", "batch"):
        spawner.http_timeout = 1

c.Spawner.pre_spawn_hook = give_up_soon
"""
SAYS = "import sys; print('hello from', sys.argv[1], flush=True); print('and goodbye', flush=True)"
SHOUTS = "import os; print(os.environ['JUPYTERHUB_API_TOKEN']); print('x' * 99 + '\\n', end='')"
MANY = "import sys; sys.stdout.writelines(f'{n:0499}\\n' for n in range(100_000))"  # 50 MB


def configured(answers, **arguments):
    """The configuration of a hub whose hook asks these answers."""
    text = CONFIGURE.format(url=answers.url, secret=SECRET)
    given = "".join(f"{name}={value}, " for name, value in arguments.items())
    text = text.replace("configure(c, lambda", f"configure(c, {given}system=lambda")
    return QUICK + text + "c.JupyterHub.allow_named_servers = True\n"


@pytest.fixture(scope="module")
def answers():
    with answering(SECRET) as found:
        yield found


@pytest.fixture(scope="module")
def hub(answers, tmp_path_factory):
    with hubs(tmp_path_factory) as make:
        yield make(extra=configured(answers, log_directory="str(folder / 'logs')"))


@pytest.fixture(scope="module")
def launcher(hub, tmp_path_factory):
    with launchers(tmp_path_factory) as make:
        yield make(hub, workers=1, config=CONFIG, LAUNCHER_HOOK_TOKEN=SECRET)


def ask(launcher, hub, user, path="/log", **query):
    """The answer to the user."""
    headers = {"Authorization": f"token {hub.token_of(user)}"}
    return requests.get(launcher.url + path, headers=headers, params=query, timeout=30)


def lines_of(launcher, hub, user, path="/log", **query):
    """The lines that the user sees."""
    answer = ask(launcher, hub, user, path, **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def program(code, *arguments):
    """A specification with a command that runs this code, and not a server."""
    return {"command": {"argv": [sys.executable, "-c", code, *arguments], "replaces": True}}


def failed_start(hub, user, name="", **options):
    """Start a server that ends at once, with these options."""
    hub.add_user(user)
    segments = ("servers", name) if name else ("server",)
    hub.api("POST", "users", user, *segments, json=options)
    wait_until(lambda: _has_ended(hub, user, name), "the end of the start")


def _has_ended(hub, user, name):
    found = (hub.servers(user) or {}).get(name)
    return found is None or (not found["pending"] and not found["ready"])


def test_a_user_reads_what_the_server_writes_while_it_runs_and_after(hub, launcher):
    assert lines_of(launcher, hub, "alice") == []
    hub.start_server("alice")
    wait_until(
        lambda: any("is running at" in each for each in lines_of(launcher, hub, "alice")),
        "the server's address in the log",
    )
    before = lines_of(launcher, hub, "alice")
    hub.stop_server("alice")
    assert lines_of(launcher, hub, "alice")[: len(before)] == before


def test_a_server_that_does_not_start_has_said_why(hub, launcher, answers):
    answers.specifications["exiting"] = program(SAYS, "exiting")
    failed_start(hub, "exiting")
    assert lines_of(launcher, hub, "exiting")[:2] == ["hello from exiting", "and goodbye"]


def test_only_its_owner_reads_the_log_of_a_server(hub, launcher, answers):
    answers.specifications["owner"] = program(SAYS, "owner")
    failed_start(hub, "owner", "gpu")
    assert "hello from owner" in lines_of(launcher, hub, "owner", "/logs/gpu")
    assert lines_of(launcher, hub, "mallory") == []
    for path in ("/logs/gpu", "/logs/..%2fowner", "/logs/owner@gpu", "/logs/%2e%2e"):
        assert ask(launcher, hub, "mallory", path).status_code in (400, 404, 405)


@pytest.mark.parametrize("kind", ["user", "launcher_token", "admin_token", ""])
def test_the_hub_gives_logs_to_nobody_but_the_launcher(hub, kind):
    token = hub.token_of("owner") if kind == "user" else getattr(hub, kind, "")
    path = ("launcher", "logs", "owner", "servers", "gpu")
    assert hub.api("GET", *path, token=token or "none").status_code == 403
    assert requests.get(f"{hub.api_url}/{'/'.join(path)}", timeout=5).status_code == 403


def test_the_token_of_the_server_is_not_shown(hub, launcher, answers):
    answers.specifications["teller"] = program(SHOUTS)
    failed_start(hub, "teller")
    lines = lines_of(launcher, hub, "teller")
    assert lines[0] == "[secret]"
    assert answers.questions[-1][1]["token"] not in "".join(lines)


def test_a_server_that_writes_50_mb_leaves_a_small_file_with_the_end(hub, launcher, answers):
    answers.specifications["talker"] = program(MANY)
    failed_start(hub, "talker")
    lines = lines_of(launcher, hub, "talker", max_lines=10_000)
    assert int(lines[-1]) == 99_999
    assert 1000 < len(lines) < 10_000
    assert sum(path.stat().st_size for path in (hub.folder / "logs").glob("talker@*")) < 3_000_000


def test_the_next_lines_are_asked_for_alone(hub, launcher, answers):
    answers.specifications["follower"] = program(SAYS, "1")
    failed_start(hub, "follower")
    first = ask(launcher, hub, "follower")
    after = re.search(r"after=([0-9a-f-]+)>", first.headers["Link"])[1]
    assert lines_of(launcher, hub, "follower", after=after) == []
    answers.specifications["follower"] = program(SAYS, "2")
    failed_start(hub, "follower")
    assert lines_of(launcher, hub, "follower", after=after)[0] == "hello from 2"


def test_the_hub_keeps_no_descriptors_of_twenty_starts(hub, launcher, answers):
    answers.specifications["often"] = program(SAYS, "often")
    failed_start(hub, "often")
    before = descriptors(hub)
    for _ in range(20):
        failed_start(hub, "often")
    assert descriptors(hub) <= before + 2  # connections that are kept for a while
    assert len(list((hub.folder / "logs").glob("often@*"))) == 2


def descriptors(hub):
    """The number of pipes and files that the hub has open."""
    folder = Path(f"/proc/{hub.hub.process.pid}/fd")
    found = [os.readlink(each) for each in folder.iterdir() if os.path.lexists(each)]
    return len([each for each in found if each.startswith(("pipe:", "/"))])


def test_a_server_goes_on_while_the_hub_restarts(hub, launcher):
    hub.start_server("patient")
    assert lines_of(launcher, hub, "patient")
    hub.stop_hub()
    hub.start_hub()
    before = len(lines_of(launcher, hub, "patient"))
    headers = {"Authorization": f"token {hub.token_of('patient')}"}
    url = f"{hub.url}/user/patient/api/contents/missing"
    assert requests.get(url, headers=headers, timeout=30).status_code == 404
    wait_until(lambda: len(lines_of(launcher, hub, "patient")) > before, "the line of the request")
    hub.stop_server("patient")


def test_who_has_the_name_of_an_earlier_user_does_not_see_their_log(hub, launcher, answers):
    answers.specifications["renamed"] = program(SAYS, "renamed")
    failed_start(hub, "renamed")
    assert lines_of(launcher, hub, "renamed")
    assert hub.api("DELETE", "users", "renamed").status_code == 204
    hub.add_user("renamed")
    assert lines_of(launcher, hub, "renamed") == []


# other hubs


def test_a_hub_with_an_older_side_of_the_launcher_is_a_sentence(
    answers, make_shared_hub, make_shared_launcher
):
    # without the list of handlers, as before there were logs
    extra = configured(answers) + (
        "from jupyterhub.apihandlers import default_handlers\n"
        "default_handlers[:] = [h for h in default_handlers if 'launcher' not in h[0]]\n"
    )
    hub = make_shared_hub(extra=extra)
    old = make_shared_launcher(hub, workers=1, config=CONFIG, LAUNCHER_HOOK_TOKEN=SECRET)
    assert "installs the launcher's version" in problem(ask(old, hub, "alice"), 501, "logs-missing")


def test_a_hub_that_keeps_no_output_says_so(answers, make_shared_hub, make_shared_launcher):
    hub = make_shared_hub(extra=configured(answers, log_directory=None))
    without = make_shared_launcher(hub, workers=1, config=CONFIG, LAUNCHER_HOOK_TOKEN=SECRET)
    hub.start_server("alice")
    assert "log_directory=None" in problem(ask(without, hub, "alice"), 501, "logs-missing")
    assert not (hub.folder / "launcher-logs").exists()
    hub.stop_server("alice")
    stranger = make_shared_launcher(hub, workers=1, config=CONFIG, LAUNCHER_HOOK_TOKEN="other" * 9)
    assert "LAUNCHER_HOOK_TOKEN" in problem(ask(stranger, hub, "alice"), 503, "hub-refused")


BATCH = """
import sys
sys.path.insert(0, {support!r})
c.JupyterHub.spawner_class = "local_batch.LocalBatch"
c.LocalBatch.homes = str(folder / "homes")
c.LocalBatch.req_prologue = f"export PATH={{os.path.dirname(sys.executable)}}:$PATH"
c.Spawner.cmd = ["jupyterhub-singleuser"]
"""
AS_USER = "c.LocalBatch.exec_prefix = 'env JOB_OF={username}'\n"
NAMED = """
c.LocalBatch.batch_script = (
    "#!/bin/bash\\n#SBATCH --output={homedir}/job.log\\ncd {homedir}\\n{prologue}\\nexec {cmd}\\n"
)
"""


def test_the_output_file_of_a_batch_job_is_the_log(answers, tmp_path_factory, make_shared_launcher):
    support = str(Path(__file__).parents[1] / "support")
    with hooked_hub(
        tmp_path_factory, BATCH.format(support=support) + AS_USER + NAMED + configured(answers)
    ) as hub:
        launcher = make_shared_launcher(hub, workers=1, config=CONFIG, LAUNCHER_HOOK_TOKEN=SECRET)
        assert lines_of(launcher, hub, "batch") == []
        hub.start_server("batch")
        wait_until(
            lambda: any("is running at" in each for each in lines_of(launcher, hub, "batch")),
            "the server's address in the log",
        )
        before = lines_of(launcher, hub, "batch")
        hub.stop_server("batch")
        assert lines_of(launcher, hub, "batch")[: len(before)] == before
        answers.specifications["failing"] = program(SAYS, "failing")
        hub.add_user("failing")
        hub.api("POST", "users", "failing", "server")
        wait_until(lambda: "" not in hub.servers("failing"), "the end of the start")
        assert "hello from failing" in lines_of(launcher, hub, "failing")


@pytest.mark.parametrize(("config", "sentence"), [(AS_USER, "#SBATCH --output"), (NAMED, "{user")])
def test_a_job_whose_output_cannot_be_read_is_a_sentence(
    answers, tmp_path_factory, make_shared_launcher, config, sentence
):
    support = str(Path(__file__).parents[1] / "support")
    answers.specifications["failing"] = program(SAYS, "failing")
    extra = BATCH.format(support=support) + config + configured(answers)
    with hooked_hub(tmp_path_factory, extra) as hub:
        launcher = make_shared_launcher(hub, workers=1, config=CONFIG, LAUNCHER_HOOK_TOKEN=SECRET)
        failed_start(hub, "failing")
        assert sentence in problem(ask(launcher, hub, "failing"), 501, "logs-missing")


def test_the_log_is_that_of_the_wrapped_spawner(answers, make_shared_hub, make_shared_launcher):
    profiles = "[('Local', 'local', TestSpawner, {})]"
    wrapped = (
        "c.JupyterHub.spawner_class = 'wrapspawner.ProfilesSpawner'\n"
        f"c.ProfilesSpawner.profiles = {profiles}\n"
    )
    answers.specifications["wrapped"] = program(SAYS, "wrapped")
    hub = make_shared_hub(extra=wrapped + configured(answers))
    launcher = make_shared_launcher(hub, workers=1, config=CONFIG, LAUNCHER_HOOK_TOKEN=SECRET)
    assert lines_of(launcher, hub, "wrapped") == []
    failed_start(hub, "wrapped", profile="local")
    assert "hello from wrapped" in lines_of(launcher, hub, "wrapped")
