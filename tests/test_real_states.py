"""Every answer of a real hub to a start is seen through, or told with its reason."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from realhub import RealLauncher, environment, free_port, wait_until

from launcher import store


def problem(answer, status, kind):
    """The detail of a problem, which must be of that status and type."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:problem-type:launcher:{kind}"
    return answer.json()["detail"]


def test_a_slow_server_is_waited_for(hub, beside):
    answer = beside.hello("slow-1", hub=hub)
    assert answer.status_code == 200, answer.text
    assert (hub.home("slow-1") / "somedirectory/experiment.ipynb").is_file()


def test_simultaneous_launches_share_one_slow_start(hub, beside):
    token = hub.token_of("slow-2")
    body = {"notebook": {"directory": "d"}}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: beside.post("/hello", body, token=token), range(8)))
    assert [answer.text for answer in answers if answer.status_code != 200] == []
    assert len(list((hub.home("slow-2") / "d").glob("*.ipynb"))) == 8


def test_a_failed_start_tells_the_spawners_reason(hub, beside):
    answer = beside.hello("bad-1", hub=hub)
    assert problem(answer, 502, "spawn-failed") == "image pull failed: no such image foo:1"
    assert hub.hub.log.read_text().count("Unhandled error starting bad-1's server") == 1


def test_a_start_that_failed_is_repeated_by_the_user_alone(hub, beside):
    answer = beside.hello("once-1", hub=hub)
    assert problem(answer, 502, "spawn-failed") == "image pull failed: no such image foo:1"
    again = beside.hello("once-1", hub=hub)
    assert again.status_code == 200, again.text


def test_a_start_that_never_ends_is_a_timeout(hub, beside):
    detail = problem(beside.hello("never-1", hub=hub), 504, "start-timeout")
    assert "not ready in the time" in detail


def test_a_server_that_exits_at_once_is_told(hub, beside):
    detail = problem(beside.hello("exits-1", hub=hub), 502, "server-exited")
    assert "ended before it was ready" in detail


def test_a_hook_that_refuses_is_quoted_and_not_asked_again(hub, beside):
    answer = beside.hello("refused-1", hub=hub)
    assert problem(answer, 502, "spawn-refused") == "You have no quota left"
    assert hub.hub.log.read_text().count("refused-1 You have no quota left") <= 1


