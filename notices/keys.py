"""Keys derived from the one secret: for sealing, and one keyed hash a purpose, so that none can be mixed up."""

from __future__ import annotations

import base64
import hmac
import os
from functools import cached_property

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
NONCE_BYTES = 12
VERSION = b"\x01"  # AES-256-GCM, after it the nonce; what earlier releases sealed is Fernet, and begins with a letter
SEPARATOR = "\x1f"  # cannot occur in an id; without one, ("ab", "c") and ("a", "bc") would be the same


class SealBroken(ValueError):
    """A sealed value was written under another secret, or was altered."""


class Keys:
    """Everything that hangs on the secret. Made once a process; deriving takes microseconds."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def __repr__(self) -> str:  # the secret never reaches a log
        return "Keys(...)"

    @cached_property
    def _cipher(self) -> AESGCM:
        return AESGCM(self._derive("seal/1"))

    @cached_property
    def _fernet(self) -> Fernet:
        return Fernet(base64.urlsafe_b64encode(self._derive("seal")))

    @cached_property
    def _hashes(self) -> dict[str, hmac.HMAC]:
        return {}

    def seal(self, plain: bytes) -> bytes:
        """Encrypt and authenticate."""
        nonce = os.urandom(NONCE_BYTES)
        return VERSION + nonce + self._cipher.encrypt(nonce, plain, VERSION)

    def unseal(self, sealed: bytes) -> bytes:
        """The plain bytes, also of what an earlier release sealed. Raises SealBroken under another secret."""
        try:
            if sealed[:1] != VERSION:
                return self._fernet.decrypt(sealed)
            start = 1 + NONCE_BYTES
            return self._cipher.decrypt(sealed[1:start], sealed[start:], VERSION)
        except (InvalidTag, InvalidToken, ValueError) as error:  # ValueError: cut short
            raise SealBroken(
                "a sealed value cannot be opened: BEFOREHAND_SECRET (or secret.key) is not the one it was written "
                "under. Nothing was sent. Restore the old secret, or ingest people again under the new one."
            ) from error

    def digest(self, purpose: str, *parts: str) -> str:
        """A keyed hash of the parts: 64 hexadecimal digits, the same for ever, meaningless without the secret."""
        keyed = self._hashes.get(purpose)
        if keyed is None:
            keyed = self._hashes[purpose] = hmac.new(self._derive(purpose), digestmod="sha256")
        begun = keyed.copy()  # the key is hashed once; a copy takes less time than a new beginning
        begun.update(SEPARATOR.join(parts).encode())
        return begun.hexdigest()

    def share(self, purpose: str, *parts: str) -> float:
        """The same hash as a number in [0, 1): where a person stands in a permanent draw."""
        return int(self.digest(purpose, *parts)[:13], 16) / 16**13

    def _derive(self, purpose: str) -> bytes:
        return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"beforehand/{purpose}".encode()).derive(self._secret)
