"""Section recipients: odd addresses, names that want to be code, and what a spam filter thinks of every message.

    python -m bench recipients

Addresses: 300 odd ones and 20,000 generated ones are refused with a reason, or go to a real SMTP server, which must
have seen each exactly as it is. Injections: 20,000 names, article categories, hubs and order numbers that try to be
headers, templates or markup; the message must differ from a harmless one in nothing but the text. Spam: every kind,
stage and language by SpamAssassin's local tests, where Debian's package is installed.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from email.headerregistry import Address
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bench.messages import HOUSE, KEYS, person, record, row, say
from bench.sending.relay import Manner, running
from notices.decide.decision import STAGES
from notices.people.address import AddressRefused, checked
from notices.people.directory import Entry
from notices.relay.signing import Signer
from notices.relay.smtp import Connection
from notices.write.formats import name
from notices.write.mime import envelope
from notices.write.topics import TOPICS
from notices.write.wording import installed
from notices.write.written import write

ODD, GENERATED, INJECTIONS = 300, 20_000, 20_000
SPAM_LIMIT = 2.0
MIME = b"Message-ID: <x@beforehand.example>\r\nSubject: s\r\n\r\nbody\r\n"
ATOM = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+/=?^_`{|}~-"
ODD_PARTS = (
    "", " ", ".", "..", "@", "<", ">", "\r\n", "\n", "\t", "\0", "\x7f", ",", ";", ":", "(c)", '"', "\\", "é",
    "\u202e", "[1.2.3.4]", "%0a", "\r\nRCPT TO:<x@y.example>", "\r\n.\r\n", " SIZE=1", "\u3002", "a" * 65,
)  # fmt: skip
HOSTILE = (
    "{{ 7*7 }}", "{{ config }}", "{% for x in y %}", "{# x #}", "{0.__class__}", "{name}", "%(name)s", "%s%n", "${7*7}",
    "#{7*7}", "\r\nBcc: all@victim.example", "\nSubject: other", "\r\n\r\n<b>", "<script>alert(1)</script>",
    "<img src=x onerror=a>", '" onmouseover="x', "' onclick='x", "</table></html>", "<!--", "]]>", "&lt;b&gt;",
    "=?utf-8?q?=0D=0ABcc:_x?=", "=??Q?=00:", "=?utf-8?b?DQpCY2M6IHg=?=", "\u202eana", "a\u2028b", "\u0085",
    "http://evil.example/win", "www.evil.example", "Ana <other@mail.example>", ", other@mail.example", "\x00\x1b[31m",
    ".\r\n.\r\n", "--=_0000", "\ufeff", "=0D=0A", "=\r\n",
)  # fmt: skip
_TAG = re.compile(r"<[a-z/!][^>]*>")
_SCORE = re.compile(r"^X-Spam-Status:.*?score=(-?[\d.]+)", re.MULTILINE)

Check = Callable[[str], str]
Write = Callable[[Any, Entry, Any], Any]


@dataclass(frozen=True)
class Taken:
    """How addresses fared. wrong: those that a server saw otherwise, that were refused though plain, or that were
    refused without a reason or with themselves in it.
    """

    taken: int
    refused: int
    wrong: int

    def __str__(self) -> str:
        return f"{self.taken:,} taken exactly, {self.refused:,} refused with a reason, {self.wrong} wrong"


def main() -> None:
    """Print what was found; exit 1 where anything is wrong."""
    rng = random.Random(7)  # noqa: S311 - a seeded draw, no secret
    odd = addresses([*odd_addresses(ODD, rng)])
    say(f"{ODD} odd addresses: {odd}")
    many = addresses([*generated_addresses(GENERATED, rng)])
    say(f"{GENERATED:,} generated addresses: {many}")
    wrong = injections([*hostile_texts(INJECTIONS, rng)])
    say(
        f"{INJECTIONS:,} injections: {sum(wrong.values())} changed a message"
        + "".join(f"; {n} {why}" for why, n in wrong.items())
    )
    scores = spam()
    worst = max(scores.values(), default=0.0)
    if scores:
        mean = sum(scores.values()) / len(scores)
        say(f"{len(scores)} messages by SpamAssassin, local tests: worst {worst:.1f}, mean {mean:.2f}")
        for what, score in sorted(scores.items(), key=lambda item: -item[1])[:5]:
            say(f"  {score:4.1f} {what}")
    else:
        say("SpamAssassin is not installed (Debian: spamassassin): no message was scored")
    if odd.wrong or many.wrong or wrong or worst >= SPAM_LIMIT:
        sys.exit(1)


def odd_addresses(many: int, rng: random.Random) -> Iterable[str]:
    """Addresses with something odd at the start, the middle or the end of either part."""
    for n in range(many):
        odd, place = ODD_PARTS[n % len(ODD_PARTS)], n // len(ODD_PARTS) % 6
        local, domain = _atom(rng), f"{_label(rng)}.example"
        whole = f"{local}@{domain}"
        at = (0, len(local), len(local) // 2, len(local) + 1, len(whole), len(local) + 3)[place]
        yield whole[:at] + odd + whole[at:]


def generated_addresses(many: int, rng: random.Random) -> Iterable[str]:
    """Half plain addresses as long and as strange as the form allows, half with one character changed to any other."""
    for n in range(many):
        local = ".".join(_atom(rng) for _ in range(rng.randint(1, 3)))[:64].rstrip(".")
        labels = [*(_label(rng) for _ in range(rng.randint(1, 4))), rng.choice(("example", "xn--p1ai"))]
        address = f"{local}@{'.'.join(labels)}"
        if n % 2:
            at = rng.randrange(len(address))
            address = address[:at] + chr(rng.choice((rng.randrange(128), rng.randrange(0xD800)))) + address[at + 1 :]
        yield address


def addresses(given: list[str], check: Check = checked) -> Taken:
    """Each is refused or sent to: what the server was told must be the address, character for character."""
    taken, wrong = [], 0
    for address in given:
        try:
            taken.append((address, check(address)))
        except AddressRefused as refused:
            told = str(refused)
            wrong += not told or (len(address) > 2 and address in told) or is_plain(address)  # noqa: PLR2004
    seen = asyncio.run(_rcpt([to for _, to in taken]))
    exact = [f"RCPT TO:<{address}>" for address, _ in taken]
    wrong += sum(want != got for want, got in zip(exact, seen, strict=False)) + abs(len(exact) - len(seen))
    wrong += sum(not _parses(address) for address, _ in taken)
    return Taken(len(taken), len(given) - len(taken), wrong)


def is_plain(address: str) -> bool:
    """Whether it is of the form that must be taken: dot-atom @ host name with letters in its last part."""
    local, _, domain = address.rpartition("@")
    atoms, labels = local.split("."), domain.split(".")
    fits = 1 <= len(local) <= 64 and len(address) <= 254 and len(labels) > 1  # noqa: PLR2004 - RFC 5321
    is_atom = all(atom and set(atom) <= set(ATOM) for atom in atoms)
    return fits and is_atom and all(map(_is_label, labels)) and not labels[-1].isdigit()


def _is_label(label: str) -> bool:
    plain = re.fullmatch("[A-Za-z0-9-]{1,63}", label) is not None
    return plain and not label.startswith("-") and not label.endswith("-")


def _parses(address: str) -> bool:
    """A second opinion: Python's own parser finds this mailbox and no other."""
    try:
        return Address(addr_spec=address).addr_spec == address
    except (ValueError, IndexError, email.errors.MessageError):
        return False


