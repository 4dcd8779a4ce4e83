"""TLS between the launcher and a hub that has `c.JupyterHub.internal_ssl`.

Hub and proxy then accept connections only from those who have a certificate of the hub's own
authorities (JupyterHub's document "Security settings").
"""

import ssl
from dataclasses import dataclass


@dataclass(frozen=True)
class CertificateFiles:
    """The paths of the launcher's own key and certificate, and of the authorities it trusts."""

    key: str
    certificate: str
    authority: str
    """'' for the authorities of the machine alone."""


def client_context(certificates: CertificateFiles) -> ssl.SSLContext:
    """TLS for requests to the hub; raises OSError if the files cannot be used.

    The machine's authorities are trusted, too, as by JupyterHub's own `make_ssl_context`: the proxy
    in front of a hub usually has a public certificate.
    """
    context = ssl.create_default_context(cafile=certificates.authority or None)
    context.load_default_certs()
    context.load_cert_chain(certificates.certificate, certificates.key)
    return context
