"""DKIM: what we sign, another program verifies; what was altered, it refuses."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from notices.relay.signing import Signer, SigningKeyUnusable

dkim = pytest.importorskip("dkim", reason="dkimpy verifies what we sign; it is not installed")

MAIL = (
    b'From: "Beforehand" <notices@shop.example>\r\nTo: <ana@mail.example>\r\n'
    b"Subject: =?utf-8?q?Seu_pedido?=\r\n =?utf-8?q?_o1?=\r\nDate: Mon, 02 Mar 2026 15:00:00 +0000\r\n"
    b"Message-ID: <m1@shop.example>\r\nList-Unsubscribe: <https://shop.example/u/t>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain\r\n\r\nHello \t there  \r\n\r\n.a dot\r\n \r\n\r\n"
)


def pem(key: object) -> bytes:
    return key.private_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.fixture(scope="module", params=["rsa", "ed25519"])
def signer(request: pytest.FixtureRequest) -> Signer:
    if request.param == "ed25519":
        pytest.importorskip("nacl", reason="dkimpy verifies Ed25519 with PyNaCl; it is not installed")
        return Signer(pem(ed25519.Ed25519PrivateKey.generate()), "shop.example", "k1")
    return Signer(pem(rsa.generate_private_key(65537, 2048)), "shop.example", "k1")


def verified(signer: Signer, mail: bytes) -> bool:
    def dns(name: bytes, timeout: int = 5) -> bytes:
        assert name == b"k1._domainkey.shop.example."
        return signer.dns_record().encode()

    return bool(dkim.verify(mail, dnsfunc=dns))


def test_another_program_verifies_it(signer: Signer) -> None:
    signed = signer.signed(MAIL)
    assert verified(signer, signed)
    assert signed.endswith(MAIL)
    assert signed == signer.signed(MAIL)
    assert max(map(len, signed.split(b"\r\n"))) <= 78


def test_folding_and_spaces_may_change_on_the_way(signer: Signer) -> None:
    signed = signer.signed(MAIL)
    assert verified(signer, signed.replace(b"To: <ana", b"To:\r\n\t<ana").replace(b"Hello \t there  ", b"Hello there"))


@pytest.mark.parametrize(
    ("what", "other"),
    [
        (b"Hello", b"Hallo"),
        (b"ana@", b"bob@"),
        (b"/u/t", b"/u/x"),
        (b"One-Click", b"Two-Click"),
        (b"15:00", b"16:00"),
        (b'From: "B', b'From: <evil@x.example>\r\nFrom: "B'),
        (b"MIME-Version", b"List-Unsubscribe: <https://evil.example>\r\nMIME-Version"),
    ],
)
def test_what_was_altered_or_added_is_refused(signer: Signer, what: bytes, other: bytes) -> None:
    signed = signer.signed(MAIL)
    head, mail = signed[: -len(MAIL)], signed[-len(MAIL) :]
    assert what in mail
    assert not verified(signer, head + mail.replace(what, other, 1))


def test_a_mail_without_a_body_is_signed_too(signer: Signer) -> None:
    assert verified(signer, signer.signed(MAIL.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"))


def test_a_key_that_cannot_sign_is_refused_and_never_shown() -> None:
    weak = rsa.generate_private_key(65537, 1024)
    Signer(pem(weak), "shop.example", "k1")
    for bad in (b"nonsense", pem(ec.generate_private_key(ec.SECP256R1()))):
        with pytest.raises(SigningKeyUnusable) as refused:
            Signer(bad, "shop.example", "k1")
        assert bad.decode() not in str(refused.value)
    assert repr(Signer(pem(weak), "shop.example", "k1")) == "Signer(k1._domainkey.shop.example)"
