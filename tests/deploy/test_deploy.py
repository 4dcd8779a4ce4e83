"""The files of deploy/ for systemd, nginx and Caddy start, and do what docs/install.md says."""

import contextlib
import re
import shutil
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from application import environment
from certificates import Authority
from fakehub import Start
from ports import free_port
from waiting import MAX_SECONDS, wait_until

pytestmark = pytest.mark.system

DEPLOY = Path(__file__).parents[2] / "deploy"
PREFIX = "/services/launcher"


@pytest.fixture(scope="module")
def behind(_fakehub, tmp_path_factory):
    """The port of a launcher that expects one proxy in front of it, below the prefix."""
    folder = tmp_path_factory.mktemp("behind")
    port = free_port()
    (folder / "launcher_config.py").write_text(
        "c.Launcher.trusted_hops = 1\nc.Launcher.max_failed_logins_per_address = 1\n"
    )
    command = [sys.executable, "-m", "launcher", "serve", "--workers", "1"]
    with running(
        [*command, "--bind", f"127.0.0.1:{port}"],
        folder,
        {**environment(_fakehub, folder), "BASE_PATH": PREFIX},
    ) as process:
        wait_until(lambda: answers(process, f"http://127.0.0.1:{port}{PREFIX}/health"), "launcher")
        yield port


@contextlib.contextmanager
def running(command, folder, environ=None):
    """A process with its output in `folder`/log, which ends with the block."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environ, stdout=log, stderr=subprocess.STDOUT
        )
    process.log = folder / "log"
    try:
        yield process
    finally:
        process.terminate()
        process.wait(MAX_SECONDS)


def answers(process, url, **options):
    assert process.poll() is None, process.log.read_text()
    with contextlib.suppress(requests.ConnectionError):
        return requests.get(url, timeout=MAX_SECONDS, **options).status_code


def replaced(text, *pairs):
    """The text with each pair's first word replaced; one that is missing fails."""
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, str(new))
    return text


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def nginx(behind, authority, _fakehub, tmp_path_factory):
    """nginx with deploy/nginx/launcher.conf, on a port of its own."""
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    certificate = authority.server_file()
    site = replaced(
        (DEPLOY / "nginx/launcher.conf").read_text(),
        ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        ("    listen [::]:443 ssl;\n", ""),
        ("/etc/ssl/certs/hub.example.org.pem", certificate),
        ("/etc/ssl/private/hub.example.org.key", certificate),
        ("127.0.0.1:8888", f"127.0.0.1:{behind}"),
        ("http://127.0.0.1:8000", _fakehub.url),
    )
    (folder / "site.conf").write_text(site)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    (folder / "nginx.conf").write_text(
        f"user root; daemon off; pid {folder}/pid; error_log stderr;"
        "events {} http { access_log off; " + paths + f" include {folder}/site.conf; }}"
    )
    command = [shutil.which("nginx"), "-e", "stderr", "-p", folder, "-c", folder / "nginx.conf"]
    url = f"https://127.0.0.1:{port}"
    with running(command, folder) as process:
        wait_until(
            lambda: answers(process, f"{url}{PREFIX}/health", verify=authority.bundle), "nginx"
        )
        yield url


@pytest.fixture(scope="module")
def caddy(behind, authority, _fakehub, tmp_path_factory):
    """Caddy with deploy/caddy/Caddyfile, on a port of its own and with a certificate of ours."""
    folder, port = tmp_path_factory.mktemp("caddy"), free_port()
    certificate = authority.server_file()
    site = replaced(
        (DEPLOY / "caddy/Caddyfile").read_text(),
        (
            "\nhub.example.org {",
            f"\n{{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n}}\n"
            f"https://127.0.0.1:{port} {{\n\ttls {certificate} {certificate}",
        ),
        ("127.0.0.1:8888", f"127.0.0.1:{behind}"),
        ("127.0.0.1:8000", _fakehub.url),
    )
    (folder / "Caddyfile").write_text(site)
    environ = {"HOME": str(folder), "PATH": "/usr/bin:/bin"}
    command = [shutil.which("caddy"), "run", "--config", "Caddyfile", "--adapter", "caddyfile"]
    url = f"https://127.0.0.1:{port}"
    with running(command, folder, environ) as process:
        wait_until(
            lambda: answers(process, f"{url}{PREFIX}/health", verify=authority.bundle), "caddy"
        )
        yield url


@pytest.fixture(params=["nginx", "caddy"])
def proxy(request, authority, fakehub):
    """A session with a proxy in front of the launcher, and the proxy's address."""
    with requests.Session() as session:
        session.trust_env = False  # REQUESTS_CA_BUNDLE would replace `verify`
        session.verify = str(authority.bundle)
        yield session, request.getfixturevalue(request.param)


