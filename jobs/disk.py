"""A full disk, told once and the same way, whoever met it: the engine, Delta, Parquet, SQLite or the system."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# How the system, and SQLite in its own words, say that nothing more can be written.
SIGNS = (*(os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)), "database or disk is full")


class DiskFullError(OSError):
    """Nothing more can be written. errno is ENOSPC."""


@contextmanager
def full_told(home: Path) -> Iterator[None]:
    """Turn every way in which a full disk shows itself into one DiskFullError that says what to do."""
    try:
        yield
    except DiskFullError:
        raise
    except Exception as error:
        told = f"{error} {error.__cause__ or ''}"
        if not any(sign in told for sign in SIGNS):
            raise
        raise DiskFullError(
            errno.ENOSPC,
            f"the disk is full. Nothing that was there is lost, and the table being written is as it was. Free some "
            f"space under {home} and run the same step again",
        ) from error