async def _rcpt(recipients: list[str]) -> list[str]:
    """What a real server was told, in order."""
    with running(manner=Manner(extensions=("PIPELINING",))) as (relay, log):
        connection = Connection(relay)
        for recipient in recipients:
            await connection.deliver("bounce@beforehand.example", recipient, MIME, lambda: True)
        await connection.quit()
        return list(log.recipients)


def hostile_texts(many: int, rng: random.Random) -> Iterable[str]:
    """Hostile pieces alone, in words, doubled and cut."""
    for n in range(many):
        text = HOSTILE[n % len(HOSTILE)]
        shape = rng.randrange(4)
        other = rng.choice(HOSTILE)
        yield (text, f"Ana {text} Souza", text + other, f"{other[: rng.randrange(1, 9)]}{text}{rng.choice(ATOM)}")[
            shape
        ]


def injections(texts: list[str], written: Write = write) -> Counter[str]:
    """What went wrong, by kind; empty where every message is as a harmless one would be."""
    wrong: Counter[str] = Counter()
    locales, kinds = installed().locales, (*TOPICS, "stock_out")
    for n, text in enumerate(texts):
        kind, locale = kinds[n % len(kinds)], locales[n % len(locales)]
        made = _mail(kind, locale, n, text, written)
        tame = _mail(kind, locale, n, "x", written)
        wrong.update(_differences(made, tame, text))
    return wrong


