"""A real hub with `internal_ssl`: hub, proxy, servers and services have certificates of its own."""

import os
import re
import shlex
import subprocess

from documents import CHECKOUT
from realhub import RealHub

TLS = """
c.JupyterHub.internal_ssl = True
c.JupyterHub.internal_certs_location = str(folder / "internal-ssl")
c.JupyterHub.hub_bind_url = settings["hub_url"].replace("http:", "https:")
c.ConfigurableHTTPProxy.should_start = True
c.ConfigurableHTTPProxy.api_url = settings["proxy_api_url"].replace("http:", "https:")
"""
PAGE = (CHECKOUT / "docs/internal_ssl.md").read_text(encoding="utf-8")
ISSUE = shlex.split(re.search("^certipy .*$", PAGE, re.MULTILINE)[0])


class TLSHub(RealHub):
    """A hub that starts its proxy itself, with the certificates of both."""

    def __init__(self, folder, extra=""):
        super().__init__(folder, extra=TLS + extra)
        # the hub itself asks for a certificate; the proxy has one
        self.api_url = f"{self.url}/hub/api"
        self.direct_api_url = f"{self.hub_url.replace('http:', 'https:')}/hub/api"

    def start(self):
        self.start_hub()
        return self

    def generate_certificates(self):
        """Make the authorities, as an administrator does before the first start."""
        self._run([*self.hub.command, "--generate-certs"])

    def issue(self):
        """Make the launcher's certificate; returns its variables."""
        self._run(ISSUE)
        own = self.folder / "internal-ssl"
        return {
            "JUPYTERHUB_SSL_KEYFILE": str(own / "launcher/launcher.key"),
            "JUPYTERHUB_SSL_CERTFILE": str(own / "launcher/launcher.crt"),
            "JUPYTERHUB_SSL_CLIENT_CA": str(own / "notebooks-ca_trust.crt"),
        }

    def _run(self, command):
        environment = {**os.environ, **self.hub.env}
        subprocess.run(command, env=environment, cwd=self.folder, check=True, capture_output=True)
