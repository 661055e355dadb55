"""Every way in which a relay can misbehave, and where each mail then stands: judged by the relay's own log."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from dataclasses import dataclass, field

from sqlalchemy import Engine

from bench.sending import relay as server
from bench.sending.relay import DROP, HANG, Manner, Transaction
from bench.sending.world import KEYS, address, hours_later, let_breakers_rest, plan, standing
from notices.relay.smtp import RELAY_CODES, Timeouts
from notices.send.run import Options, send_due

EVERY = 3  # each third mail is met by the behaviour, at its first try
ROUNDS = 12
PATIENT = 60.0
CONNECTIONS = 3  # how many are met by what happens before any mail
UNHURT = ("MAIL", "RCPT", "DATA", "BODY", "DOT")


@dataclass(frozen=True)
class Behaviour:
    """What the relay does. ``verb`` and ``said``: to a share of the mails, or to the first connections.

    ends: "all delivered", or the state in which the mails that were met end.
    """

    name: str
    verb: str = ""
    said: str = ""
    ends: str = "ACCEPTED"
    scheme: str = "smtp"
    extensions: tuple[str, ...] = ()
    password: str | None = None
    delay: float = 0.0
    trusts: bool = True
    waits: float = PATIENT  # seconds until a silent relay is given up


ODD = "250 ok\r\n250 and more"
BEHAVIOURS = (
    Behaviour("answers after 20 ms", delay=0.02),
    Behaviour("421 to the connection", "CONNECT", "421 busy"),
    Behaviour("554 to the connection", "CONNECT", "554 go away"),
    Behaviour("drops the connection at once", "CONNECT", DROP),
    Behaviour("drops it after EHLO", "EHLO", DROP),
    Behaviour("offers no STARTTLS", scheme="smtp+starttls", ends="READY"),
    Behaviour("has a certificate that nobody signed", scheme="smtps", trusts=False, ends="READY"),
    Behaviour("refuses the password", "AUTH", "535 wrong", extensions=("AUTH PLAIN",), password="secret"),  # noqa: S106
    Behaviour("451 to MAIL", "MAIL", "451 later"),
    Behaviour("550 to MAIL", "MAIL", "550 sender refused"),
    Behaviour("drops at MAIL", "MAIL", DROP),
    Behaviour("450 to RCPT", "RCPT", "450 greylisted"),
    Behaviour("550 to RCPT", "RCPT", "550 5.1.1 nobody", ends="FAILED"),
    Behaviour("421 to RCPT", "RCPT", "421 too many"),
    Behaviour("drops at RCPT", "RCPT", DROP),
    Behaviour("two answers to RCPT", "RCPT", ODD),
    Behaviour("451 to DATA", "DATA", "451 later"),
    Behaviour("554 to DATA", "DATA", "554 no", ends="FAILED"),
    Behaviour("drops in the body", "BODY", DROP),
    Behaviour("452 to the mail", "DOT", "452 full"),
    Behaviour("552 to the mail", "DOT", "552 too big", ends="FAILED"),
    Behaviour("421 to the mail", "DOT", "421 closing"),
    Behaviour("nonsense to the mail", "DOT", "nonsense"),
    Behaviour("drops after the mail", "DOT", DROP),
    Behaviour("takes the mail and falls silent", "DOT", HANG, waits=2.0),
    Behaviour("two answers to the mail", "DOT", "250 kept\r\n250 and more"),
)


@dataclass
class Figures:
    """How it ended. misfiled: mails whose state contradicts what the relay did, after any round."""

    name: str
    mails: int
    met: int
    states: dict[str, int] = field(default_factory=dict)
    misfiled: int = 0
    not_as_expected: int = 0
    most_copies: int = 0


def met(behaviour: Behaviour, recipient: str) -> bool:
    """Whether this mail's first try meets the behaviour: every third does."""
    return behaviour.verb in UNHURT and int(recipient[1:].partition("@")[0]) % EVERY == 0


