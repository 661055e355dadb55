"""Contacts, reviews and disputes as rows of the contract. Text in the buyer's language, mood by matter.

Each row waits with its draw and its chance (columns ``_draw``, ``_chance``), because a notice that is sent before it
happens can still prevent it; ``release`` decides on the day it would become known.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sources.simulator import names
from sources.simulator.arrays import Flags, Floats, Ints
from sources.simulator.buckets import DayBuckets
from sources.simulator.calendar import MICROSECONDS
from sources.simulator.draws import Draws
from sources.simulator.geography import COUNTRY_SHARE, LOCALE, REGIONS
from sources.simulator.journey import Journeys
from sources.simulator.orders import Market, Orders
from sources.simulator.problems import LATE, NEVER_CAME, ON_TIME, Problems
from sources.simulator.reactions import BAD_REVIEW_EFFECT, CONTACT_EFFECT, DISPUTE_EFFECT, Notices
from sources.simulator.rows import at_day, day_of
from sources.simulator.texts import MOODS, REVIEWS, TOPICS, contact_texts

_LANGUAGES = [LOCALE[country] for country in COUNTRY_SHARE]
_MOOD_SHARES = np.array([[0.4, 0.75], [0.5, 0.8], [0.45, 0.85], [0.25, 0.6], [0.85, 0.95]])
"""By topic: shares of calm, and of calm or worried."""
RECORDED_AFTER_US = 90 * MICROSECONDS
REASONS = ("not_as_described", "arrived_late", "not_received")
EVIDENCE = ("photo", "tracking", None)
RESOLUTIONS = ("buyer", "seller", "shared", "withdrawn")
_RESOLVED = np.array([[0.55, 0.75, 0.95], [0.45, 0.70, 0.90], [0.80, 0.88, 0.95]])
TEXT_SHARE = 0.6
ONE_STAR, THREE_STARS, FOUR_STARS = 0.65, 0.08, 0.35
"""Of bad reviews, those with one star; of the others, those with three, and with three or four."""
WITH_EVIDENCE = 0.6
HIDDEN = ("_number", "_draw", "_chance")


def _hidden(number: Ints, draw: Floats, chance: Floats) -> dict[str, pa.Array]:
    return {"_number": pa.array(number), "_draw": pa.array(draw), "_chance": pa.array(chance)}


def contact_rows(
    orders: Orders, problems: Problems, market: Market, buckets: DayBuckets, draws: Draws, chunk: int
) -> None:
    """Rows of ``contacts``: who wrote, why, how it sounds."""
    contacts = problems.contacts
    order, offset = np.nonzero(contacts.happens)
    uniform = draws.at("contact_words", orders.day, chunk).random((3, order.size))
    topic = contacts.why[order, offset]
    mood = (uniform[0][:, None] >= _MOOD_SHARES[topic]).sum(axis=1)
    opens = np.array([region.open_hour for region in REGIONS])[orders.region[order]] / 24
    when = at_day(orders.approved_day[order] + offset, opens + (0.99 - opens) * uniform[1], market)
    known = when + RECORDED_AFTER_US
    number = orders.number[order]
    table = pa.table({
        "contact_id": names.numbered("c", number * 100 + offset, 13),
        "person_id": names.buyer_ids(orders.buyer[order]),
        "order_id": names.order_ids(number),
        "topic": names.chosen(TOPICS, topic),
        "text": _phrases(orders.country[order], topic, mood, uniform[2]),
        "event_at": names.times(when),
        "recorded_at": names.times(known),
        **_hidden(number, contacts.draw[order, offset], contacts.chance[order, offset]),
    })  # fmt: skip
    buckets.add("contacts", day_of(known, market), table)


def _phrases(country: Ints, topic: Ints, mood: Ints, uniform: Floats) -> pa.Array:
    """One phrase per contact: the first or the second of its language, topic and mood."""
    everything: list[str] = []
    place = np.zeros((len(_LANGUAGES), len(TOPICS), len(MOODS), 2), dtype=np.int64)
    for row, language in enumerate(_LANGUAGES):
        phrases, places = contact_texts(language)
        place[row] = np.array(places) + len(everything)
        everything += phrases
    return names.chosen([*everything], place[country, topic, mood, (uniform * 2).astype(np.int64)])


def review_rows(
    orders: Orders, problems: Problems, market: Market, buckets: DayBuckets, draws: Draws, chunk: int
) -> None:
    """Rows of ``reviews``, with the stars that a buyer gives who was not told (``_bad``) and who was (``_good``)."""
    order = np.flatnonzero(problems.review_given)
    uniform = draws.at("review_words", orders.day, chunk).random((5, orders.count))[:, order]
    bad = 2 - (uniform[0] < ONE_STAR).astype(np.int64)
    good = 3 + (uniform[1] >= THREE_STARS).astype(np.int64) + (uniform[1] >= FOUR_STARS)
    choice = problems.bad_review
    opens = np.array([region.open_hour for region in REGIONS])[orders.region[order]] / 24
    when = at_day(choice.day[order], opens + (0.99 - opens) * uniform[2], market)
    known = when + RECORDED_AFTER_US
    country = orders.country[order]
    table = pa.table({
        "order_id": names.order_ids(orders.number[order]),
        "_bad_score": pa.array(bad).cast(pa.int32()),
        "_bad_text": _review_texts(country, bad, uniform[3], uniform[4]),
        "_good_score": pa.array(good).cast(pa.int32()),
        "_good_text": _review_texts(country, good, uniform[3], uniform[4]),
        "event_at": names.times(when),
        "recorded_at": names.times(known),
        **_hidden(orders.number[order], choice.draw[order], choice.chance[order]),
    })  # fmt: skip
    buckets.add("reviews", day_of(known, market), table)


def _review_texts(country: Ints, score: Ints, writes: Floats, uniform: Floats) -> pa.Array:
    everything: list[str | None] = [None]
    first = np.zeros((len(_LANGUAGES), 6), dtype=np.int64)
    count = np.ones((len(_LANGUAGES), 6), dtype=np.int64)
    for row, language in enumerate(_LANGUAGES):
        for stars, phrases in enumerate(REVIEWS[language], start=1):
            first[row, stars], count[row, stars] = len(everything), len(phrases)
            everything += phrases
    place = first[country, score] + (uniform * count[country, score]).astype(np.int64)
    return names.chosen(everything, np.where(writes < TEXT_SHARE, place, 0))


def dispute_rows(
    orders: Orders,
    journeys: Journeys,
    problems: Problems,
    market: Market,
    buckets: DayBuckets,
    draws: Draws,
    chunk: int,
) -> None:
    """Rows of ``disputes``: one when it is opened and one, days later, when it is closed."""
    order = np.flatnonzero(problems.dispute.happens())
    uniform = draws.at("dispute_words", orders.day, chunk).random((6, orders.count))[:, order]
    bucket = problems.bucket[order]
    arrived = journeys.delivered_day[order] <= problems.dispute.day[order]
    reason = np.where((bucket == ON_TIME), 0, np.where(arrived & (bucket >= LATE) & (bucket < NEVER_CAME), 1, 2))
    resolution = (uniform[0][:, None] >= _RESOLVED[reason]).sum(axis=1)
    opened = problems.dispute.day[order]
    closed = opened + 4 + (uniform[1] * 17).astype(np.int64)
    number = orders.number[order]
    share = np.where(reason == 0, 0.3 + 0.7 * uniform[2], 1.0)
    for event, day, noise, ends in (("opened", opened, uniform[3], None), ("closed", closed, uniform[4], resolution)):
        when = at_day(day, 0.48 + 0.5 * noise, market)
        known = when + RECORDED_AFTER_US
        table = pa.table({
            "dispute_id": names.numbered("d", number, 11),
            "event": pa.array([event] * order.size, pa.string()),
            "event_at": names.times(when),
            "order_id": names.order_ids(number),
            "reason": names.chosen(REASONS, reason),
            "amount_claimed": pa.array(np.round(share * orders.value[order], 2)),
            "evidence": names.chosen([*EVIDENCE], np.where(uniform[5] < WITH_EVIDENCE, np.minimum(reason, 1), 2)),
            "resolution": names.chosen(RESOLUTIONS, ends) if ends is not None else pa.nulls(order.size, pa.string()),
            "recorded_at": names.times(known),
            "_opened": names.times(at_day(opened, 0.48 + 0.5 * uniform[3], market)),
            **_hidden(number, problems.dispute.draw[order], problems.dispute.chance[order]),
        })  # fmt: skip
        buckets.add("disputes", day_of(known, market), table)


def release(name: str, rows: pa.Table, notices: Notices) -> pa.Table:
    """Rows of one of these tables as they truly come to be, after what buyers had been told before.

    Other tables pass unchanged.
    """
    if name not in EFFECTS:
        return rows
    at = rows["_opened"] if name == "disputes" else rows["event_at"]
    moment = at.combine_chunks().cast(pa.int64()).to_numpy()
    told = notices.told_before(rows["_number"].to_numpy(), moment)
    chance = rows["_chance"].to_numpy() * np.where(told, EFFECTS[name], 1.0)
    happens = rows["_draw"].to_numpy() < chance
    if name != "reviews":
        return rows.filter(pa.array(happens))
    return rows.append_column("score", _either(happens, rows, "_score")).append_column(
        "text", _either(happens, rows, "_text")
    )


def _either(bad: Flags, rows: pa.Table, what: str) -> pa.Array:
    return pc.if_else(pa.array(bad), rows["_bad" + what], rows["_good" + what])


EFFECTS = {"contacts": CONTACT_EFFECT, "disputes": DISPUTE_EFFECT, "reviews": BAD_REVIEW_EFFECT}
