"""``people.csv`` or ``people.parquet``: who may be written to, in which language and time zone.

Columns: person_id (the same number as ``orders.buyer_id`` or ``seller_id``), role, name, email, locale, time_zone,
region, consent. The last four columns but consent may be empty; an empty consent is no consent.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from zoneinfo import available_timezones

import pyarrow as pa

from sources import files
from sources.source import Person, SourceError, keyed_id, origin

COLUMNS = ("person_id", "role", "name", "email", "locale", "time_zone", "region", "consent")
ROLES = ("buyer", "seller")
LOCALES = ("en", "pt-BR")
TABLE = "people"
YES, NO = frozenset({"true", "t", "yes", "1"}), frozenset({"false", "f", "no", "0", ""})


def read_people(path: Path, secret: bytes) -> Iterator[Person]:
    """Everybody in the file; buyers' ids hashed with ``secret``. Raises SourceError at the first row that is wrong."""
    found = files.header(path, TABLE, path.name)
    absent = [name for name in COLUMNS if name not in found]
    if absent:
        raise SourceError(TABLE, path.name, f"columns {', '.join(absent)} missing", f"It needs {', '.join(COLUMNS)}.")
    zones = available_timezones()
    for part in files.rows(path, TABLE, path.name, None):
        for number, found_wrong in part.broken.items():
            raise SourceError(TABLE, origin(path.name, number), found_wrong, "Correct the line.")
        texts = {name: _texts(part.columns[name]) for name in COLUMNS}
        for at, number in enumerate(part.numbers.to_pylist()):
            yield _person({name: texts[name][at] for name in COLUMNS}, origin(path.name, number), secret, zones)


def _texts(values: pa.Array) -> list[str]:
    return ["" if value is None else str(value).strip() for value in values.to_pylist()]


def _person(row: dict[str, str], where: str, secret: bytes, zones: set[str]) -> Person:
    consent = row["consent"].lower()
    wrong = (
        ("person_id", "it is empty", not row["person_id"]),
        ("role", f"it is {row['role']!r}, allowed: {', '.join(ROLES)}", row["role"] not in ROLES),
        # The value is not shown: an address never reaches a log.
        ("email", "it is not an address", "@" not in row["email"]),
        ("locale", f"it is {row['locale']!r}, allowed: {', '.join(LOCALES)}", row["locale"] not in LOCALES),
        (
            "time_zone",
            f"{row['time_zone']!r} is no IANA name",
            bool(row["time_zone"]) and row["time_zone"] not in zones,
        ),
        ("consent", f"it is {consent!r}, allowed: true, false", consent not in YES | NO),
    )
    for column, found, is_wrong in wrong:
        if is_wrong:
            raise SourceError(TABLE, where, f"{column}: {found}", "Correct the row; nobody of this file was taken.")
    buyer = row["role"] == "buyer"
    return Person(
        person_id=keyed_id(secret, row["person_id"]) if buyer else row["person_id"],
        role=row["role"],
        name=row["name"],
        email=row["email"],
        locale=row["locale"],
        time_zone=row["time_zone"] or None,
        region=row["region"] or None,
        consent=consent in YES,
    )
