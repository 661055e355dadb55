"""Every way in which a relay can answer, and what becomes of the message."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import relay as server
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from relay import DROP, HANG, only

from bench.sending.relay import Manner
from notices.relay.smtp import Connection, RelayRefused, Reply, Timeouts, allowed
from settings import Relay

MIME = b"Message-ID: <m1@x.example>\r\nSubject: s\r\n\r\n.a line with a dot\r\nlast"
PATIENT = Timeouts(connect=60.0, command=60.0, dot=60.0)
SHORT = Timeouts(connect=5.0, command=5.0, dot=5.0)  # only where a silent relay is the point


async def deliver(
    relay: Relay,
    times: int = 1,
    tls: ssl.SSLContext | None = None,
    *,
    may_finish: bool = True,
    timeouts: Timeouts = PATIENT,
) -> list:
    connection = Connection(relay, timeouts=timeouts, tls_context=tls)
    replies = [
        await connection.deliver("bounce+1@x.example", "ana+x@mail.example", MIME, lambda: may_finish)
        for _ in range(times)
    ]
    await connection.quit()
    return replies


CASES = [
    ("CONNECT", "421 busy", "relay_down", "connect"),
    ("CONNECT", "554 go away", "relay_down", "connect"),
    ("CONNECT", DROP, "relay_down", "connect"),
    ("CONNECT", "nonsense", "relay_down", "connect"),
    ("EHLO", "550 not you", "relay_down", "connect"),
    ("EHLO", DROP, "relay_down", "connect"),
    ("MAIL", "421 closing", "relay_down", "mail"),
    ("MAIL", "451 later", "later", "mail"),
    ("MAIL", "550 sender refused", "relay_down", "mail"),
    ("MAIL", "530 authenticate first", "relay_down", "mail"),
    ("MAIL", DROP, "relay_down", "mail"),
    ("MAIL", "299 odd", "later", "mail"),
    ("RCPT", "450 greylisted", "later", "rcpt"),
    ("RCPT", "550 5.1.1 no such user", "failed", "rcpt"),
    ("RCPT", "421 too many", "relay_down", "rcpt"),
    ("RCPT", DROP, "later", "rcpt"),
    ("RCPT", "250 ok\r\n250 and more", "later", "data"),
    ("DATA", "451 later", "later", "data"),
    ("DATA", "554 no", "failed", "data"),
    ("DATA", "250 odd", "later", "data"),
    ("DATA", DROP, "later", "data"),
    ("DOT", "452 disk full", "later", "dot"),
    ("DOT", "552 too big", "failed", "dot"),
    ("DOT", "421 closing", "relay_down", "dot"),
    ("DOT", "299 odd", "uncertain", "dot"),
    ("DOT", "nonsense", "uncertain", "dot"),
    ("DOT", DROP, "uncertain", "dot"),
]


MODES = pytest.mark.parametrize("extensions", [(), ("PIPELINING",)], ids=["one by one", "pipelined"])


@MODES
@pytest.mark.parametrize(("verb", "said", "result", "phase"), CASES)
async def test_each_answer_at_each_verb_has_one_meaning(
    verb: str, said: str, result: str, phase: str, extensions: tuple[str, ...]
) -> None:
    with server.running(only(verb, said), extensions=extensions) as (relay, log):
        [reply] = await deliver(relay)
    assert (reply.result, reply.phase) == (result, phase)
    assert log.accepted == []


@MODES
@pytest.mark.parametrize(
    ("verb", "said"), [(verb, said) for verb, said, *_ in CASES if verb not in {"CONNECT", "EHLO"}]
)
async def test_after_any_trouble_the_next_message_gets_its_own_reply(
    verb: str, said: str, extensions: tuple[str, ...]
) -> None:
    with server.running(only(verb, said, times=1), extensions=extensions) as (relay, log):
        first, second = await deliver(relay, times=2)
    assert first.result != "accepted"
    assert second.result == "accepted"
    assert len(log.accepted) == 1


SILENT = [
    ("CONNECT", HANG, "relay_down", "connect"),
    ("MAIL", HANG, "relay_down", "mail"),
    ("RCPT", HANG, "later", "rcpt"),
    ("DATA", HANG, "later", "data"),
    ("DOT", HANG, "uncertain", "dot"),
]


async def test_a_relay_that_falls_silent_is_left_and_the_next_message_gets_its_own_reply() -> None:
    async def one(verb: str, result: str, phase: str, extensions: tuple[str, ...]) -> None:
        with server.running(only(verb, HANG, times=1), extensions=extensions) as (relay, log):
            first, second = await deliver(relay, times=2, timeouts=SHORT)
        assert (first.result, first.phase) == (result, phase)
        assert second.result == "accepted"
        assert len(log.accepted) == 1

    both = ((), ("PIPELINING",))
    waits = [one(verb, result, phase, offered) for verb, _, result, phase in SILENT for offered in both]
    await asyncio.gather(*waits)  # side by side


async def test_a_drop_while_the_body_is_sent_is_surely_not_accepted_or_uncertain_never_accepted() -> None:
    with server.running(only("BODY", DROP)) as (relay, log):
        [reply] = await deliver(relay)
    assert reply.result in {"later", "uncertain"}
    assert log.accepted == []


async def test_one_connection_carries_many_messages_and_takes_addresses_as_they_are() -> None:
    with server.running() as (relay, log):
        replies = await deliver(relay, times=5)
    assert [reply.result for reply in replies] == ["accepted"] * 5
    assert log.verbs["CONNECT"] == 1
    assert set(log.recipients) == {"RCPT TO:<ana+x@mail.example>"}


async def test_where_the_relay_takes_it_the_envelope_goes_in_one_write() -> None:
    with server.running(extensions=("PIPELINING",)) as (relay, log):
        replies = await deliver(relay, times=5)
    assert [reply.result for reply in replies] == ["accepted"] * 5
    assert log.bursts == ["MAIL RCPT DATA"] * 5
    with server.running() as (relay, log):
        await deliver(relay)
    assert log.bursts == []


ENVELOPES = [("bounce@x.example", f"p{n}@mail.example") for n in range(4)]


async def in_a_row(relay: Relay, given: list[tuple[str, str]] = ENVELOPES) -> list[Reply]:
    """Messages on one connection, each told with the one before which is next."""
    connection, replies = Connection(relay, timeouts=PATIENT), []
    for at, envelope in enumerate(given):
        comes = ENVELOPES[at + 1] if at + 1 < len(ENVELOPES) else None
        replies.append(await connection.deliver(*envelope, MIME, lambda: True, following=lambda comes=comes: comes))
    await connection.quit()
    return replies


async def test_the_next_envelope_goes_behind_the_dot_where_the_relay_takes_that() -> None:
    with server.running(extensions=("PIPELINING",)) as (relay, log):
        replies = await in_a_row(relay)
    assert [reply.result for reply in replies] == ["accepted"] * 4
    assert log.behind_dots == ["MAIL RCPT DATA"] * 3 + [""]
    assert [one.recipient for one in log.transactions] == [recipient for _, recipient in ENVELOPES]
    with server.running() as (relay, log):
        assert [reply.result for reply in await in_a_row(relay)] == ["accepted"] * 4
    assert log.behind_dots == [""] * 4


@pytest.mark.parametrize(
    ("verb", "said", "result", "phase"), [case for case in CASES if case[0] not in {"CONNECT", "EHLO"}]
)
async def test_each_answer_has_its_meaning_for_a_message_whose_envelope_went_ahead(
    verb: str, said: str, result: str, phase: str
) -> None:
    with server.running(lambda at, count: said if (at, count) == (verb, 1) else None, extensions=("PIPELINING",)) as (
        relay,
        log,
    ):
        replies = await in_a_row(relay)
    found = (replies[1].result, replies[1].phase)
    if (verb, said) == ("MAIL", DROP):  # the relay may close after any message: the next one opens a new connection
        assert found == ("accepted", "done")
    elif found != ("accepted", "done") or verb != "RCPT" or "\r\n" not in said:  # or what was too much was seen before
        assert found == (result, phase)
    assert [replies[at].result for at in (0, 2, 3)] == ["accepted"] * 3
    there = {one.recipient for one in log.transactions if one.is_accepted}
    assert there >= {ENVELOPES[at][1] for at in (0, 2, 3)}


async def test_an_envelope_that_went_ahead_is_never_taken_for_that_of_another_message() -> None:
    with server.running(extensions=("PIPELINING",)) as (relay, log):
        replies = await in_a_row(relay, [ENVELOPES[0], ("bounce@x.example", "other@mail.example")])
    assert [reply.result for reply in replies] == ["accepted"] * 2
    taken = [one.recipient for one in log.transactions if one.is_accepted]
    assert taken == [ENVELOPES[0][1], "other@mail.example"]
    assert log.verbs["CONNECT"] == 2


async def test_a_message_that_is_stopped_before_its_body_leaves_nothing() -> None:
    with server.running(extensions=("PIPELINING",)) as (relay, log):
        connection = Connection(relay, timeouts=PATIENT)
        reply = await connection.deliver(*ENVELOPES[0], MIME, lambda: True, may_begin=lambda: False)
        assert not connection.is_open
    assert (reply.result, reply.phase, log.taken) == ("later", "data", [])


@pytest.mark.parametrize("size", [1_000, 70_000, 2_000_000])
async def test_a_message_of_any_size_arrives_whole(size: int) -> None:
    mime = b"Message-ID: <m@x.example>\r\n\r\n" + b".line\r\n" * (size // 7)
    with server.running(manner=Manner(extensions=("PIPELINING",), keeps=True)) as (relay, log):
        connection = Connection(relay, timeouts=PATIENT)
        for at in (0, 1):
            sent = connection.deliver(*ENVELOPES[at], mime, lambda: True, following=lambda: ENVELOPES[1])
            assert (await sent).result == "accepted"
        connection.close()
    assert log.contents == [mime, mime]


@pytest.mark.parametrize(
    "extra", ["250 ok\r\n250 ok", "250 ok\r\n250 ok\r\n354 go", "354 go", "250 ok\r\n354 go\r\n250 done"]
)
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "DOT"])
async def test_pipelined_nonsense_is_never_taken_for_a_yes(verb: str, extra: str) -> None:
    with server.running(only(verb, extra, times=1), extensions=("PIPELINING",)) as (relay, log):
        replies = await deliver(relay, times=3)
    results = [reply.result for reply in replies]
    assert results.count("accepted") <= sum(one.is_accepted for one in log.transactions)
    assert set(results) <= {"accepted", "later", "uncertain"}
    assert results[-1] == "accepted"  # what was said too much is behind it, on a new connection if need be


async def test_a_connection_that_went_stale_is_opened_again() -> None:
    with server.running(only("MAIL", DROP, times=2)) as (relay, _log):
        connection = Connection(relay, timeouts=PATIENT)
        assert (await connection.deliver("a@x.example", "b@x.example", MIME, lambda: True)).result == "relay_down"
    with server.running(lambda verb, count: DROP if verb == "MAIL" and count == 1 else None) as (relay, log):
        replies = await deliver(relay, times=2)
    assert [reply.result for reply in replies] == ["accepted", "accepted"]
    assert log.verbs["CONNECT"] == 2


async def test_without_the_right_to_finish_the_dot_is_never_sent() -> None:
    with server.running() as (relay, log):
        [reply] = await deliver(relay, may_finish=False)
    assert (reply.result, reply.phase) == ("later", "data")
    assert log.taken == []


async def test_a_cancelled_message_closes_its_connection() -> None:
    with server.running(only("DOT", HANG, times=1)) as (relay, log):
        connection = Connection(relay)
        sending = asyncio.create_task(connection.deliver("a@x.example", "b@x.example", MIME, lambda: True))
        while not log.taken:  # noqa: ASYNC110 - the server lives in another thread
            await asyncio.sleep(0.01)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert (await connection.deliver("a@x.example", "b@x.example", MIME, lambda: True)).result == "accepted"
        await connection.quit()
    assert log.verbs["CONNECT"] == 2


async def test_nobody_listens() -> None:
    with server.nobody() as relay:
        [reply] = await deliver(relay)
    assert (reply.result, reply.phase) == ("relay_down", "connect")


def test_plain_smtp_to_another_machine_is_refused() -> None:
    with pytest.raises(RelayRefused, match=r"smtp://relay\.example:25 would carry mail in clear"):
        allowed(Relay("smtp", "relay.example", 25))
    allowed(Relay("smtp", "relay.example", 25), plain_by_name="relay.example")
    allowed(Relay("smtp", "127.0.0.1", 25))
    allowed(Relay("smtps", "relay.example", 465))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1, signed by itself."""
    from ipaddress import ip_address

    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    plain = serialization.NoEncryption()
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
async def test_tls_is_verified(scheme: str, certificate: Path) -> None:
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(certificate))
    with server.running(scheme=scheme, extensions=("STARTTLS",), tls=serving) as (relay, log):
        [unknown] = await deliver(relay)
        [known] = await deliver(relay, tls=trusting)
    assert (unknown.result, unknown.phase) == ("relay_down", "connect")
    assert known.result == "accepted"
    assert len(log.accepted) == 1


async def test_where_starttls_is_stripped_no_password_and_no_mail_is_sent() -> None:
    with server.running(scheme="smtp+starttls", extensions=("AUTH PLAIN",), password="secret") as (relay, log):
        [reply] = await deliver(relay)
    assert (reply.result, reply.phase) == ("relay_down", "connect")
    assert log.verbs["AUTH"] == log.verbs["MAIL"] == 0


async def test_a_wrong_password_is_the_relays_trouble() -> None:
    with server.running(only("AUTH", "535 wrong"), extensions=("AUTH PLAIN",), password="secret") as (relay, log):
        [reply] = await deliver(relay)
    assert (reply.result, reply.phase, reply.code) == ("relay_down", "connect", 535)
    assert log.verbs["MAIL"] == 0
    assert "secret" not in reply.text