MAY_MOUNT = subprocess.run(
    ["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
    check=False,
    capture_output=True,
)


@pytest.mark.skipif(MAY_MOUNT.returncode, reason="a file system that is full cannot be mounted")
def test_a_home_without_space_is_told_and_nothing_is_left_in_it(hub, beside):
    answer = beside.hello("full-1", "full", hub=hub)
    assert "no space left" in problem(answer, 507, "insufficient-storage")
    (pid,) = [p for p in hub.server_pids() if b"=full-1\x00" in _environ(p)]
    there = os.listdir(f"/proc/{pid}/root{hub.home('full-1')}/full")
    assert set(there) - {".ipynb_checkpoints"} == {"filler"}


def test_a_name_that_the_file_system_does_not_take_is_told(hub, beside):
    deep = hub.home("deep-1").with_name("deep").joinpath(*["d" * 250] * 8)
    deep.mkdir(parents=True)
    hub.home("deep-1").symlink_to(deep)
    # else it is the look for a hidden directory that fails, which the server answers without words
    (deep / ".jupyter").mkdir()
    (deep / ".jupyter/jupyter_server_config.py").write_text("c.ContentsManager.allow_hidden = True")
    answer = beside.hello("deep-1", "/".join(["e" * 250] * 9), hub=hub)
    assert "of that length" in problem(answer, 502, "name-too-long")


def test_a_user_that_the_hub_forgot_is_told_to_sign_in(hub, make_launcher):
    launcher = make_launcher(hub, workers=1)
    token = hub.token_of("forgotten")
    headers = {"Authorization": f"token {token}"}
    assert requests.get(f"{launcher.url}/user", headers=headers, timeout=10).status_code == 200
    hub.api("DELETE", "users", "forgotten")
    answer = launcher.post("/hello", {"notebook": {"directory": "d"}}, token=token)
    assert "Sign in to the hub once" in problem(answer, 409, "unknown-user")


def test_a_killed_server_is_started_again(hub, beside):
    hub.start_server("killed")
    hub.kill_server("killed")
    answer = beside.hello("killed", hub=hub)
    assert answer.status_code == 200, answer.text
    assert (hub.home("killed") / "somedirectory/experiment.ipynb").is_file()


def test_a_server_that_is_stopping_is_started_after(hub, beside):
    hub.start_server("stopping")
    token = hub.token_of("stopping")
    threading.Thread(target=hub.api, args=("DELETE", "users", "stopping", "server")).start()
    answer = beside.post("/hello", {"notebook": {"directory": "d"}}, token=token)
    assert answer.status_code == 200, answer.text


def test_a_server_that_hangs_gets_one_notebook_when_it_goes_on(hub, beside):
    hub.start_server("hung")
    token = hub.token_of("hung")
    (pid,) = [p for p in hub.server_pids() if b"=hung\x00" in _environ(p)]
    os.kill(pid, signal.SIGSTOP)
    threading.Timer(3, os.kill, (pid, signal.SIGCONT)).start()
    answer = beside.post("/hello", {"notebook": {"directory": "d"}}, token=token)
    assert answer.status_code == 200, answer.text
    there = {path.name for path in (hub.home("hung") / "d").iterdir()}
    assert there - {".ipynb_checkpoints"} == {"experiment.ipynb"}


def _environ(pid):
    with open(f"/proc/{pid}/environ", "rb") as file:
        return file.read()


@pytest.fixture
def own_hub(make_hub):
    hub = make_hub()
    yield hub
    hub.stop()


def test_a_hub_that_restarts_is_waited_for(own_hub, make_launcher):
    launcher = make_launcher(own_hub)
    token = own_hub.token_of("alice")
    own_hub.start_server("alice")
    slow = own_hub.token_of("slow-3")
    body = {"notebook": {"directory": "d"}}
    # the tokens become known to some workers; the others ask the hub, which is away then
    for _ in range(12):
        requests.get(f"{launcher.url}/user", headers={"Authorization": f"token {token}"})
        requests.get(f"{launcher.url}/user", headers={"Authorization": f"token {slow}"})
    with ThreadPoolExecutor(2) as pool:
        under_way = pool.submit(launcher.post, "/hello", body, token=slow)
        wait_until(lambda: (own_hub.servers("slow-3") or {}).get(""))
        own_hub.stop_hub()
        meanwhile = pool.submit(launcher.post, "/hello", body, token=token)
        own_hub.start_hub()
        assert under_way.result().status_code == 200, under_way.result().text
        # 200 when the worker knew the token, which then waits for the hub; never "unauthorized"
        answer = meanwhile.result()
        if answer.status_code != 200:
            assert problem(answer, 503, "hub-unavailable")
            assert answer.headers["Retry-After"]
    assert launcher.post("/hello", body, token=token).status_code == 200


def test_an_unreachable_hub_is_503_and_the_process_stays_healthy(own_hub, make_launcher):
    launcher = make_launcher(own_hub, workers=1)
    token = own_hub.token_of("alice")
    own_hub.stop_hub()
    answer = launcher.post("/hello", {"notebook": {"directory": "d"}}, token=token)
    assert problem(answer, 503, "hub-unavailable")
    assert answer.headers["Retry-After"]
    by_password = launcher.post(
        "/hello", {"notebook": {"directory": "d"}}, auth=("alice", "pässwörd of alice")
    )
    assert problem(by_password, 503, "hub-unavailable")
    assert requests.get(f"{launcher.url}/health", timeout=5).json() == {"ok": True}

    def checks():
        return {c["name"]: c["ok"] for c in requests.get(f"{launcher.url}/ready").json()["checks"]}

    wait_until(lambda: checks() == {"database": True, "hub": False, "token": False})


def test_a_launcher_starts_without_its_hub(make_hub, tmp_path):
    hub = make_hub()
    hub.stop_hub()
    launcher = RealLauncher(tmp_path, environment(hub), workers=1).start()
    try:
        assert requests.get(f"{launcher.url}/health", timeout=5).ok
        hub.start_hub()
        assert launcher.hello("alice", hub=hub).status_code == 200
    finally:
        launcher.stop()
        hub.stop()


def test_a_throttled_hub_is_obeyed(make_hub, make_launcher):
    hub = make_hub(extra="c.JupyterHub.concurrent_spawn_limit = 1")
    launcher = make_launcher(hub)
    impatient = make_launcher(hub, workers=1, config="c.Launcher.queue_timeout = 2\n")
    tokens = [hub.token_of(f"slow-{n}") for n in range(3)]
    body = {"notebook": {"directory": "d"}}
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda token: launcher.post("/hello", body, token=token), tokens))
    assert [answer.status_code for answer in answers] == [200] * 3, answers[-1].text
    assert "throttling" in hub.hub.log.read_text()

    # and a launcher that may not wait so long says that the hub is busy
    hub.api("POST", "users", hub.add_user("never-1"), "server")
    answer = impatient.hello("bob", hub=hub)
    assert "too busy" in problem(answer, 503, "hub-busy")
    assert answer.headers["Retry-After"]
    hub.stop()


