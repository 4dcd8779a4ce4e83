"""Certificates of an authority made on the spot, as a site's private one."""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Authority:
    """A certificate authority that nobody trusts unless told to (`bundle`)."""

    def __init__(self, folder: Path, *, days: int = 1) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("a site's own authority")
        built = _certificate(self._name, self._name, self._key, days=days)
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        built = built.add_extension(constraints, critical=True)
        self._certificate = built.sign(self._key, hashes.SHA256())
        self.bundle = folder / "authority.pem"
        self.bundle.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def server(self, *, address: str = "127.0.0.1", days: int = 1, own: bool = False):
        """TLS for a server at an address or name; `own`: a certificate that it signed itself."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.server_file(address=address, days=days, own=own))
        return context

    def server_file(self, *, address: str = "127.0.0.1", days: int = 1, own: bool = False) -> Path:
        """A PEM file with such a certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(address)
        built = _certificate(subject, subject if own else self._name, key, days=days)
        names = x509.SubjectAlternativeName([_general_name(address)])
        signed = built.add_extension(names, critical=False).sign(
            key if own else self._key, hashes.SHA256()
        )
        path = self._folder / f"server-{signed.serial_number}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path.write_bytes(signed.public_bytes(serialization.Encoding.PEM) + private)
        return path


def _general_name(address: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(address))
    except ValueError:
        return x509.DNSName(address)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(subject, issuer, key, *, days):
    """Valid from ten days ago until `days` from now."""
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=10))
        .not_valid_after(now + timedelta(days=days))
    )
