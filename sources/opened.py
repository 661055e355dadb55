"""The source of a run, by its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sources.csv import CsvSource
from sources.freshretailnet import FreshRetailNetSource
from sources.olist import OlistSource
from sources.source import Source, SourceError

# The simulator writes the folder format of ``csv``, so it is read like anybody's own files.
KINDS: dict[str, Callable[[Path, bytes], Source]] = {
    "simulator": CsvSource,
    "olist": OlistSource,
    "freshretailnet": FreshRetailNetSource,
    "csv": CsvSource,
}


def open_source(name: str, data_dir: Path, secret: bytes) -> Source:
    """The source called ``name`` over the files in ``data_dir``. Raises SourceError where it does not exist."""
    if name not in KINDS:
        raise SourceError("the whole source", name, "there is no such source", f"Choose one of {', '.join(KINDS)}.")
    return KINDS[name](data_dir, secret)
