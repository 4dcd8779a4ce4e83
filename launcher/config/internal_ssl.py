"""Settings of a hub with `c.JupyterHub.internal_ssl`."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from traitlets import Unicode, default
from traitlets.config import Configurable

from launcher.internal_ssl import CertificateFiles


class InternalSSLSettings(Configurable):
    """The launcher's certificate for a hub that asks for one."""

    _environ: Mapping[str, str]

    internal_ssl_key = Unicode(
        help="""The file of the key of `internal_ssl_cert`. Default: `JUPYTERHUB_SSL_KEYFILE`."""
    ).tag(config=True)
    internal_ssl_cert = Unicode(
        help="""The file of the launcher's own certificate, for a hub with
        c.JupyterHub.internal_ssl whose API the launcher calls directly. Default:
        `JUPYTERHUB_SSL_CERTFILE`, which such a hub sets for a service that it starts."""
    ).tag(config=True)
    internal_ssl_ca = Unicode(
        help="""The file of the authorities that sign the certificates of the hub and of its proxy:
        `notebooks-ca_trust.crt` in c.JupyterHub.internal_certs_location. Default:
        `JUPYTERHUB_SSL_CLIENT_CA`."""
    ).tag(config=True)

    @default("internal_ssl_key")
    def _internal_ssl_key(self) -> str:
        return self._environ.get("JUPYTERHUB_SSL_KEYFILE", "")

    @default("internal_ssl_cert")
    def _internal_ssl_cert(self) -> str:
        return self._environ.get("JUPYTERHUB_SSL_CERTFILE", "")

    @default("internal_ssl_ca")
    def _internal_ssl_ca(self) -> str:
        return self._environ.get("JUPYTERHUB_SSL_CLIENT_CA", "")

    @property
    def certificates(self) -> CertificateFiles | None:
        """The files of the three settings; None if the launcher has no certificate."""
        if not self.internal_ssl_cert:
            return None
        return CertificateFiles(self.internal_ssl_key, self.internal_ssl_cert, self.internal_ssl_ca)

    @property
    def serves_tls(self) -> bool:
        """Whether only the hub and its proxy may connect, with their certificates.

        That is where the hub's service has an https URL.
        """
        url = urlsplit(self._environ.get("JUPYTERHUB_SERVICE_URL", ""))
        return url.scheme == "https" and self.certificates is not None
