"""Every code of the state DB in plain words: what it is called on a page, and what it means for the reader."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Word:
    """``label``: two or three words; ``means``: one sentence; ``tone``: good, wait, bad or empty (for the colour)."""

    label: str
    means: str
    tone: str = ""


KINDS = {
    "late_delivery": Word("Late delivery", "A buyer's parcel is likely to miss its promise."),
    "stalled_parcel": Word("Stalled parcel", "A parcel is likely to go days without a scan."),
    "lost_parcel": Word("Lost parcel", "A parcel is likely never to arrive."),
    "seller_cancellation": Word("Seller cancels", "The seller is likely to cancel the order."),
    "return_or_refund": Word("Return or refund", "The buyer is likely to ask for their money back."),
    "dispute": Word("Dispute", "The buyer is likely to open a claim."),
    "bad_review": Word("Bad review", "The buyer is likely to give one or two stars."),
    "will_contact": Word("Will write to us", "The buyer is likely to write or call within three days."),
    "stock_out": Word("Stock-out", "A seller is likely to run out before more can arrive."),
    "stock_out_3d": Word("Stock-out in three days", "A seller is likely to run out within three days."),
}
SELLER_KINDS = ("stock_out", "stock_out_3d")
ROLES = {kind: "seller" if kind in SELLER_KINDS else "buyer" for kind in KINDS}
SUBJECTS = {kind: "SKUs" if kind in SELLER_KINDS else "Orders" for kind in KINDS}

DECISIONS = {
    "send": Word("Told", "A notice of its own goes out.", "good"),
    "digest": Word("In the digest", "A line in the seller's one mail of the day.", "good"),
    "review": Word("Waits for a person", "Someone must look before anything is sent.", "wait"),
    "held": Word("Held by the breaker", "The day's volume is far from usual, so the batch waits for a person.", "wait"),
    "quiet": Word("Quiet hours", "It is night for the recipient, or they asked for quiet; it waits.", "wait"),
    "hold_out": Word("Held out", "Kept silent on purpose, so that the effect of telling is known."),
    "capped": Word("Over the limit", "The recipient has had as many messages in 7 days as anyone may have."),
    "snoozed": Word("Snoozed", "The recipient asked to hear nothing about this for a while."),
    "already_told": Word("Already told", "They know, and the fact has not changed enough to write again."),
    "covered": Word("Covered", "They know, and nothing is new; or stock that is on its way arrives in time."),
    "below_value": Word("Not worth a mail", "The gain from telling is smaller than the annoyance."),
    "abstained": Word("Model abstained", "Too little is known for a number that could be trusted."),
    "suppressed": Word("Stopped", "The recipient stopped these notices, or their address does not work."),
    "shadow": Word("Shadow", "This kind of notice is on trial: decided, but not sent."),
}
# Why a decision was what it was: the reasons of notices.decide.decide and notices.decide.limits.
DECISION_REASONS = {
    "worth_telling": "telling is worth more than it costs",
    "line_of_digest": "telling is worth more than it costs",
    "quiet_hours": "night for the recipient; it goes out in the morning",
    "zone_unknown": "no time zone is known, so any hour counts as quiet",
    "no_hour_before_it_expires": "it would be stale before the recipient's quiet hours end",
    "permanent": "in the permanent holdout of this kind",
    "every_stage_told": "every stage of the case has been told",
    "no_change_of_fact": "the expected date has not moved enough to write again",
    "told_meanwhile": "another run told it meanwhile",
    "case_closed": "the case has ended",
    "ended_came_true": "it came as was said; they know",
    "ended_cancelled": "the order was cancelled; they know",
    "ended_silently": "it is over, and there is nothing to take back",
    "untrue_at_send": "no longer true just before sending",
    "inbound_in_time": "stock that is on its way arrives in time",
    "not_worth_telling": "telling costs more than it gains",
    "muted": "the recipient switched this kind off",
    "unknown_recipient": "no such person in the directory",
    "no_consent": "the recipient has not agreed to be written to",
    "no_address": "no address is known",
    "address_suppressed": "the address bounced or complained before",
    "address_unusable": "the address cannot be written to",
    "disarmed": "planned by a rebuild, with sending disarmed",
    "until_later": "snoozed by the recipient",
    "recipient_7_days": "the recipient's limit for 7 days is reached",
    "kind_budget": "the day's budget of this kind is spent",
    "day_capacity": "the day's capacity is spent",
    "review_capacity": "more than people can look at today",
    "dear_and_unsure": "much is at stake and the chance is not clear",
    "kill_switch": "the kill switch is on",
    "kind_paused": "this kind is paused",
    "volume_above_usual": "far more notices than usual",
    "volume_below_usual": "far fewer notices than usual",
    "shadow": "on trial: nobody is told yet",
    "1%": "told to 1 % of recipients so far",
    "10%": "told to 10 % of recipients so far",
}
TOLD = ("send", "digest")
WAITING = ("review", "held", "quiet")

STEPS = {
    "ingest": Word("Read the sources", "Brings the day's rows into the lake and sets bad ones aside."),
    "build_features": Word("Build features", "Computes what was known at the end of the day."),
    "score": Word("Score", "Gives every open order and SKU a chance, or abstains."),
    "decide": Word("Decide", "One row with a reason for every candidate; plans the notices."),
    "send": Word("Send", "Hands the planned notices to the relay."),
    "learn": Word("Learn", "Notes which cases came true; pauses a kind that lost its precision."),
    "train": Word("Train", "Fits a new model and keeps it only when it is better."),
    "rebuild": Word("Rebuild", "Runs past days again; sends nothing."),
}
STEP_ORDER = ("ingest", "build_features", "score", "decide", "send", "learn", "train", "rebuild")

STATUSES = {
    "running": Word("Running", "It has started and not ended yet.", "wait"),
    "done": Word("Done", "It ended and its results are in place.", "good"),
    "idle": Word("Nothing to do", "It ran and found nothing that was new."),
    "held": Word("Held", "A gate stopped it. Nothing after it ran; nothing was lost.", "wait"),
    "failed": Word("Failed", "It ended with an error. What was there before is unchanged.", "bad"),
}
NEXT_STEPS = {
    "held": "Fix the cause, or accept it, then run the step again for the same day. Twice equals once.",
    "failed": "Run the step again for the same day once the cause is gone. Twice equals once.",
}

SWITCHES = {
    "kill": Word("Sending is switched off", "Notices are prepared and held until the switch is off again.", "bad"),
    "paused": Word("This kind of notice is paused", "It is decided and held; nobody is told.", "wait"),
    "breaker": Word("The relay is not answering well", "Mails wait and are tried again by themselves.", "wait"),
}
NOTICE_STATES = {
    "proposed": Word("Waits for a person", "Prepared; someone must look before it is sent.", "wait"),
    "approved": Word("Approved", "May be sent.", "good"),
    "held": Word("Held", "Prepared, and waits for a person, a switch or a missing translation.", "wait"),
    "suppressed": Word("Stopped", "The recipient does not want it, or the address does not work."),
    "expired": Word("Expired", "It came too late to be of use, so it was not sent."),
    "withdrawn": Word("Withdrawn", "It was no longer true just before sending."),
}
DELIVERY_STATES = {
    "ready": Word("Waits to be sent", "The next sending run takes it.", "wait"),
    "leased": Word("Taken by a sender", "A sender has it; if that dies, it is taken again.", "wait"),
    "sending": Word("Being sent", "It is on its way to the relay.", "wait"),
    "accepted": Word("Accepted by the relay", "The relay has taken responsibility for it.", "good"),
    "bounced": Word("Bounced", "The relay took it, the mailbox did not.", "bad"),
    "complained": Word("Complained", "The recipient marked it as unwanted.", "bad"),
    "failed": Word("Refused", "The relay refused it for good.", "bad"),
    "uncertain": Word("Uncertain", "The relay gave no answer; one more try with the same Message-ID follows.", "wait"),
    "cancelled": Word("Cancelled", "It was stopped before it was sent."),
    "parked": Word("Parked", "It cannot be known whether it arrived. A person decides.", "bad"),
}
STAGES = {
    "open": Word("Open", "Seen, nothing told yet."),
    "digest": Word("Digest", "The seller's one mail of the day."),
    "heads_up": Word("Heads-up", "The first notice of a case."),
    "update": Word("Update", "The fact changed enough to say so."),
    "all_clear": Word("All-clear", "What was feared did not come."),
    "correction": Word("Correction", "What was said was not so."),
    "closed": Word("Closed", "The case has ended."),
}


def because(reason: object) -> str:
    """A decision's reason in words; one that no one has described shows itself."""
    text = str(reason or "")
    return DECISION_REASONS.get(text, text.replace("_", " "))


def word(book: dict[str, Word], code: object) -> Word:
    """The word for a code, in any case; a code that no one has described shows itself, never an error."""
    text = str(code if code is not None else "")
    return book.get(text.lower()) or Word(text.replace("_", " ").capitalize() or "Unknown", "")