def test_a_launch_passes_the_proxy_with_its_prefix(proxy, alice):
    session, url = proxy
    body = {"notebook": {"directory": "behind"}}
    answer = session.post(f"{url}{PREFIX}/hello", json=body, headers=alice.auth)
    assert answer.status_code == 200, answer.text
    assert alice.notebooks == ["behind/experiment.ipynb"]


def test_the_hub_is_at_the_root(proxy):
    session, url = proxy
    assert session.get(f"{url}/hub/api/").json()["version"]


def test_events_come_before_the_launch_ends(proxy, fakehub):
    session, url = proxy
    user = fakehub.add_user(starts=[Start(outcome="never", messages=("Pulling the image",))])
    body = {"notebook": {"directory": "streamed"}}
    headers = {**user.auth, "Prefer": "respond-async"}
    path = session.post(f"{url}{PREFIX}/hello", json=body, headers=headers).headers["Location"]
    with session.get(f"{url}{path}/events", headers=user.auth, stream=True, timeout=20) as stream:
        lines = stream.iter_lines()
        assert any(b"Pulling the image" in line for line in lines)
    assert session.delete(f"{url}{path}", headers=user.auth).status_code == 200


def test_a_body_that_is_too_large_is_refused(proxy, alice):
    session, url = proxy
    body = b" " * (2**20 + 1000)
    headers = {**alice.auth, "Content-Type": "application/json"}
    assert session.post(f"{url}{PREFIX}/hello", data=body, headers=headers).status_code == 413


def test_a_client_cannot_choose_its_address(proxy, fakehub):
    """Two wrong passwords are two of one address, whatever the header says."""
    session, url = proxy
    statuses = []
    for number in range(3):
        user = fakehub.add_user()
        answer = session.get(
            f"{url}{PREFIX}/user",
            auth=(user.name, "wrong"),
            headers={"X-Forwarded-For": f"192.0.2.{number}"},
        )
        statuses.append(answer.status_code)
    assert statuses[-1] == 429, statuses


def test_nginx_ends_a_request_that_does_not_arrive(nginx, authority):
    context = ssl.create_default_context(cafile=authority.bundle)
    host, port = nginx.removeprefix("https://").split(":")
    with (
        socket.create_connection((host, int(port)), timeout=MAX_SECONDS) as wire,
        context.wrap_socket(wire, server_hostname=host) as tls,
    ):
        tls.sendall(b"GET /services/launcher/health HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        assert b"200" not in tls.recv(1000)


# systemd

UNIT = DEPLOY / "systemd/launcher.service"


@pytest.fixture
def unit(tmp_path):
    """The unit with the launcher's command of this environment."""
    command = Path(sys.executable).with_name("launcher")
    path = tmp_path / UNIT.name
    path.write_text(replaced(UNIT.read_text(), ("/opt/launcher/bin/launcher", command)))
    return path


def test_systemd_takes_the_unit(unit):
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert str(unit) not in done.stderr


def test_the_unit_is_hardened(unit):
    """The exposure level of systemd-analyze is 0 (safe) to 10; 2.0 is `OK`."""
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", unit]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-200:]


def test_systemd_is_told_when_the_launcher_is_ready(unit, fakehub, tmp_path):
    """As `Type=notify` expects it, and below the path that the unit sets."""
    text = unit.read_text()
    port = free_port()
    command = re.search(r"^ExecStart=(.*)$", text, re.MULTILINE)[1]
    command = replaced(command, ("127.0.0.1:8888", f"127.0.0.1:{port}")).split()
    base_path = re.search(r"^Environment=BASE_PATH=(.*)$", text, re.MULTILINE)[1]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(tmp_path / "notify"))
        told.settimeout(MAX_SECONDS)
        environ = {
            **environment(fakehub, tmp_path),
            "BASE_PATH": base_path,
            "NOTIFY_SOCKET": str(tmp_path / "notify"),
        }
        with running(command, tmp_path, environ):
            assert b"READY=1" in told.recv(1000)
            url = f"http://127.0.0.1:{port}{base_path}/health"
            assert requests.get(url, timeout=MAX_SECONDS).ok


def test_a_configuration_that_cannot_be_used_is_not_started_again(unit, tmp_path):
    status = re.search(r"^RestartPreventExitStatus=(\d+)$", unit.read_text(), re.MULTILINE)[1]
    command = [Path(sys.executable).with_name("launcher"), "serve"]
    done = subprocess.run(command, cwd=tmp_path, env={}, capture_output=True, text=True)
    assert done.returncode == int(status), done.stderr
