"""A small world to send in: people in zones that change their clocks, two senders whose clocks jump, and who checks it.

The true time is the world's own. Planners and senders read clocks that are up to ten minutes wrong, and so does the
state DB. People mute, snooze, move their quiet hours and are suppressed between runs; a relay says "later" now and
then, so that mails are tried at all hours.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import relay as server
from examples import KEYS, SENDER, buyer, late_evidence, seller, stock_evidence
from sqlalchemy import Engine, select, update

from notices.decide.decide import Candidate
from notices.decide.policy import Kind, Policy
from notices.people import directory, preferences
from notices.people.directory import Entry
from notices.people.preferences import Preference
from notices.plan.day import decide_and_plan
from notices.plan.open_cases import told_and_open
from notices.plan.plan import Surroundings
from notices.relay.smtp import Timeouts
from notices.send.run import Clock, Options, send_due
from notices.state import deliveries, notices, open_state, writing

ZONES = ("America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca", "America/St_Johns", "Pacific/Chatham")  # fmt: skip  # noqa: E501
# The nights in which these clocks change, and a leap day.
STARTS = (date(2026, 3, 5), date(2026, 3, 26), date(2026, 4, 2), date(2026, 10, 22), date(2026, 10, 29), date(2028, 2, 26))  # fmt: skip  # noqa: E501
JUMP = timedelta(minutes=10)
WEEK = timedelta(days=7)
HOLDOUT = 0.25


@dataclass(frozen=True, slots=True)
class Went:
    """One mail that a relay took: whose, which kind, when by the true time, and what held for its reader then."""

    message_id: str
    person: str
    kind: str
    stage: str
    at: datetime
    wish: Preference
    is_suppressed: bool


@dataclass
class World:
    engine: Engine
    seed: int
    start: date
    options: Options = field(default_factory=lambda: Options(batch=16, timeouts=Timeouts(5.0, 5.0, 5.0)))
    went: list[Went] = field(default_factory=list)
    suppressed: set[str] = field(default_factory=set)
    orders: dict[str, tuple[str, datetime]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        people = [buyer(f"b{n}", time_zone=zone, region=None) for n, zone in enumerate(ZONES)]
        people += [buyer("b6", time_zone=None, region="US-NY"), buyer("b7", time_zone=None, region=None)]
        people += [seller(f"s{n}", time_zone=ZONES[n]) for n in range(2)]
        self.people: Mapping[str, Entry] = {person.person_id: person for person in people}
        directory.put(self.engine, KEYS, people)

    @property
    def policy(self) -> Policy:
        def open_to_all(kind: Kind) -> Kind:
            return replace(kind, holdout_share=HOLDOUT, ladder="all", review_from_value=None)

        return replace(Policy(), kinds={name: open_to_all(kind) for name, kind in Policy().kinds.items()})

    def clock(self, at: datetime) -> datetime:
        """What someone's clock shows at a true moment."""
        return at + JUMP * self.dice.uniform(-1, 1)

    def live(self, days: int) -> None:
        """Plan each day and send at all hours of it."""
        other = open_state(self.engine.url.render_as_string(hide_password=False))
        for n in range(days):
            day = self.start + timedelta(days=n)
            midnight = datetime.combine(day + timedelta(days=1), time(0), tzinfo=UTC)
            planned = midnight + timedelta(hours=self.dice.uniform(0, 10))
            decide_and_plan(self.engine, self.candidates(day, planned), self.around(day, self.clock(planned)))
            for hours in sorted(self.dice.uniform(0, 24) for _ in range(3)):
                self.act(planned + timedelta(hours=hours))
                self.send(other, planned + timedelta(hours=hours))
        other.dispose()

    def around(self, day: date, now: datetime) -> Surroundings:
        return Surroundings(day, now, self.policy, KEYS, SENDER, "Market", "http://127.0.0.1:8765")

    def candidates(self, day: date, now: datetime) -> list[Candidate]:
        """New orders in trouble, old ones whose date moved or whose trouble is over, and articles that run out."""
        given = [self.order(f"o{day:%m%d}{n}", self.dice.choice(list(self.people)[:8]), now) for n in range(12)]
        with self.engine.connect() as db:
            told = told_and_open(db, ["late_delivery", "lost_parcel"], day)
        for case in self.dice.sample(told, min(6, len(told))):
            kind = case.kind
            given.append(self.dice.choice([
                self.order(case.object_id, case.recipient_id, now, kind),
                self.over(case.object_id, case.recipient_id, now, kind),
            ]))  # fmt: skip
        skus = [(person, f"k{n}") for person in ("s0", "s1") for n in range(6)]
        for person, sku in self.dice.sample(skus, 4):
            evidence = {**stock_evidence(person, f"{person}{sku}"), "as_of": now.isoformat(), "order_by": None}
            evidence["expected_date"] = (now + timedelta(days=4)).date().isoformat()
            given.append(
                Candidate("stock_out", person, f"{person}{sku}", person, 0.8, False, None, 900.0, evidence, "m")
            )
        return given

    def order(self, order: str, person: str, now: datetime, kind: str = "") -> Candidate:
        kind = kind or self.dice.choice(["late_delivery", "late_delivery", "late_delivery", "lost_parcel"])
        first = now + timedelta(days=self.dice.uniform(1, 20))
        days = {f"p{share}": (first + timedelta(days=n)).date().isoformat() for n, share in enumerate((10, 50, 90))}
        evidence = {
            **late_evidence(order, person), "kind": kind, "as_of": now.isoformat(), "window": days,
            "promised_at": (now + timedelta(days=1)).isoformat(),
        }  # fmt: skip
        chance = self.dice.uniform(0.4, 1.0)
        return Candidate(kind, order, "", person, chance, False, None, 20 + 300 * self.dice.random(), evidence, "m")

    def over(self, order: str, person: str, now: datetime, kind: str) -> Candidate:
        closing = self.dice.choice(["in_time", "unlikely_now", "was_untrue", "came_true"])
        evidence = {**self.order(order, person, now, kind).evidence, "ended": {"closing": closing}}
        return Candidate(kind, order, "", person, 0.05, False, None, 100.0, evidence, "m", closing)

    def act(self, at: datetime) -> None:
        """Someone changes their mind, or an address is suppressed."""
        person = self.dice.choice(list(self.people))
        said = self.dice.choice(["nothing", "nothing", "mute", "snooze", "hours", "suppress"])
        with writing(self.engine) as db:
            if said == "suppress" and len(self.suppressed) < 2:
                preferences.suppress(db, KEYS, self.people[person].email or "", "complaint", at)
                self.suppressed.add(person)
            elif said == "mute":
                preferences.save(db, person, "late_delivery", Preference(muted=True))
            elif said == "snooze":
                preferences.save(db, person, "*", Preference(snoozed_until=at + timedelta(hours=30)))
            elif said == "hours":
                start, end = self.dice.randrange(24), self.dice.randrange(24)
                preferences.save(db, person, "*", Preference(quiet_start=start, quiet_end=end))

    def send(self, other: Engine, at: datetime) -> None:
        """Two senders at once, each by its own clock, through a relay that says "later" to every fourth mail."""
        refused = self.dice.randrange(4)
        later = lambda verb, count: "450 later" if verb == "RCPT" and count % 4 == refused else None  # noqa: E731
        clocks = [self.clock(at), self.clock(at)]
        with server.running(later) as (relay, log):

            async def both() -> None:
                runs = [
                    send_due(engine, KEYS, relay, Clock(now, now), lambda _ids: {}, self.options)
                    for engine, now in zip((self.engine, other), clocks, strict=True)
                ]
                await asyncio.gather(*runs)

            asyncio.run(both())
        self.note(log.accepted, at)

    def note(self, accepted: list[str], at: datetime) -> None:
        """Write down what went, and set the DB's own clock to the world's."""
        with writing(self.engine) as db:
            wishes = preferences.load(db, self.people)
            for message_id in accepted:
                query = select(notices, deliveries.c.delivery_id).join(deliveries)
                row = db.execute(query.where(deliveries.c.message_id == message_id)).one()
                wish = preferences.of(wishes, row.recipient_id, row.kind)
                listed = row.recipient_id in self.suppressed
                self.went.append(Went(message_id, row.recipient_id, row.kind, row.stage, at, wish, listed))
                shown = {"accepted_at": self.clock(at)}
                db.execute(update(deliveries).where(deliveries.c.delivery_id == row.delivery_id).values(**shown))


