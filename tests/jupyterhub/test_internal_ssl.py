"""A hub with internal_ssl and a launcher beside it, which know each other by certificates."""

from types import SimpleNamespace

import pytest
import requests
from answering_launcher import answering
from certificates import Authority
from conda_like import conda_like, runs_in
from doctoring import DOCTOR, run_doctor
from hooked_hub import CONFIGURE, SECRET, environment_of
from ports import free_port
from realhub import RealLauncher, environment
from site_of_launcher import SERVICE, Person
from tls_hub import TLSHub
from waiting import wait_until

from launcher.jupyterhub.transport import Certificates, LauncherAway, ask

pytestmark = pytest.mark.slow

# the hub looks for services with the TLS context of its own server, which cannot connect
DO_NOT_WAIT = """
from jupyterhub.services.service import Service
if Service.class_traits().get("timeout"):
    c.JupyterHub.services[-1]["timeout"] = 1
"""
SETTINGS = """
c.Launcher.systems = [{"name": "local", "display_name": "Here", "hostname": ""}]
c.Launcher.entrypoint_types = [{"name": "conda", "display_name": "Conda", "mutable": True}]
"""


class Site:
    """A hub, and a launcher that serves its proxy and its spawn hook over TLS."""

    def __init__(self, folder):
        self.url = f"https://127.0.0.1:{free_port()}"
        configure = CONFIGURE.format(url=self.url, secret=SECRET)
        self.hub = TLSHub(folder / "hub", extra=configure + DO_NOT_WAIT)
        self.hub.generate_certificates()
        self.environment = environment(
            self.hub,
            JUPYTERHUB_API_URL=self.hub.direct_api_url,
            JUPYTERHUB_SERVICE_URL=self.url,
            BASE_PATH=f"/{SERVICE}",
            LAUNCHER_HOOK_TOKEN=SECRET,
            **self.hub.issue(),
        )
        port = int(self.url.rpartition(":")[2])
        self.launcher = RealLauncher(folder / "launcher", self.environment, workers=2, port=port)
        self.public_url = f"{self.hub.url}/{SERVICE}"
        (folder / "launcher/launcher_config.py").write_text(SETTINGS)

    def start(self):
        self.launcher.gunicorn.start()
        self.hub.start()
        wait_until(self._is_ready, "the launcher")
        return self

    def _is_ready(self):
        assert self.launcher.gunicorn.process.poll() is None, self.launcher.log[-3000:]
        return requests.get(f"{self.public_url}/ready", timeout=5).status_code == 200

    def stop(self):
        self.hub.stop()
        self.launcher.stop()


def post(hub, user, path, body):
    """A request of a user to the launcher, through the hub's proxy."""
    headers = {"Authorization": f"token {hub.token_of(user)}"}
    answer = requests.post(f"{hub.url}/{SERVICE}{path}", json=body, headers=headers, timeout=120)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("site"))
    try:
        yield site.start()
    finally:
        site.stop()


MANAGED = """
from launcher.jupyterhub import configure
c.JupyterHub.public_url = settings["public_url"]
c.JupyterHub.services = c.JupyterHub.services[1:]
c.JupyterHub.load_roles = []
configure(c, "local", url={url!r})
"""


@pytest.fixture
def managed_site(tmp_path):
    """A hub that starts its launcher, and gives it a certificate."""
    hub = TLSHub(tmp_path / "hub", extra=MANAGED.format(url=f"http://127.0.0.1:{free_port()}"))
    hub.folder.joinpath("launcher_config.py").write_text(SETTINGS)
    try:
        hub.start()
        ready = f"{hub.url}/{SERVICE}/ready"
        wait_until(lambda: requests.get(ready, timeout=5).status_code == 200, "the launcher")
        yield hub
    finally:
        hub.stop()


@pytest.fixture
def certificates(site):
    """The hub's, at the places where `configure` takes them from."""
    own = site.hub.folder / "internal-ssl"
    return Certificates(
        key=str(own / "hub-internal/hub-internal.key"),
        certificate=str(own / "hub-internal/hub-internal.crt"),
        authority=str(own / "hub-ca_trust.crt"),
    )


