"""What a table of the contract is: columns, keys, rules, references; and the columns that many tables share."""

from __future__ import annotations

from dataclasses import dataclass

PARTITION = "day"
RECORDED_AT = "recorded_at"


@dataclass(frozen=True, slots=True)
class Column:
    """One column. ``type`` is string, int, double, bool, timestamp (UTC) or date. ``null_means`` None: never null.

    optional: a file may leave the whole column out, which means null on every row.
    """

    name: str
    type: str
    means: str
    unit: str = ""
    null_means: str | None = None
    allowed: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    optional: bool = False

    @property
    def nullable(self) -> bool:
        return self.null_means is not None

    @property
    def has_range(self) -> bool:
        return self.minimum is not None or self.maximum is not None


@dataclass(frozen=True, slots=True)
class Rule:
    """A statement every row must satisfy. ``holds`` is Spark SQL over the table's columns; null counts as satisfied."""

    name: str
    holds: str
    says: str


@dataclass(frozen=True, slots=True)
class Reference:
    """``column`` must name a row of ``table`` that is known by the same day."""

    column: str
    table: str
    to: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the contract. ``max_bad_share``: above it the day is held, as that is more than a few bad rows."""

    name: str
    what: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    event_time: str | None = None
    rules: tuple[Rule, ...] = ()
    references: tuple[Reference, ...] = ()
    max_bad_share: float = 0.02

    def column(self, name: str) -> Column:
        """The column called ``name``. Raises KeyError naming the table and what it does have."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name}; it has {', '.join(self.column_names)}")

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


def recorded(means: str = "when this row became known") -> Column:
    """The column that decides since when a row is known."""
    return Column(RECORDED_AT, "timestamp", means)


def happened(means: str) -> Column:
    """The column that says when an event took place."""
    return Column("event_at", "timestamp", means)


# A clock that is a little ahead is not a contradiction; an event known a day before it happened is.
NOT_KNOWN_TOO_EARLY = Rule(
    "known_after_ithappened",
    "recorded_at >= event_at - INTERVAL 1 DAY",
    "recorded_at is more than a day before event_at: it was known before it happened",
)
TO_ORDER = Reference("order_id", "orders", "order_id")