def manner_of(behaviour: Behaviour, *, pipelines: bool) -> Manner:
    """The server's manner."""
    tried: Counter[str] = Counter()

    def by_mail(verb: str, recipient: str) -> str | None:
        if verb != behaviour.verb or not recipient or not met(behaviour, recipient):
            return None
        tried[recipient] += 1
        return behaviour.said if tried[recipient] == 1 or behaviour.ends == "FAILED" else None

    def script(verb: str, count: int) -> str | None:
        before_any = behaviour.verb not in UNHURT and verb == behaviour.verb
        return behaviour.said if before_any and count < CONNECTIONS else None

    extensions = (*behaviour.extensions, *(("PIPELINING",) if pipelines else ()))
    return Manner(script, by_mail, extensions, behaviour.delay)


def expected(last: Transaction | None) -> set[str]:
    """Where a mail may stand, by what the relay did with its last try. This knows nothing of how sending judges."""
    if last is None:
        return {"READY"}
    for verb in ("MAIL", "RCPT", "DATA", "BODY", "DOT"):
        said = last.said.get(verb)
        if said is None:
            continue
        is_yes = said.startswith("354" if verb == "DATA" else "25") and "\r\n" not in said
        if verb == "DOT":
            return _after_the_dot(said)
        if verb == "BODY":
            return {"READY", "UNCERTAIN"}  # the dot may have been on its way
        if is_yes:
            continue
        is_final = said[0] == "5" and verb in {"RCPT", "DATA"} and int(said[:3]) not in RELAY_CODES
        return {"FAILED"} if is_final else {"READY"}
    return {"READY"}


def _after_the_dot(said: str) -> set[str]:
    if said.startswith("250"):
        return {"ACCEPTED"}
    if said in {DROP, HANG} or not said[:3].isdigit():
        return {"UNCERTAIN"}
    return {"FAILED"} if said[0] == "5" else {"READY"}


def trial(
    engine: Engine,
    behaviour: Behaviour,
    many: int,
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
    *,
    pipelines: bool,
) -> Figures:
    """Send ``many`` mails to a relay that behaves like that, round by round, until nothing moves any more.

    contexts: the server's certificate, and a client that trusts it.
    """
    plan(engine, many)
    serving, trusting = contexts
    tls = None if "STARTTLS" in behaviour.name else serving
    waits = Timeouts(60.0, behaviour.waits, behaviour.waits)
    options = Options(timeouts=waits, tls_context=trusting if behaviour.trusts else None)
    manner = manner_of(behaviour, pipelines=pipelines)
    running = server.running(manner=manner, scheme=behaviour.scheme, tls=tls, password=behaviour.password)
    found = Figures(behaviour.name, many, 0)
    with running as (relay, log):
        for hours in range(ROUNDS):
            asyncio.run(send_due(engine, KEYS, relay, hours_later(2 * hours), lambda _ids: {}, options))
            let_breakers_rest(engine)
            rows = list(standing(engine))
            by_address = log.last_by_recipient()
            found.misfiled += sum(
                _is_misfiled(behaviour, row.state, by_address.get(address(row.number))) for row in rows
            )
            found.states = dict(Counter(row.state for row in rows))
            if not {"READY", "UNCERTAIN", "LEASED", "SENDING"} & found.states.keys():
                break
    found.met = sum(met(behaviour, address(row.number)) for row in rows)
    found.not_as_expected = sum(row.state != _end_of(behaviour, row.number) for row in rows)
    copies = Counter(mail.message_id for mail in log.transactions if mail.is_accepted)
    found.most_copies = max(copies.values(), default=0)
    return found


def _is_misfiled(behaviour: Behaviour, state: str, last: Transaction | None) -> bool:
    allowed = expected(last)
    if behaviour.waits < PATIENT and last is not None and last.said.get("DOT", "").startswith("250"):
        allowed = allowed | {
            "UNCERTAIN"
        }  # on a busy machine the yes may have come after we gave up: then we cannot know
    return state not in (allowed | {"PARKED"} if "UNCERTAIN" in allowed else allowed)


def _end_of(behaviour: Behaviour, number: int) -> str:
    if behaviour.ends == "FAILED":
        return "FAILED" if met(behaviour, address(number)) else "ACCEPTED"
    return behaviour.ends
