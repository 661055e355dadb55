"""Numbers of the world as the texts that the tables carry."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from sources.simulator.arrays import Floats, Ints


def numbered(prefix: str, number: Ints, digits: int) -> pa.Array:
    """``prefix`` and the number with leading zeros."""
    text = pc.utf8_lpad(pa.array(number).cast(pa.string()), width=digits, padding="0")
    return pc.binary_join_element_wise(prefix, text, "")


def order_ids(number: Ints) -> pa.Array:
    return numbered("o", number, 11)


def shipment_ids(number: Ints) -> pa.Array:
    return numbered("p", number, 11)


def buyer_ids(number: Ints) -> pa.Array:
    return numbered("b", number, 8)


def seller_ids(number: Ints) -> pa.Array:
    return numbered("s", number, 6)


def sku_ids(number: Ints) -> pa.Array:
    return numbered("k", number, 7)


def chosen(texts: Sequence[str | None], place: Ints) -> pa.Array:
    """One of a few texts per position."""
    return pa.array(list(texts), pa.string()).take(pa.array(place))


def times(microseconds: Ints) -> pa.Array:
    """Microseconds since 1970 as UTC times."""
    return pa.array(microseconds).cast(pa.timestamp("us", tz="UTC"))


def numbers(values: Ints | Floats) -> pa.Array:
    return pa.array(values)
