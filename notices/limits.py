"""How much telling a recipient, a kind, a day and its reviewers can take; and what stops a whole batch. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median

from notices.decision import Decision, History, Recipient
from notices.policy import Kind, Policy


def limited(
    decisions: Sequence[Decision], recipients: Mapping[str, Recipient], policy: Policy, history: History
) -> list[Decision]:
    """Within what each recipient, each kind and the day may take, the set with the highest value.

    Notices are taken by falling value. As each takes one place of its recipient and one of the day, that is the exact
    optimum (a laminar matroid); with a kind's budget on top it is so for the kind by itself. A digest is one notice,
    worth the sum of its lines.
    """
    groups: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for index, decision in enumerate(decisions):
        if decision.has_notice:
            groups[_notice_of(decision, policy)].append(index)
    ranked = sorted(groups, key=lambda key: (-sum(decisions[i].expected_value or 0.0 for i in groups[key]), key))
    used_by_person = Counter(dict(history.told_7d))
    used_by_kind = Counter({kind: len(people) for kind, people in history.taken.items()})
    for people in history.taken.values():
        used_by_person.update(people)
    result = list(decisions)
    for key in ranked:
        kind_name, person_id, _ = key
        full = _full(policy, recipients.get(person_id), used_by_person[person_id], used_by_kind, kind_name)
        if full is None:
            used_by_person[person_id] += 1
            used_by_kind[kind_name] += 1
            continue
        for index in groups[key]:
            result[index] = replace(decisions[index], decision="capped", reason=full, send_at=None)
    return result


def _full(
    policy: Policy, person: Recipient | None, used: int, used_by_kind: Counter[str], kind_name: str
) -> str | None:
    role = person.role if person else "buyer"
    budget = policy.kinds[kind_name].budget
    if used >= policy.caps[role]:
        return "recipient_7_days"
    if budget is not None and used_by_kind[kind_name] >= budget:
        return "kind_budget"
    if policy.capacity is not None and used_by_kind.total() >= policy.capacity:
        return "day_capacity"
    return None


def reviewed(decisions: Sequence[Decision], policy: Policy, history: History) -> list[Decision]:
    """What is unsure and dear goes to a person, best first, as many as people can look at; the rest is not told."""
    unsure = [index for index, decision in enumerate(decisions) if _needs_a_person(decision, policy)]
    unsure.sort(key=lambda i: (-(decisions[i].expected_value or 0.0), decisions[i].candidate.key))
    room = max(0, policy.review_capacity - history.reviews_taken)
    result = list(decisions)
    for index in unsure[:room]:
        result[index] = replace(decisions[index], decision="review", reason="dear_and_unsure")
    for index in unsure[room:]:
        result[index] = replace(decisions[index], decision="capped", reason="review_capacity", send_at=None)
    return result


def _needs_a_person(decision: Decision, policy: Policy) -> bool:
    candidate, kind = decision.candidate, policy.kinds[decision.candidate.kind]
    if not decision.has_notice or kind.digest or kind.review_from_value is None:
        return False
    return (candidate.value_at_stake or 0.0) >= kind.review_from_value and (
        candidate.probability or 0.0
    ) < kind.sure_from


def held(decisions: Sequence[Decision], policy: Policy, history: History) -> list[Decision]:
    """Stop what a switch, a pause or an odd volume says must wait for a person. Prepared, not sent."""
    planned = {_notice_of(decision, policy) for decision in decisions if decision.has_notice}
    volumes = Counter(kind_name for kind_name, _, _ in planned)
    reasons: dict[str, str | None] = {}
    for name, kind in policy.kinds.items():
        volume = volumes[name] + len(history.taken.get(name, ()))
        reasons[name] = _stop_reason(kind, policy) or _odd_volume(policy, volume, history.volumes.get(name, ()))
    return [
        replace(decision, decision="held", reason=reason)
        if decision.has_notice and (reason := reasons[decision.candidate.kind]) is not None
        else decision
        for decision in decisions
    ]


def _notice_of(decision: Decision, policy: Policy) -> tuple[str, str, str]:
    """Which notice a decision belongs to: its own, or its recipient's digest."""
    candidate = decision.candidate
    is_line = policy.kinds[candidate.kind].digest
    return candidate.kind, candidate.recipient_id, "" if is_line else candidate.object_id


def _stop_reason(kind: Kind, policy: Policy) -> str | None:
    if policy.stopped & {"*", kind.name}:
        return "kill_switch"
    return "kind_paused" if kind.paused else None


def _odd_volume(policy: Policy, volume: int, past: Sequence[int]) -> str | None:
    """The volume breaker: an odd day is more often a broken table than a true wave."""
    if len(past) < policy.breaker_min_days:
        return None
    usual = median(past)
    if max(volume, usual) < policy.breaker_min_volume:
        return None
    if volume > policy.breaker_high * usual:
        return "volume_above_usual"
    return "volume_below_usual" if volume and volume < policy.breaker_low * usual else None
