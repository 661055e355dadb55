"""``source.toml`` beside the files of a folder source: their time zone, and their own names for the columns."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import available_timezones

from lake.tables import CONTRACT
from sources.source import SourceError

FILE = "source.toml"
WHOLE = "the whole source"


@dataclass(frozen=True, slots=True)
class FolderSettings:
    """time_zone: IANA name of times without one, None to refuse those. columns:
    table -> contract's name -> file's name.
    """

    time_zone: str | None = None
    columns: dict[str, dict[str, str]] = field(default_factory=dict)


def read_settings(folder: Path) -> FolderSettings:
    """The folder's ``source.toml``, or defaults where there is none. Raises SourceError for anything it may not say."""
    path = folder / FILE
    if not path.is_file():
        return FolderSettings()
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SourceError(
            WHOLE, FILE, f"it is not TOML in UTF-8 ({error})", "See docs/bring-your-own-data.md."
        ) from error
    unknown = sorted(set(given) - {"time_zone", "columns"})
    if unknown:
        raise SourceError(WHOLE, FILE, f"it sets {', '.join(unknown)}", "It may set time_zone and [columns.TABLE].")
    zone = given.get("time_zone")
    if zone is not None and zone not in available_timezones():
        raise SourceError(
            WHOLE,
            FILE,
            f"time_zone is {zone!r}",
            'Use a name of the IANA time zone database, like "America/Sao_Paulo".',
        )
    columns = given.get("columns", {})
    for table, names in columns.items():
        if table not in CONTRACT:
            raise SourceError(WHOLE, FILE, f"[columns.{table}] names no table", f"Tables: {', '.join(CONTRACT)}.")
        wrong = sorted(set(names) - set(CONTRACT[table].column_names))
        if wrong:
            raise SourceError(
                table,
                FILE,
                f"[columns.{table}] sets {', '.join(wrong)}, which the contract does not have",
                f"Left of the sign stand the contract's names: {', '.join(CONTRACT[table].column_names)}.",
            )
    return FolderSettings(zone, columns)
