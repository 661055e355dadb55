"""The trials of odd addresses and hostile names, small: nothing is wrong, and what would be wrong is found."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bench import recipients
from bench.recipients import Taken
from notices.people.address import checked
from notices.people.directory import Entry
from notices.write.written import Written, write

MANY = 300


def odd(check: Callable[[str], str] = checked) -> Taken:
    rng = random.Random(3)
    given = [*recipients.odd_addresses(MANY, rng), *recipients.generated_addresses(MANY, rng)]
    return recipients.addresses(given, check)


def test_every_address_is_sent_to_exactly_or_refused() -> None:
    found = odd()
    assert found.wrong == 0
    assert found.taken > MANY / 4
    assert found.refused > MANY


@pytest.mark.parametrize(
    "sabotage", [str.strip, str.lower, lambda address: address.split("(")[0], lambda address: address]
)
def test_an_address_that_is_repaired_or_let_through_is_found(sabotage: Callable[[str], str]) -> None:
    def lenient(address: str) -> str:
        mended = sabotage(address)
        return mended if re.fullmatch(r"[^\x00-\x1f\x7f]+", mended) and mended.isascii() else checked(mended)

    assert odd(lenient).wrong > 0


def texts() -> list[str]:
    return list(recipients.hostile_texts(MANY, random.Random(3)))


def test_no_name_changes_a_message() -> None:
    assert not recipients.injections(texts())


def raw_header(notice: Any, entry: Entry, house: Any) -> Written:
    """A writer that takes a name into the header as it is."""
    made = write(notice, replace(entry, name="SAFE"), house)
    return replace(made, mime=made.mime.replace(b'"SAFE"', f'"{entry.name}"'.encode("ascii", "replace"), 1))


def raw_markup(notice: Any, entry: Entry, house: Any) -> Written:
    """A writer that puts a name into the HTML without escaping."""
    made = write(notice, entry, house)
    shown = (
        (entry.name or "").encode("ascii", "replace").replace(b"\n", b" ").replace(b"\r", b" ").replace(b"=", b"=3D")
    )
    return replace(made, mime=made.mime.replace(b"</body>", shown[:60] + b"=\r\n</body>", 1))


def evaluated(notice: Any, entry: Entry, house: Any) -> Written:
    """A writer whose template is made of the name."""
    made = write(notice, entry, house)
    return replace(
        made,
        mime=made.mime.replace(b"Content-Type: text/plain", b"Content-Type: text/plain", 1).replace(
            b"quoted-printable\r\n\r\n",
            b"quoted-printable\r\n\r\n" + (b"49 " if "7*7" in (entry.name or "") else b""),
            1,
        ),
    )


@pytest.mark.parametrize("writer", [raw_header, raw_markup, evaluated])
def test_a_writer_that_trusts_names_is_found(writer: Any) -> None:
    try:
        found = recipients.injections(texts(), writer)
    except (ValueError, IndexError):
        return  # the message could not be read at all
    assert found
