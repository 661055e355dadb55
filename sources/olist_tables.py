"""Olist's files as tables of the contract: which value means what, and since when it was known.

The data set is a final state: it says how orders ended, not when each fact was learned. Each function says which moment
stands in for that. Times are naive, Brasília time. ``order_status`` is known only in the end and becomes no column.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

import numpy as np
import pandas as pd

from sources import brazil
from sources.olist_files import FILE, LINE, OlistFiles
from sources.source import keyed_id

CURRENCY = "BRL"
END_OF_DAY = " 23:59:59"
ORIGIN = [FILE, LINE]
CANCELLED = {"canceled": None, "unavailable": "seller"}  # who did it, where the status says so
YEAR = timedelta(days=365)
# The published file was cut by taking every order that was not delivered and about 1 in 18.65 of the others.
DELIVERED_WEIGHT = 18.65
OBSERVED_TIMES = (
    "order_purchase_timestamp", "order_approved_at", "order_delivered_carrier_date", "order_delivered_customer_date",
)  # fmt: skip
MASKED = (r"\S+@\S+", r"\d[\d .\-/()]{6,}\d")


@dataclass
class OlistTables:
    """Frames of text, one row a row, in the contract's names and with their origin."""

    files: OlistFiles
    secret: bytes

    @cached_property
    def book(self) -> pd.DataFrame:
        """Orders with buyer, state, and since when the order was known whole: its approval, else its purchase.

        Items and dispatch limit are fixed by the approval, so no row of the order is known before it.
        """
        book = self.files.book.merge(self.files.load("customers").drop(columns=ORIGIN), "left", "customer_id")
        people = book["customer_unique_id"].fillna(book["customer_id"])
        hashed = {raw: keyed_id(self.secret, raw) for raw in people.dropna().unique()}
        return book.assign(
            buyer_id=people.map(hashed),
            destination_region=_region(book["customer_state"]),
            known=book["order_approved_at"].fillna(book["order_purchase_timestamp"]),
        )

    @cached_property
    def items(self) -> pd.DataFrame:
        """Order lines with the moment their order was known."""
        return self.files.load("order_items").merge(self.book[["order_id", "known"]], "left", "order_id")

    @cached_property
    def export(self) -> str:
        """The newest moment that any file observed: when the data was taken.

        Limits and estimates are no observations.
        """
        reviews = self.files.load("reviews")
        seen = [self.book[name] for name in OBSERVED_TIMES] + [reviews["review_answer_timestamp"]]
        return str(max(column.dropna().max() for column in seen if column.notna().any()))

    def orders(self) -> pd.DataFrame:
        """Value and freight are sums of the lines; the payment type is the one that paid most."""
        lines = self.items.assign(value=_number(self.items["price"]), freight=_number(self.items["freight_value"]))
        amounts = lines.groupby("order_id")[["value", "freight"]]
        # Unknown where the price of one line is: a sum without it would be too small.
        sums = amounts.sum().where(amounts.count().eq(lines.groupby("order_id").size(), axis=0))
        sums["ship_by"] = lines.groupby("order_id")["shipping_limit_date"].min()
        paid = self.files.load("payments").assign(paid=lambda frame: _number(frame["payment_value"]))
        largest = paid.sort_values("paid", kind="stable").groupby("order_id")["payment_type"].last()
        book = self.book.merge(sums, "left", left_on="order_id", right_index=True)
        return pd.DataFrame(
            {
                "order_id": book["order_id"],
                "buyer_id": book["buyer_id"],
                "created_at": book["order_purchase_timestamp"],
                "promised_at": book["order_estimated_delivery_date"].str.slice(0, 10) + END_OF_DAY,
                "ship_by": book["ship_by"],
                "destination_region": book["destination_region"],
                "payment_type": book["order_id"].map(largest),
                "currency": CURRENCY,
                "value": book["value"],
                "freight": book["freight"],
                "recorded_at": book["known"],
                **_origin(book),
            }
        )

    def order_items(self) -> pd.DataFrame:
        """Each line is one piece: the data set repeats a line for a second piece."""
        items = self.items.merge(self.products, "left", "product_id")
        return pd.DataFrame(
            {
                "order_id": items["order_id"],
                "line_no": items["order_item_id"],
                "seller_id": items["seller_id"],
                "sku_id": items["product_id"],
                "quantity": "1",
                "unit_price": items["price"],
                "category": items["category"],
                "weight_g": items["product_weight_g"],
                "recorded_at": items["known"],
                **_origin(items),
            }
        )

    def order_events(self) -> pd.DataFrame:
        """Approvals when they happened. The files say that an order was cancelled and not when: known at the export."""
        approved = self.book[self.book["order_approved_at"].notna()]
        ended = self.book[self.book["order_status"].isin(list(CANCELLED))]
        rows = [
            _event(approved, "order_id", "approved", approved["order_approved_at"]).assign(by=None),
            _event(ended, "order_id", "cancelled", self.export).assign(by=ended["order_status"].map(CANCELLED)),
        ]
        return pd.concat(rows, ignore_index=True)

    def shipments(self) -> pd.DataFrame:
        """One parcel an order, named as the order, from the seller of the first line.

        The carrier is not in the data.
        """
        sellers = self.files.load("sellers").drop(columns=ORIGIN)
        first = self.items.sort_values("order_item_id", kind="stable").drop_duplicates("order_id")
        first = first[["order_id", "seller_id"]].merge(sellers, "left", "seller_id")
        book = self.book.merge(first, "left", "order_id")
        geolocation = self.files.load("geolocation").rename(columns=lambda name: name.removeprefix("geolocation_"))
        places = brazil.places(geolocation.rename(columns={"zip_code_prefix": "prefix"}))
        distance = brazil.distance_km(
            places.reindex(book["seller_zip_code_prefix"]), places.reindex(book["customer_zip_code_prefix"])
        )
        return pd.DataFrame(
            {
                "shipment_id": book["order_id"],
                "order_id": book["order_id"],
                "origin_region": _region(book["seller_state"]),
                "destination_region": book["destination_region"],
                "distance_km": distance.round(3),
                "recorded_at": book["known"],
                **_origin(book),
            }
        )

    def shipment_events(self) -> pd.DataFrame:
        """Hand-over and delivery, known when they happened."""
        scans = {"handed_over": "order_delivered_carrier_date", "delivered": "order_delivered_customer_date"}
        rows = []
        for event, column in scans.items():
            seen = self.book[self.book[column].notna()]
            rows.append(_event(seen, "order_id", event, seen[column]).rename(columns={"order_id": "shipment_id"}))
        return pd.concat(rows, ignore_index=True)

    def reviews(self) -> pd.DataFrame:
        """The last review of each order, given and known when it was answered. Addresses and numbers are masked."""
        reviews = self.files.load("reviews").sort_values("review_answer_timestamp", kind="stable")
        last = reviews.drop_duplicates("order_id", keep="last")
        text = last["review_comment_message"]
        for pattern in MASKED:
            text = text.str.replace(pattern, "…", regex=True)
        return pd.DataFrame(
            {
                "order_id": last["order_id"],
                "score": last["review_score"],
                "text": text,
                "event_at": last["review_answer_timestamp"],
                "recorded_at": last["review_answer_timestamp"],
                **_origin(last),
            }
        )

    def listings(self) -> pd.DataFrame:
        """An article of a seller is known from its first sale on, at that sale's price: the files hold no catalogue."""
        sold = self.items[self.items["known"].notna()].sort_values("known", kind="stable")
        first = sold.drop_duplicates(["seller_id", "product_id"]).merge(self.products, "left", "product_id")
        return pd.DataFrame(
            {
                "seller_id": first["seller_id"],
                "sku_id": first["product_id"],
                "category": first["category"],
                "price": first["price"],
                "active_from": first["known"].str.slice(0, 10),
                "recorded_at": first["known"],
                **_origin(first),
            }
        )

    def calendar(self) -> pd.DataFrame:
        """Holidays and Black Friday, known a year ahead, and not before the data begins."""
        begin = date.fromisoformat(str(self.book["order_purchase_timestamp"].min())[:10])
        end = date.fromisoformat(self.export[:10]) + YEAR
        rows = list(brazil.days_off(begin, end))
        frame = pd.DataFrame(rows, columns=["region", "calendar_day", "name", "kind"])
        known = [max(day - YEAR, begin) for day in frame["calendar_day"]]
        return frame.assign(
            calendar_day=frame["calendar_day"].map(str),
            recorded_at=[datetime.combine(day, datetime.min.time(), UTC).isoformat() for day in known],
            origin_file="holidays of Brazil",
            origin_row=range(1, len(rows) + 1),
        )

    def sampling(self) -> pd.DataFrame:
        """How many orders of Olist's whole book each order stands for.

        Not delivered 1, as all of them are in the file; delivered 18.65; known when the outcome was. An order without
        items counts 0 from the start, as history alone, because the lack tells how it ended: those that the timelines
        add were all delivered, and of the published ones only those that came to nothing have lost their items.
        """
        book = self.book
        delivered = book["order_status"] == "delivered"
        bare = ~book["order_id"].isin(self.items["order_id"])
        known = book["order_delivered_customer_date"].where(delivered).fillna(self.export)
        return pd.DataFrame(
            {
                "order_id": book["order_id"],
                "weight": np.select([bare, delivered], [0.0, DELIVERED_WEIGHT], 1.0),
                "recorded_at": known.mask(bare, book["known"]),
                **_origin(book),
            }
        )

    @cached_property
    def products(self) -> pd.DataFrame:
        """product_id, category (English where it is translated) and weight, one row a product."""
        products = self.files.load("products").drop_duplicates("product_id")
        words = self.files.load("categories").drop_duplicates("product_category_name")
        english = words.set_index("product_category_name")["product_category_name_english"]
        names = products["product_category_name"]
        return pd.DataFrame(
            {
                "product_id": products["product_id"],
                "category": names.map(english).fillna(names),
                "product_weight_g": products["product_weight_g"],
            }
        )


def _event(rows: pd.DataFrame, key: str, event: str, at: pd.Series[str] | str) -> pd.DataFrame:
    return pd.DataFrame({key: rows[key], "event": event, "event_at": at, "recorded_at": at, **_origin(rows)})


def _origin(rows: pd.DataFrame) -> dict[str, pd.Series[str]]:
    return {name: rows[name] for name in ORIGIN}


def _region(states: pd.Series[str]) -> pd.Series[str]:
    return states.map(brazil.region, na_action="ignore")


def _number(texts: pd.Series[str]) -> pd.Series[float]:
    return pd.to_numeric(texts, errors="coerce")
