"""Which stage of a case a candidate would be told as, and why not: heads-up, update, all-clear or correction. Pure.

heads_up once; update once, when the fact moved by a stated step; all_clear once, when the trouble is gone; correction
once, when what was said was not so (told too late to be true, or the trouble is back after an all-clear). Only what a
relay accepted is closed: what never left told nobody.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from notices.decide.decision import ALL_CLEAR, CLOSINGS, CORRECTION, HEADS_UP, STAGES, UPDATE, Candidate, Case
from notices.decide.policy import Kind


def stage_of(candidate: Candidate, case: Case, kind: Kind) -> tuple[str, str | None]:
    """The stage that a notice would have, and why there is none (None: there is)."""
    if case.is_closed:
        return _last_told(case) or HEADS_UP, "case_closed"
    if candidate.closing is not None:
        return _last_stage(candidate.closing, case, kind)
    return _stage_of_risk(candidate, case, kind)


def _stage_of_risk(candidate: Candidate, case: Case, kind: Kind) -> tuple[str, str | None]:
    if HEADS_UP not in case.told:
        return HEADS_UP, None
    if CORRECTION in case.told:
        return CORRECTION, "every_stage_told"
    if ALL_CLEAR in case.told:
        # It is back. Before a relay took the all-clear, it can still be withdrawn; then there is nothing to correct.
        return CORRECTION, None if ALL_CLEAR in case.accepted else "no_change_of_fact"
    if UPDATE in case.told:
        return UPDATE, "every_stage_told"
    return UPDATE, None if has_moved(candidate, case, kind) else "no_change_of_fact"


def _last_stage(closing: str, case: Case, kind: Kind) -> tuple[str, str | None]:
    stage = CLOSINGS[closing]
    if stage is None:
        return ALL_CLEAR, f"ended_{closing}"
    if not case.accepted or kind.closing_benefit <= 0:
        return stage, "ended_silently"
    if stage in case.told or CORRECTION in case.told:
        return stage, "every_stage_told"
    return stage, None


def has_moved(candidate: Candidate, case: Case, kind: Kind) -> bool:
    """Whether the expected date is at least a step away from the one that was told."""
    before = date_of(case.told[HEADS_UP].get("expected_date"))
    now = date_of(fact_of(candidate)["expected_date"])
    return before is not None and now is not None and abs((now - before) / timedelta(days=1)) >= kind.step_days


def ends_case(candidate: Candidate, stage: str) -> bool:
    """Whether nothing can follow: the object itself has ended, or we were wrong and said so.

    After an all-clear by probability the trouble may still come back, and is then told once more, as a correction.
    """
    return candidate.closing not in {None, "unlikely_now"} or stage == CORRECTION


def fact_of(candidate: Candidate) -> dict[str, Any]:
    """What a recipient is told, as far as a change of it would be news."""
    evidence = candidate.evidence
    if candidate.closing is not None:
        return {"expected_date": None, "ended": dict(evidence.get("ended") or {"closing": candidate.closing})}
    if candidate.kind == "stock_out":
        return {"expected_date": evidence.get("expected_date"), "quantity": evidence.get("quantity")}
    window = evidence.get("window") or {}
    return {"expected_date": window.get("p50"), "window": dict(window)}


def before(decision_stage: str, case: Case) -> dict[str, Any]:
    """What a later notice has more: ``before``, the fact last told; ``corrects``, the stage it was told as."""
    told = [stage for stage in STAGES if stage in case.told and stage != decision_stage]
    if decision_stage == HEADS_UP or not told:
        return {}
    fact = {"before": dict(case.told[told[-1]])}
    return {**fact, "corrects": told[-1]} if decision_stage == CORRECTION else fact


def date_of(value: str | None) -> datetime | None:
    """The day of an ISO date or moment; None for none."""
    return datetime.fromisoformat(value[:10]) if value else None


def _last_told(case: Case) -> str | None:
    told = [stage for stage in STAGES if stage in case.told]
    return told[-1] if told else None
