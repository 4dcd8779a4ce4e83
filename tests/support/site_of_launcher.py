"""A launcher below its hub's proxy, as a site has it, and people who sign in to its pages."""

import html
import re
from contextlib import contextmanager
from urllib.parse import urljoin

import requests
from ports import free_port
from realhub import RealHub, RealLauncher, environment

SERVICE = "services/launcher"


class Site:
    """A real hub whose proxy serves a real launcher."""

    def __init__(self, folder, *, base_url="/", workers=2, config="", extra="", **more):
        port = free_port()
        service = f"c.JupyterHub.services[0].update(url='http://127.0.0.1:{port}')\n"
        service += "c.JupyterHub.services[0]['oauth_no_confirm'] = True\n"
        self.hub = RealHub(folder / "hub", base_url, service + extra)
        self.prefix = f"{base_url}{SERVICE}"
        more = {"JUPYTERHUB_API_URL": self.hub.api_url, "BASE_PATH": self.prefix, **more}
        (folder / "launcher").mkdir()
        (folder / "launcher" / "launcher_config.py").write_text(config)
        self.launcher = RealLauncher(
            folder / "launcher", environment(self.hub, **more), workers, self.prefix, port
        )
        self.url = self.hub.origin + self.prefix

    def start(self):
        """Start the launcher first: the hub waits for it."""
        self.launcher.start()
        self.hub.start()
        return self

    def stop(self):
        """Stop the proxy first: gunicorn waits for its idle connections."""
        self.hub.stop()
        self.launcher.stop()


@contextmanager
def sites(tmp_path_factory, kind=Site):
    """Starts sites of a kind, and stops them at the end."""
    made = []

    def make(**options):
        made.append(kind(tmp_path_factory.mktemp("site"), **options))
        return made[-1].start()

    try:
        yield make
    finally:
        for site in made:
            site.stop()


class Person(requests.Session):
    """Somebody with a browser without scripts, who is known to a real hub."""

    def __init__(self, site: Site, name: str):
        super().__init__()
        self.site, self.name = site, name

    def log_in(self):
        """Sign in with the hub's own form."""
        login = f"{self.site.hub.url}/hub/login"
        self.get(login)
        xsrf = next(c.value for c in self.cookies if c.name == "_xsrf" and "/hub/" in c.path)
        fields = {"username": self.name, "password": f"pässwörd of {self.name}", "_xsrf": xsrf}
        answer = self.post(login, data=fields, allow_redirects=False)
        assert answer.status_code == 302, answer.text
        return self

    def page(self, path, **options):
        """GET a page of the launcher; a sign-in on the way is followed."""
        return self.get(self.site.url + path, **options)

    def submit(self, path, page=None, **fields):
        """POST a form of the launcher with the XSRF token of a page."""
        fields["_xsrf"] = xsrf_of(page or self.page("/home/"))
        return self.post(self.site.url + path, data=fields, allow_redirects=False)


def xsrf_of(page) -> str:
    """The XSRF token in a page."""
    return html.unescape(re.search(r'name="_xsrf" value="([^"]+)"', page.text)[1])


def steps(session, url, most=10):
    """The answers of a chain of redirects that starts at `url`."""
    for _ in range(most):
        answer = session.get(url, allow_redirects=False)
        yield answer
        if not answer.is_redirect:
            return
        url = urljoin(url, answer.headers["Location"])
