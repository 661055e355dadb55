"""How people react to notices, by known effects.

A notice about an order makes its buyer less likely to write, to open a dispute and to review badly from then on. A
reminder to a seller makes them order more with a known chance and delay. Both are applied to the very numbers that
were drawn
anyway, so the difference between two worlds is the effect alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.json as pj
import pyarrow.parquet as pq

from sources.simulator.arrays import Flags, Ints

CONTACT_EFFECT, DISPUTE_EFFECT, BAD_REVIEW_EFFECT = 0.45, 0.55, 0.65
"""What a chance is multiplied with once the buyer was told."""
SELLER_ACTS, SELLER_DELAYS = 0.5, (0, 1, 2)
"""Chance that a reminder is acted on, and after how many days; all alike."""
SELLER_KIND = "stock_out"
REQUIRED = ("kind", "recipient_id", "object_id", "sent_at")


class ReactionsError(ValueError):
    """A file of notices cannot be used."""


@dataclass(frozen=True)
class Notices:
    """Notices that were sent. told: order number -> first moment in microseconds. reminded: (article, microseconds,
    pieces or 0).
    """

    told: dict[int, int]
    reminded: list[tuple[int, int, int]]

    @classmethod
    def none(cls) -> Notices:
        return cls({}, [])

    def add(self, rows: Iterable[dict[str, object]]) -> None:
        """Add notices: kind, recipient_id, object_id, sent_at, and for sellers perhaps quantity.

        object_id: the order, or for kind stock_out the article, also as ``seller/article``. Others' objects are passed
        over.
        """
        for row in rows:
            sent, target = _microseconds(row["sent_at"]), str(row["object_id"]).rpartition("/")[2]
            if row["kind"] == SELLER_KIND:
                if _is_numbered(target, "k"):
                    self.reminded.append((int(target[1:]), sent, int(float(str(row.get("quantity") or 0)))))
            elif _is_numbered(target, "o"):
                number = int(target[1:])
                self.told[number] = min(sent, self.told.get(number, sent))

    def told_before(self, order: Ints, at_us: Ints) -> Flags:
        """Whether the buyer of each order had been told before a moment."""
        if not self.told:
            return np.zeros(order.size, dtype=bool)
        known = np.fromiter(self.told.keys(), dtype=np.int64)
        when = np.fromiter(self.told.values(), dtype=np.int64)
        rank = np.argsort(known)
        known, when = known[rank], when[rank]
        place = np.minimum(np.searchsorted(known, order), known.size - 1)
        return np.asarray((known[place] == order) & (when[place] < at_us))

    def reminders(self, low_us: int, high_us: int) -> list[tuple[int, int]]:
        """(article, pieces or 0) of reminders sent from low to before high, one per article: the last."""
        latest = {
            sku: pieces for sku, sent, pieces in sorted(self.reminded, key=lambda r: r[1]) if low_us <= sent < high_us
        }
        return sorted(latest.items())


def read_notices(path: Path | None) -> Notices:
    """Notices from a Parquet or JSON-lines file; none where there is no path. Raises ReactionsError naming what is
    wrong.
    """
    notices = Notices.none()
    if path is None:
        return notices
    try:
        table = pq.read_table(path) if path.suffix == ".parquet" else pj.read_json(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise ReactionsError(
            f"{path.name} is neither Parquet nor JSON lines: {error}. No world was written."
        ) from error
    missing = [name for name in REQUIRED if name not in table.column_names]
    if missing:
        raise ReactionsError(
            f"{path.name} lacks {', '.join(missing)}; needed: {', '.join(REQUIRED)}. No world was written."
        )
    for batch in table.to_batches(max_chunksize=50_000):
        notices.add(batch.to_pylist())
    return notices


def _is_numbered(text: str, prefix: str) -> bool:
    return text[:1] == prefix and text[1:].isdigit()


def _microseconds(value: object) -> int:
    """A moment as microseconds since 1970. Text without a zone is UTC."""
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1_000_000)
