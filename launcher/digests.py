"""Keyed hashes of credentials, names and addresses, which are stored in place of them."""

import hashlib
import hmac


def derived(secret: bytes, purpose: str) -> bytes:
    """Derive a key for one purpose from the launcher's secret."""
    return hmac.digest(secret, purpose.encode("ascii"), hashlib.sha256)


def digest(key: bytes, *parts: str) -> bytes:
    """The keyed hash (32 bytes) of the parts; no part may contain U+0000."""
    message = b"\x00".join(part.encode("utf-8", "surrogatepass") for part in parts)
    return hashlib.blake2b(message, key=key, digest_size=32).digest()