def test_a_hub_without_room_says_so(make_hub, make_launcher):
    hub = make_hub(extra="c.JupyterHub.active_server_limit = 1")
    launcher = make_launcher(hub, workers=1)
    assert launcher.hello("alice", hub=hub).status_code == 200
    answer = launcher.hello("bob", hub=hub)
    assert "limit exceeded" in problem(answer, 503, "server-limit")
    assert answer.headers["Retry-After"]
    hub.stop()


ELSEWHERE = "c.JupyterHub.authenticator_class = ElsewhereAuthenticator"


@pytest.mark.parametrize(
    "extra",
    [
        ELSEWHERE,
        ELSEWHERE + "; c.Authenticator.auto_login = True",
        "c.Authenticator.request_otp = True",
    ],
)
def test_a_hub_without_passwords_asks_for_a_token(make_hub, make_launcher, extra):
    hub = make_hub(extra=extra)
    launcher = make_launcher(hub, workers=1)
    body = {"notebook": {"directory": "d"}}
    for _ in range(15):  # not a wrong password: nobody is locked out
        answer = launcher.post("/hello", body, auth=("alice", "pässwörd of alice"))
        assert "token" in problem(answer, 401, "unauthorized")
    assert launcher.hello("alice", hub=hub).status_code == 200
    hub.stop()


def test_wrong_passwords_are_limited_over_all_workers_and_others_are_not(hub, make_launcher):
    launcher = make_launcher(hub, config="c.Launcher.max_failed_logins = 5")
    url = f"{launcher.url}/user"
    tries = [
        requests.get(url, auth=("victim", f"guess {n}"), timeout=30).status_code for n in range(12)
    ]
    assert tries == [401] * 5 + [429] * 7
    blocked = requests.get(url, auth=("victim", "guess"), timeout=30)
    assert 1 <= int(blocked.headers["Retry-After"]) <= 60
    other = requests.get(url, auth=("other", "pässwörd of other".encode()), timeout=30)
    assert other.json() == {"name": "other", "admin": False}


def test_a_token_of_an_administrator_works_with_one_warning(hub, make_launcher):
    launcher = make_launcher(hub, JUPYTERHUB_TOKEN=hub.admin_token)
    token = hub.token_of("alice")
    with ThreadPoolExecutor(16) as pool:
        bodies = [{"notebook": {"directory": f"warned-{n}"}} for n in range(32)]
        answers = list(pool.map(lambda body: launcher.post("/hello", body, token=token), bodies))
    assert {answer.status_code for answer in answers} == {200}
    assert launcher.log.count("may do more than the launcher needs") == 1
    assert "servers and tokens" in launcher.log


def test_strict_scopes_refuse_a_token_of_an_administrator(hub, make_launcher):
    launcher = make_launcher(
        hub, config="c.Launcher.strict_scopes = True", JUPYTERHUB_TOKEN=hub.admin_token
    )
    detail = problem(launcher.hello("alice", hub=hub), 503, "hub-refused")
    assert "servers and tokens" in detail


def test_a_token_without_scopes_is_told_to_the_administrator(hub, make_launcher):
    token = hub.token_of("nobody", scopes=["read:users:name!user"])
    launcher = make_launcher(hub, workers=1, JUPYTERHUB_TOKEN=token)
    assert problem(launcher.hello("alice", hub=hub), 503, "hub-refused")

    def details():
        checks = requests.get(f"{launcher.url}/ready").json()["checks"]
        return {check["name"]: check["detail"] for check in checks}

    wait_until(lambda: "lacks the scope servers and tokens" in details().get("token", ""))
    assert requests.get(f"{launcher.url}/ready").status_code == 503


def test_below_a_base_path(hub, make_launcher):
    launcher = make_launcher(hub, workers=1, prefix="/launcher", BASE_PATH="/launcher")
    assert launcher.hello("alice", "below", hub=hub).status_code == 200
    spec = requests.get(f"{launcher.url}/openapi.json", timeout=10).json()
    assert spec["servers"] == [{"url": "/launcher"}]
    page = requests.get(f"{launcher.url}/", timeout=10)
    assert page.url == f"{launcher.url}/ui/"
    assert page.status_code == 200
    assert requests.get(f"{launcher.origin}/hello", timeout=10).status_code == 404


