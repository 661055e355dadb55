"""One notice written out: its links, its envelope and its bytes, from its row and its reader alone.

Planning and replay both come here, so what a replay rebuilds is what planning made.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import babel

from notices.keys import Keys
from notices.people.directory import Entry
from notices.write.card import Links
from notices.write.compose import compose
from notices.write.mime import Envelope, Sender, build, envelope
from notices.write.tokens import Token, sign
from notices.write.wording import Wording, installed

LINK_DAYS = 60
MADE_WITH = "made_with"  # the part of a notice's evidence that says what it was written with
DIGEST_LENGTH = 16


@dataclass(frozen=True, slots=True)
class House:
    """Who writes: the same for every notice of a run. base_url: where links lead, without a slash at its end."""

    keys: Keys
    sender: Sender
    platform: str
    base_url: str


@dataclass(frozen=True, slots=True)
class Written:
    """A finished message: where it goes, and its bytes."""

    path: Envelope
    mime: bytes


def write(notice: Mapping[str, Any], entry: Entry, house: House, wording: Wording | None = None) -> Written:
    """The message of a notice. The same row, reader and house give the same bytes.

    notice: notice_id, kind, stage, locale, evidence and planned_at of its row; date and links count from planned_at.
    Raises MissingTranslation and EvidenceUnusable as compose does, AddressRefused for an address that cannot be used.
    """
    links = links_of(notice, house)
    evidence = {name: value for name, value in notice["evidence"].items() if name != MADE_WITH}
    composed = compose(notice["kind"], notice["stage"], evidence, entry, links, house.platform, wording)
    path = envelope(house.sender, entry.email or "", notice["notice_id"], house.keys)
    mime = build(
        composed,
        path,
        house.sender,
        links,
        recipient_name=entry.name,
        kind=notice["kind"],
        stage=notice["stage"],
        language=entry.locale,
        date=notice["planned_at"],
    )
    return Written(path, mime)


def links_of(notice: Mapping[str, Any], house: House) -> Links:
    """Where the notice's message leads: signed, good for 60 days from planning."""
    notice_id, until = notice["notice_id"], notice["planned_at"] + timedelta(days=LINK_DAYS)
    return Links(
        action=f"{house.base_url}/n/{sign(house.keys, Token('view', notice_id, until))}",
        stop=f"{house.base_url}/u/{sign(house.keys, Token('stop', notice_id, until))}",
    )


def made_with(entry: Entry, house: House, policy: str, tables: Mapping[str, int]) -> dict[str, Any]:
    """What a replay needs beside the evidence, as JSON: who read it (sealed), who wrote it, and versions of all parts.

    policy: the policy's digest. tables: version of every table that deciding read.
    """
    reader = base64.b64encode(house.keys.seal(json.dumps(asdict(entry), ensure_ascii=False).encode()))
    return {
        "reader": reader.decode("ascii"),
        "platform": house.platform,
        "base_url": house.base_url,
        "sender": [house.sender.name, house.sender.address],
        "wording": installed().version,
        "code": code_version(),
        "babel": babel.__version__,
        "policy": policy,
        "tables": dict(tables),
    }


def reader_of(made: Mapping[str, Any], keys: Keys) -> Entry:
    """Whom the notice spoke to, as they were then. Raises SealBroken under another secret."""
    return Entry(**json.loads(keys.unseal(base64.b64decode(made["reader"]))))


def house_of(made: Mapping[str, Any], keys: Keys) -> House:
    """Who wrote the notice, as it was then."""
    return House(keys, Sender(*made["sender"]), made["platform"], made["base_url"])


def digest_of(value: object) -> str:
    """16 hexadecimal digits of any plain value or dataclass; the same for equal values."""
    plain = json.dumps(_plain(value), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(plain.encode()).hexdigest()[:DIGEST_LENGTH]


@cache
def code_version() -> str:
    """A digest over the code that makes a message out of evidence: this folder."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:DIGEST_LENGTH]


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(str(inner) for inner in value)
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