def broken(world: World) -> Counter[str]:
    """Every promise that was broken, by name. Knows nothing of how the product keeps them."""
    found: Counter[str] = Counter()
    copies = Counter(went.message_id for went in world.went)
    found["told twice"] = sum(count - 1 for count in copies.values())
    by_person: dict[str, list[Went]] = defaultdict(list)
    for went in world.went:
        by_person[went.person].append(went)
        found["in quiet hours"] += _in_quiet_hours(went, world.people[went.person])
        found["muted"] += went.wish.muted
        found["snoozed"] += went.wish.snoozed_until is not None and went.wish.snoozed_until > went.at + JUMP
        found["suppressed"] += went.is_suppressed
        found["held out"] += KEYS.share("holdout", went.kind, went.person) < HOLDOUT
    for person, mails in by_person.items():
        cap = 7 if person.startswith("s") else 3
        for last in mails:
            window = [went for went in mails if last.at - WEEK < went.at <= last.at]
            critical = sum(went.kind == "lost_parcel" or went.stage == "correction" for went in window)
            found["over the cap"] += len(window) > cap + min(1, critical)
    return +found


def _in_quiet_hours(went: Went, person: Entry) -> bool:
    """By the wall clock of every zone where this person may be."""
    us = ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Anchorage", "Pacific/Honolulu")  # fmt: skip  # noqa: E501
    zones = (person.time_zone,) if person.time_zone else us if person.region else ("America/Sao_Paulo",)
    start, end = went.wish.quiet_start, went.wish.quiet_end
    hours = [went.at.astimezone(ZoneInfo(zone)).hour for zone in zones]
    return any(start <= hour < end if start <= end else hour >= start or hour < end for hour in hours)
