"""Seals values that a browser keeps: encrypted and authenticated (AES-256-GCM, RFC 5116)."""

import base64
import binascii
import json
import os
import time
import zlib
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from launcher.digests import derived

_NONCE = 12  # bytes, as RFC 5116 recommends
MAX_SEALED = 16_384


class Seal:
    """Seals JSON values for one purpose, with a key derived from the launcher's secret.

    All processes and machines that share the secret can open what one of them sealed.
    """

    def __init__(self, secret: bytes, purpose: str) -> None:
        self._cipher = AESGCM(derived(secret, f"launcher seal: {purpose}"))

    def close(self, value: dict[str, Any], seconds: float) -> str:
        """Seal a value for so many seconds; returns letters, digits, `-` and `_`."""
        text = json.dumps([time.time() + seconds, value], ensure_ascii=False)
        nonce = os.urandom(_NONCE)
        packed = zlib.compress(text.encode("utf-8", "surrogatepass"), 9)
        sealed = nonce + self._cipher.encrypt(nonce, packed, None)
        return base64.urlsafe_b64encode(sealed).decode("ascii").rstrip("=")

    def open(self, text: str) -> dict[str, Any] | None:
        """The sealed value; None if it was changed, made with another key, or is too old."""
        if len(text) > MAX_SEALED:
            return None
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            packed = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], None)
        except (binascii.Error, InvalidTag, ValueError):
            return None
        # what can be decrypted is our own
        until, value = json.loads(zlib.decompress(packed).decode("utf-8", "surrogatepass"))
        found: dict[str, Any] = value
        return found if time.time() < until else None