def test_an_experiment_opens_in_the_environment_of_a_user(site, tmp_path):
    mine = conda_like(tmp_path / "mine")
    entrypoint = {"name": "mine", "type": "conda", "data": {"path": str(mine)}}
    post(site.hub, "alice", "/users/alice/systems/local", entrypoint)
    notebook = {"directory": "lab", "entrypoint": "mine"}
    opened = post(site.hub, "alice", "/experiments/hello", {"notebook": notebook})
    assert opened["location"].startswith(f"{site.hub.url}/user/alice/")
    assert (site.hub.home("alice") / "lab/experiment.ipynb").is_file()
    assert runs_in(site.hub.home("alice")) == str(mine)
    found = environment_of(site.hub, "alice")
    assert found["JUPYTERHUB_SERVICE_URL"].startswith("https://")
    assert found["LAUNCHER_URL"] == site.public_url
    site.hub.stop_server("alice")


def test_people_sign_in_through_the_hub(site):
    site.hub.add_user("bob")
    browser = Person(SimpleNamespace(hub=site.hub, url=site.public_url), "bob").log_in()
    page = browser.page("/home/")
    assert page.status_code == 200
    assert "bob" in page.text
    assert page.url.startswith(f"{site.public_url}/home/")


def test_the_doctor_knows_the_certificates(site):
    folder = site.launcher.gunicorn.folder
    report = run_doctor([*DOCTOR, "--json"], folder=folder, env=site.environment)
    assert "trusted until" in report.detail("certificates", "ok")
    assert site.hub.direct_api_url in report.checks["hub"]["detail"]
    assert report.statuses["path"] == "ok"

    without = {key: value for key, value in site.environment.items() if "_SSL_" not in key}
    report = run_doctor([*DOCTOR, "--json"], folder=folder, env=without)
    assert "its certificate is not trusted" in report.detail("certificates", "failed")
    assert report.fix("certificates").startswith("JUPYTERHUB_SSL_KEYFILE=")
    assert "its certificate is not trusted" in report.detail("hub", "failed")


def test_the_launcher_lets_in_nobody_but_the_hub_and_its_proxy(site, certificates):
    own = site.hub.folder / "internal-ssl"
    bundle = own / "authorities.crt"
    names = ("notebooks-ca", "hub-ca")
    bundle.write_text("".join((own / name / f"{name}.crt").read_text() for name in names))
    health = f"{site.url}/{SERVICE}/health"
    hub = (certificates.certificate, certificates.key)
    assert requests.get(health, verify=bundle, cert=hub, timeout=10).status_code == 200
    user = (str(own / "launcher/launcher.crt"), str(own / "launcher/launcher.key"))
    for cert in (None, user):  # users' servers have certificates of the same authority
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(health, verify=bundle, cert=cert, timeout=10)


@pytest.mark.parametrize("own", [True, False])
async def test_the_secret_is_not_sent_to_somebody_else(certificates, tmp_path, own):
    context = Authority(tmp_path).server(own=own)
    with answering(SECRET, tls=context) as impostor:
        url = f"{impostor.url}/hub/users/alice/systems/local/spawn"
        with pytest.raises(LauncherAway):
            await ask(url, SECRET, {}, seconds=10, certificates=certificates)
        assert not impostor.questions


def test_a_launcher_that_the_hub_starts_uses_the_certificate_it_gets(managed_site):
    opened = post(managed_site, "dora", "/hello", {"notebook": {"directory": "lab"}})
    assert opened["location"].startswith(f"{managed_site.url}/user/dora/")
    assert (managed_site.home("dora") / "lab/experiment.ipynb").is_file()
    browser = Person(SimpleNamespace(hub=managed_site, url=f"{managed_site.url}/{SERVICE}"), "dora")
    assert "dora" in browser.log_in().page("/home/").text