def _mail(kind: str, locale: str, n: int, text: str, written: Write) -> email.message.EmailMessage:
    evidence = _spoken(record(kind, n, random.Random(n)), text)  # noqa: S311 - a seeded draw, no secret
    entry = person(kind, n, locale)
    entry = replace(entry, name=text)
    mime = written(row(kind, STAGES[0], evidence, n), entry, HOUSE).mime
    if not mime.isascii() or b"\n" in mime.replace(b"\r\n", b""):
        raise ValueError("a message must be ASCII lines that end in CRLF")
    found: email.message.EmailMessage = email.message_from_bytes(mime, policy=email.policy.strict)  # type: ignore[assignment]
    return found


def _spoken(evidence: dict[str, Any], text: str) -> dict[str, Any]:
    """The record with ``text`` wherever a source could have put any."""
    if "lines" in evidence:
        return {**evidence, "lines": [{**line, "sku_id": text, "category": text} for line in evidence["lines"]]}
    items = [{**item, "category": text} for item in evidence["items"]]
    return {**evidence, "order_id": text, "items": items, "last_scan": {**evidence["last_scan"], "hub": text}}


def _differences(made: email.message.EmailMessage, tame: email.message.EmailMessage, text: str) -> Iterable[str]:
    if made.keys() != tame.keys():
        yield "other headers"
    to = made["To"].addresses
    if [one.addr_spec for one in to] != [one.addr_spec for one in tame["To"].addresses]:
        yield "another recipient"
    if to and to[0].display_name != name(text):
        yield "another name"
    for header in set(made.keys()) - {"To", "Subject"}:
        if made[header] != tame[header]:
            yield f"another {header}"
    html, harmless = (_part(one, "html") for one in (made, tame))
    if _TAG.findall(html.lower()) != _TAG.findall(harmless.lower()):
        yield "other markup"
    plain = _part(made, "plain")
    if "7*7" in text and "49" not in text and plain.count("49") > _part(tame, "plain").count("49"):
        yield "evaluated"
    if len(re.findall(r"https?://", plain)) != len(re.findall(r"https?://", _part(tame, "plain"))):
        yield "another link"


def _part(mail: email.message.EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    return str(body.get_content()) if body is not None else ""


def spam() -> dict[str, float]:
    """SpamAssassin's score of every kind, stage and language, signed, by local tests; empty where not installed."""
    program = shutil.which("spamassassin")
    if program is None:
        return {}
    found = {}
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    signer = Signer(key, HOUSE.sender.domain, "bench")
    for kind in (*TOPICS, "stock_out"):
        for stage in STAGES:
            for n, locale in enumerate(installed().locales):
                evidence = record(kind, n, random.Random(n))  # noqa: S311 - a seeded draw, no secret
                mime = signer.signed(write(row(kind, stage, evidence, n), person(kind, n, locale), HOUSE).mime)
                path = envelope(HOUSE.sender, f"p{n}@mail.example", f"{n:064x}", KEYS)
                head = f"Return-Path: <{path.sender}>\r\n".encode("ascii")
                ended = subprocess.run([program, "-L", "-t"], input=head + mime, capture_output=True, check=True)
                score = _SCORE.search(ended.stdout.decode("utf-8", "replace"))
                if score is None:
                    raise RuntimeError(f"SpamAssassin gave no score: {ended.stderr.decode('utf-8', 'replace')[:200]}")
                found[f"{kind} {stage} {locale}"] = float(score[1])
    return found


def _atom(rng: random.Random) -> str:
    return "".join(rng.choice(ATOM) for _ in range(rng.randint(1, 20)))


def _label(rng: random.Random) -> str:
    inner = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz0123456789-") for _ in range(rng.randint(0, 12)))
    return f"{rng.choice('abcdefgh')}{inner}{rng.choice('xyz789')}"


if __name__ == "__main__":
    main()
