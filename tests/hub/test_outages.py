"""What the launcher says of a hub that is away, restarts, is full or takes no passwords."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from realhub import RealLauncher, environment, problem
from waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def own_hub(make_hub):
    return make_hub()


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


def test_a_hub_without_room_says_so(make_hub, make_launcher):
    hub = make_hub(extra="c.JupyterHub.active_server_limit = 1")
    launcher = make_launcher(hub, workers=1)
    assert launcher.hello("alice", hub=hub).status_code == 200
    answer = launcher.hello("bob", hub=hub)
    assert "limit exceeded" in problem(answer, 503, "server-limit")
    assert answer.headers["Retry-After"]


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
