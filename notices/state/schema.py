"""The tables of the state DB. Columns are declared here once; migrations end in exactly these.

``sku_id`` is the empty string where a subject has no article: NULLs would slip through a unique constraint. Sealed
columns hold ciphertext (notices.people.directory); nothing else here names a person. Times are aware UTC.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from notices.state.database import UtcDateTime

HEAD = "0003"

NOTICE_STATES = ("PROPOSED", "APPROVED", "HELD", "SUPPRESSED", "EXPIRED", "WITHDRAWN")
DELIVERY_STATES = (
    "READY", "LEASED", "SENDING", "ACCEPTED", "UNCERTAIN", "PARKED", "FAILED", "CANCELLED", "BOUNCED", "COMPLAINED",
)  # fmt: skip
RUN_STATES = ("running", "done", "idle", "held", "failed")


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id(name: str, *, primary_key: bool = False, nullable: bool = False) -> Column[str]:
    return Column(name, String(64), primary_key=primary_key, nullable=nullable)


directory = Table(
    "directory",
    metadata,
    _id("person_id", primary_key=True),
    Column("role", String(16), nullable=False),
    Column("sealed", LargeBinary, nullable=False),  # name, email, locale, zone, region, consent
)

preferences = Table(
    "preferences",
    metadata,
    _id("person_id", primary_key=True),
    Column("kind", String(32), primary_key=True),  # '*' for all kinds
    Column("muted", Boolean, nullable=False, default=False, server_default="0"),
    Column("snoozed_until", UtcDateTime),
    Column("quiet_start", Integer),  # local hour 0..23; null: the default
    Column("quiet_end", Integer),
    Column("digest_hour", Integer),
)

suppressions = Table(
    "suppressions",
    metadata,
    _id("address_key", primary_key=True),  # keyed hash of the address
    Column("reason", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

cases = Table(
    "cases",
    metadata,
    _id("case_id", primary_key=True),
    Column("kind", String(32), nullable=False),
    _id("recipient_id"),
    Column("object_id", String(200), nullable=False),  # order_id, or seller's sku_id
    Column("episode", String(32), nullable=False),
    Column("stage", String(16), nullable=False),  # open (nothing told yet), heads_up, update, all_clear, correction
    Column("opened_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("closed_at", UtcDateTime),
    Column("fact", JSON, nullable=False),  # what the recipient was last told, or what was first seen
    Index("ix_cases_subject", "kind", "recipient_id", "object_id"),
)

tellings = Table(
    "tellings",
    metadata,
    _id("case_id", primary_key=True),
    Column("stage", String(16), primary_key=True),  # one notice per stage, ever; a digest tells many cases at once
    Column("notice_id", String(64), ForeignKey("notices.notice_id"), nullable=False),
    Column("fact", JSON, nullable=False),  # what was told: the next stage is measured against it
    Index("ix_tellings_notice_id", "notice_id"),
)

decisions = Table(
    "decisions",
    metadata,
    _id("decision_id", primary_key=True),
    Column("day", Date, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("subject_id", String(128), nullable=False),
    Column("sku_id", String(128), nullable=False, default="", server_default=""),
    _id("recipient_id"),
    _id("case_id", nullable=True),
    Column("decision", String(16), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("probability", Float),
    Column("expected_value", Float),
    Column("evidence", JSON, nullable=False),
    Column("model_version", String(64), nullable=False),
    Column("armed", Boolean, nullable=False, default=True),  # false: recorded by a rebuild, nobody was told
    Column("decided_at", UtcDateTime, nullable=False),
    UniqueConstraint("day", "kind", "subject_id", "sku_id", name="uq_decisions_candidate"),
    Index("ix_decisions_day", "day", "kind", "decision"),
    Index("ix_decisions_value", "day", "expected_value", "decision_id"),  # the console's pages, in their two orders
    Index("ix_decisions_chance", "day", "probability", "decision_id"),
    Index("ix_decisions_case_id", "case_id"),
)

notices = Table(
    "notices",
    metadata,
    _id("notice_id", primary_key=True),
    _id("dedupe_key"),
    Column("decision_id", String(64), ForeignKey("decisions.decision_id"), nullable=False),
    _id("case_id", nullable=True),  # null for a digest: its lines name their cases
    Column("kind", String(32), nullable=False),
    Column("stage", String(16), nullable=False),
    _id("recipient_id"),
    Column("day", Date, nullable=False),
    Column("state", String(16), nullable=False),
    Column("state_reason", String(200), nullable=False, default="", server_default=""),
    Column("locale", String(16)),
    Column("template_version", String(32), nullable=False, default="", server_default=""),
    Column("evidence", JSON, nullable=False),
    Column("planned_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("dedupe_key"),
    Index("ix_notices_recipient", "recipient_id", "day"),
    Index("ix_notices_day", "day", "kind"),
    Index("ix_notices_case_id", "case_id"),
)

deliveries = Table(
    "deliveries",
    metadata,
    _id("delivery_id", primary_key=True),
    Column("notice_id", String(64), ForeignKey("notices.notice_id"), nullable=False),
    Column("message_id", String(200), nullable=False),
    Column("envelope_from", String(320), nullable=False),
    Column("sealed_to", LargeBinary, nullable=False),
    Column("state", String(16), nullable=False),
    Column("epoch", Integer, nullable=False, default=0, server_default="0"),
    Column("lease_token", String(64)),
    Column("lease_until", UtcDateTime),
    Column("tries", Integer, nullable=False, default=0, server_default="0"),
    Column("uncertain", Integer, nullable=False, default=0, server_default="0"),  # tries whose end is not known
    Column("next_try_at", UtcDateTime, nullable=False),
    Column("last_code", Integer),
    Column("last_reply", Text),
    Column("relay", String(200)),
    Column("accepted_at", UtcDateTime),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("notice_id"),
    UniqueConstraint("message_id"),
    Index("ix_deliveries_due", "state", "next_try_at", "delivery_id"),  # the order in which they are claimed
)

mails = Table(  # apart from deliveries, whose rows are written anew at each step of a mail
    "mails",
    metadata,
    Column("delivery_id", String(64), ForeignKey("deliveries.delivery_id"), primary_key=True),
    Column("sealed_mime", LargeBinary, nullable=False),
)

attempts = Table(
    "attempts",
    metadata,
    Column("attempt_id", Integer, primary_key=True, autoincrement=True),
    Column("delivery_id", String(64), ForeignKey("deliveries.delivery_id"), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("phase", String(16)),  # where it ended: connect, mail, rcpt, data, dot, done, or lost
    Column("code", Integer),
    Column("reply", Text),
    UniqueConstraint("delivery_id", "epoch", name="uq_attempts_delivery_epoch"),
)

returns = Table(
    "returns",
    metadata,
    _id("return_id", primary_key=True),  # hash of what came back: read twice, it counts once
    Column("delivery_id", String(64), ForeignKey("deliveries.delivery_id"), nullable=False),
    Column("kind", String(16), nullable=False),  # bounce, delay or complaint
    Column("status", String(16)),  # RFC 3463, like 5.1.1; null for a complaint
    Column("detail", String(500), nullable=False, default="", server_default=""),
    Column("at", UtcDateTime, nullable=False),
    Index("ix_returns_delivery_id", "delivery_id"),
)

journals = Table(
    "journals",
    metadata,
    _id("name", primary_key=True),
    Column("position", Integer, nullable=False),  # bytes of the sending journal that this DB knows of
)

sent_before = Table(  # taken by a relay, as the journal says, before this DB was restored to an earlier state
    "sent_before",
    metadata,
    _id("message_key", primary_key=True),
    Column("noted_at", UtcDateTime, nullable=False),
)

reviews = Table(
    "reviews",
    metadata,
    _id("review_id", primary_key=True),
    Column("notice_id", String(64), ForeignKey("notices.notice_id"), nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("answered_at", UtcDateTime),
    Column("answer", String(16)),
    Column("reviewer", String(128)),
    Column("note", Text),
    Index("ix_reviews_notice_id", "notice_id"),
)

holdouts = Table(
    "holdouts",
    metadata,
    Column("kind", String(32), primary_key=True),
    _id("case_id", primary_key=True),
    _id("recipient_id"),
    Column("day", Date, nullable=False),  # first day on which the case would have been told
)

outcomes = Table(
    "outcomes",
    metadata,
    _id("case_id", primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("value", Float),
    Column("detail", JSON),
    Column("at", UtcDateTime, nullable=False),
)

kinds = Table(
    "kinds",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("ladder", String(8), nullable=False, default="all", server_default="all"),  # shadow, 1%, 10%, all
    Column("floor", Float),  # precision below which the kind pauses itself
    Column("paused", Boolean, nullable=False, default=False, server_default="0"),
    Column("pause_reason", String(200)),
    Column("budget", Integer),  # notices a day; null: no limit
    Column("holdout_share", Float),  # null: the default share
)

breaker = Table(
    "breaker",
    metadata,
    Column("relay", String(200), primary_key=True),
    Column("state", String(16), nullable=False),  # closed, open
    Column("failures", Integer, nullable=False, default=0, server_default="0"),
    Column("opened_at", UtcDateTime),
    Column("retry_at", UtcDateTime),
    Column("last_reply", Text),
)

control = Table(
    "control",
    metadata,
    Column("name", String(64), primary_key=True),  # kill, kill:<kind>
    Column("value", String(200), nullable=False),
    Column("changed_by", String(128), nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
)

token_use = Table(
    "token_use",
    metadata,
    _id("token_id", primary_key=True),
    Column("purpose", String(32), nullable=False),
    Column("used_at", UtcDateTime, nullable=False),
    Column("detail", JSON),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("action", String(64), nullable=False),
    Column("detail", JSON, nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    UniqueConstraint("previous_hash"),
)

runs = Table(
    "runs",
    metadata,
    _id("run_id", primary_key=True),
    Column("day", Date, nullable=False),
    Column("step", String(32), nullable=False),
    Column("target", String(32)),
    Column("status", String(16), nullable=False),
    Column("counts", JSON, nullable=False),
    Column("versions", JSON, nullable=False),
    Column("message", Text, nullable=False, default="", server_default=""),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Index("ix_runs_day", "day", "step", "target"),
)
