"""Keyed hashes: what is remembered of a credential, a name or an address."""

import hashlib
import hmac


def derived(secret: bytes, purpose: str) -> bytes:
    """A key of its own for each purpose, from the launcher's secret."""
    return hmac.digest(secret, purpose.encode("ascii"), hashlib.sha256)


def digest(key: bytes, *parts: str) -> bytes:
    """32 bytes that nobody without the key can tell the parts from; no part may hold U+0000."""
    message = b"\x00".join(part.encode("utf-8", "surrogatepass") for part in parts)
    return hashlib.blake2b(message, key=key, digest_size=32).digest()
