"""DKIM (RFC 6376): proof to the recipient's server that a mail is ours and was not altered on its way.

Signed when a mail is sent, not when it is planned: a mail that waited for days is never signed with a key that was
taken out of service meanwhile. The same mail under the same key gives the same bytes: the signature has no timestamp.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

MIN_RSA_BITS = 1024  # RFC 8301: verifiers must not accept less; 2048 is what one should have
LINE_LENGTH = 72
# All that a mail program shows or acts on. From and the unsubscribe headers stand twice: one that is added later breaks
# the signature.
SIGNED = (
    "from", "from", "to", "subject", "date", "message-id", "auto-submitted", "feedback-id", "content-language",
    "list-unsubscribe", "list-unsubscribe", "list-unsubscribe-post", "list-unsubscribe-post", "mime-version",
    "content-type",
)  # fmt: skip
_SPACES = re.compile(rb"[ \t]+")
_FOLD = re.compile(rb"\r\n(?=[ \t])")


class SigningKeyUnusable(ValueError):
    """A DKIM key that cannot sign. The message never repeats the key."""


class Signer:
    """Signs as ``domain`` with the key that its DNS names ``selector``. RSA of 1,024 bits or more, or Ed25519.

    pem: the private key, unencrypted. Raises SigningKeyUnusable for anything else.
    """

    def __init__(self, pem: bytes, domain: str, selector: str) -> None:
        try:
            key = load_pem_private_key(pem, None)
        except (ValueError, TypeError) as error:
            raise SigningKeyUnusable(f"the DKIM key is not an unencrypted PEM private key: {error}") from error
        if isinstance(key, RSAPrivateKey) and key.key_size < MIN_RSA_BITS:
            raise SigningKeyUnusable(f"the DKIM key has {key.key_size} bits; {MIN_RSA_BITS} or more are needed")
        if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
            raise SigningKeyUnusable("the DKIM key is neither RSA nor Ed25519")
        self._key = key
        self.domain, self.selector = domain, selector

    def __repr__(self) -> str:  # a key never reaches a log
        return f"Signer({self.selector}._domainkey.{self.domain})"

    def signed(self, mime: bytes) -> bytes:
        """The same message with a DKIM-Signature on top. mime: as it goes over the wire, lines end in CRLF."""
        head, _, body = mime.partition(b"\r\n\r\n")
        headers = _headers(head + b"\r\n")
        names = [name for name in dict.fromkeys(SIGNED) if name in headers]
        listed = [name for name in SIGNED if name in names]
        algorithm = "rsa-sha256" if isinstance(self._key, RSAPrivateKey) else "ed25519-sha256"
        body_hash = base64.b64encode(hashlib.sha256(_relaxed_body(body)).digest()).decode()
        value = (
            f"v=1; a={algorithm}; c=relaxed/relaxed;\r\n\td={self.domain}; s={self.selector};\r\n"
            f"\th={_folded(':'.join(listed), ':')};\r\n\tbh={body_hash};\r\n\tb="
        )
        mine = f"DKIM-Signature: {value}".encode("ascii")
        signature = base64.b64encode(self._sign(b"".join(_chosen(headers, listed)) + _relaxed(mine))).decode()
        wrapped = "\r\n\t".join(signature[at : at + LINE_LENGTH] for at in range(0, len(signature), LINE_LENGTH))
        return mine + wrapped.encode("ascii") + b"\r\n" + mime

    def dns_record(self) -> str:
        """What the TXT record ``<selector>._domainkey.<domain>`` must hold."""
        public = self._key.public_key()
        if isinstance(self._key, RSAPrivateKey):
            shown = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            return f"v=DKIM1; k=rsa; p={base64.b64encode(shown).decode()}"
        shown = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return f"v=DKIM1; k=ed25519; p={base64.b64encode(shown).decode()}"

    def _sign(self, data: bytes) -> bytes:
        if isinstance(self._key, RSAPrivateKey):
            return self._key.sign(data, PKCS1v15(), SHA256())
        return self._key.sign(hashlib.sha256(data).digest())  # RFC 8463: what is signed is the hash


def _headers(head: bytes) -> dict[str, list[bytes]]:
    """Each header in relaxed form, by lower-case name, the last one first: RFC 6376 counts from the bottom."""
    found: dict[str, list[bytes]] = {}
    for line in _FOLD.sub(b"", head).split(b"\r\n"):
        if line:
            found.setdefault(line.split(b":", 1)[0].strip().lower().decode("ascii"), []).insert(0, line)
    return found


def _chosen(headers: dict[str, list[bytes]], listed: list[str]) -> Iterator[bytes]:
    """The headers in the order of h=. One listed more often than it stands counts as empty: it may not be added."""
    left = {name: list(lines) for name, lines in headers.items()}
    for name in listed:
        if left[name]:
            yield _relaxed(left[name].pop(0)) + b"\r\n"


def _relaxed(header: bytes) -> bytes:
    name, _, value = header.partition(b":")
    return name.strip().lower() + b":" + _SPACES.sub(b" ", value.replace(b"\r\n", b"")).strip()


def _relaxed_body(body: bytes) -> bytes:
    lines = [_SPACES.sub(b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    return b"\r\n".join(lines) + b"\r\n" if lines else b""


def _folded(text: str, at: str) -> str:
    """Broken after every few separators, so that no line is too long."""
    lines = [""]
    for part in text.split(at):
        if len(lines[-1]) + len(part) > LINE_LENGTH - 4:
            lines.append("")
        lines[-1] += part + at
    return "\r\n\t ".join(lines).rstrip(at)