MANAGED = """
c.JupyterHub.public_url = settings["public_url"]
c.JupyterHub.services = [
    {
        "name": "launcher",
        "url": settings["service_url"],
        "command": [sys.executable, "-m", "launcher", "serve", "--workers", "4"],
        "cwd": str(folder),
    },
    c.JupyterHub.services[1],
]
"""


def test_managed_by_the_hub(make_hub, tmp_path):
    extra = f"settings['service_url'] = 'http://127.0.0.1:{free_port()}'{MANAGED}"
    hub = make_hub(base_url="/jupyter/", extra=extra)
    url = f"{hub.url}/services/launcher"
    wait_until(lambda: requests.get(f"{url}/health", timeout=5).status_code == 200)
    token = hub.token_of("alice")
    answer = requests.post(
        f"{url}/hello",
        json={"notebook": {"directory": "managed"}},
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["location"].startswith(f"{hub.url}/user/alice/lab/")
    assert (hub.home("alice") / "managed/experiment.ipynb").is_file()
    assert requests.get(f"{url}/ready", timeout=10).status_code == 200
    assert requests.get(f"{url}/", timeout=10).url == f"{url}/ui/"
    hub.stop()


# as in README.md
PROMETHEUS = """
c.JupyterHub.services += [{"name": "prometheus", "api_token": "prometheus-" + 24 * "x"}]
c.JupyterHub.load_roles += [
    {"name": "prometheus", "services": ["prometheus"], "scopes": ["read:metrics"]}
]
"""


def test_prometheus_reads_with_the_token_of_a_service(make_hub, make_launcher):
    hub = make_hub(extra=PROMETHEUS)
    launcher = make_launcher(hub, workers=2)

    def status(token):
        headers = {"Authorization": f"Bearer {token}"}
        return requests.get(f"{launcher.url}/metrics", headers=headers, timeout=20).status_code

    assert status("prometheus-" + 24 * "x") == 200
    assert status(hub.token_of("alice")) == 403
    launcher.stop()
    hub.stop()


def test_when_jupyterhub_url_is_a_path(hub, make_launcher):
    path = hub.url.removeprefix(hub.origin)
    launcher = make_launcher(
        hub,
        workers=1,
        JUPYTERHUB_URL=path,
        JUPYTERHUB_API_URL=hub.api_url,
        config=(
            f"c.Launcher.proxy_url = {hub.url!r}\n"
            "c.Launcher.allowed_origins = ['https://hub.example.org', 'https://portal.example.org']"
        ),
    )
    body = {"notebook": {"directory": "path"}}
    token = hub.token_of("alice")
    for origin, expected in [
        ("https://portal.example.org", "https://portal.example.org"),
        ("https://evil.example.org", "https://hub.example.org"),
        (None, "https://hub.example.org"),
    ]:
        headers = {"Origin": origin} if origin else {}
        answer = launcher.post("/hello", body, token=token, headers=headers)
        assert answer.json()["location"].startswith(f"{expected}{path}/user/alice/lab/")


def test_gunicorn_without_the_asgi_worker_says_what_to_add(hub, tmp_path):
    launcher = RealLauncher(tmp_path, environment(hub), workers=1)
    command = launcher.gunicorn.command
    command[command.index("python:launcher.gunicorn")] = "/dev/null"
    launcher.gunicorn.command = [*command, "launcher.serve:app"]
    store.migrate(f"sqlite:///{tmp_path}/launcher.sqlite")
    launcher.gunicorn.start()
    try:
        wait_until(lambda: _get(launcher.url + "/health") is not None)
        answer = _get(launcher.url + "/health")
        assert answer.status_code == 500
        assert "-c python:launcher.gunicorn" in answer.text
    finally:
        launcher.stop()


def _get(url):
    try:
        return requests.get(url, timeout=5)
    except (requests.ConnectionError, requests.Timeout):
        return None


def test_a_wrong_setting_stops_the_start_with_a_sentence(tmp_path):
    for command in ("launcher serve", "gunicorn -c python:launcher.gunicorn"):
        ended = subprocess.run(
            [sys.executable, "-m", *command.split()],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ended.returncode != 0
        assert "Set JUPYTERHUB_URL" in ended.stderr
        assert "Traceback" not in ended.stderr
