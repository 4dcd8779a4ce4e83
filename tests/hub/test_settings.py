"""A launcher beside a real hub with settings, tokens, paths and services of every kind."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import requests
from ports import free_port
from realhub import RealLauncher, environment, problem
from waiting import wait_until

from launcher import store


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
    assert launcher.log.count("has scopes that the launcher does not need") == 1
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
    page = requests.get(f"{launcher.url}/", timeout=10, allow_redirects=False)
    assert page.headers["Location"] == "/launcher/home/"
    assert requests.get(f"{launcher.url}/ui/", timeout=10).status_code == 200
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
    home = requests.get(f"{url}/", timeout=10)
    assert "/hub/login" in home.url, "the hub's sign-in, which leads back to the home page"
    assert "oauth_callback" in home.url
    hub.stop()


# as in docs/monitoring.md
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
