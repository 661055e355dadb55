"""How much telling a recipient, a kind, a day and its reviewers can take; and what stops a whole batch. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from notices.decide.decision import CORRECTION, LAST_STAGES, WANTED, Decision, History, Recipient
from notices.decide.optimum import Limit, best
from notices.decide.policy import Kind, Policy

CARRIER = "carrier:"


@dataclass(frozen=True, slots=True)
class _Notice:
    """One notice to be: its decisions (by index; a digest has many) and what it needs places of."""

    lines: tuple[int, ...]
    kind: str
    person: str
    value: float
    in_lane: bool
    for_review: bool


def limited(
    decisions: Sequence[Decision],
    recipients: Mapping[str, Recipient],
    policy: Policy,
    history: History,
    stopped: Mapping[int, str],
) -> list[Decision]:
    """Within what each recipient, each kind, the day and the reviewers may take, the set with the highest value: exact.

    A digest is one notice, worth the sum of its lines. stopped: reason by index of decisions that must wait for a
    person; they take only the places that the others leave. What is unsure and dear goes to a person first.
    """
    used = _Used(policy, recipients, history)
    result = list(decisions)
    for waits in (False, True):
        group = [one for one in _notices(decisions, policy) if (one.lines[0] in stopped) == waits]
        limits = used.limits(group)
        taken = best([one.value for one in group], limits)
        counts = {limit.name: sum(item in taken for item in limit.items) for limit in limits}
        full_of = _reasons(limits, counts)
        for at, one in enumerate(group):
            if at in taken:
                used.take(one)
            for line in one.lines:
                result[line] = _ended(decisions[line], one, stopped.get(line), None if at in taken else full_of[at])
    return result


def stop_reasons(decisions: Sequence[Decision], policy: Policy, history: History) -> dict[int, str]:
    """Why decisions with a notice must wait for a person, by index: a switch, a pause, an odd volume.

    The volume counts what was wanted, held out and shadow included: a move on the ladder is no odd day.
    """
    volumes = Counter(notice[0] for notice in {_key(one, policy) for one in decisions if one.decision in WANTED})
    odd = {
        name: _odd_volume(policy, volumes[name] + history.wanted.get(name, 0), history.volumes.get(name, ()))
        for name in policy.kinds
    }
    found: dict[int, str] = {}
    for index, decision in enumerate(decisions):
        if decision.has_notice:
            reason = _switched_off(decision, policy) or odd[decision.candidate.kind]
            if reason is not None:
                found[index] = reason
    return _whole_digests(decisions, policy, found)


def is_stopped(stopped: Collection[str], kind: str, carrier: str | None) -> bool:
    """Whether a kill switch stops notices of this kind, or about parcels of this carrier."""
    return "*" in stopped or kind in stopped or (carrier is not None and CARRIER + carrier in stopped)


class _Used:
    """Places that are taken already, and the limits that follow for what may still come."""

    def __init__(self, policy: Policy, recipients: Mapping[str, Recipient], history: History) -> None:
        self.policy, self.recipients = policy, recipients
        self.by_person = Counter(dict(history.told_7d))
        self.by_kind = Counter({kind: len(people) for kind, people in history.taken.items()})
        self.reviews = history.reviews_taken
        for people in history.taken.values():
            self.by_person.update(people)

    def take(self, one: _Notice) -> None:
        self.by_person[one.person] += 1
        self.by_kind[one.kind] += 1
        self.reviews += one.for_review

    def limits(self, group: Sequence[_Notice]) -> list[Limit]:
        """Every group of notices with a limit. The order is that of the reasons given for what finds no place."""
        every: dict[str, list[int]] = defaultdict(list)
        plain: dict[str, list[int]] = defaultdict(list)
        kinds: dict[str, list[int]] = defaultdict(list)
        for at, one in enumerate(group):
            every[one.person].append(at)
            kinds[one.kind].append(at)
            if not one.in_lane:
                plain[one.person].append(at)
        found = [self._cap(f"{person} without lane", person, items, 0) for person, items in plain.items()]
        found += [self._cap(person, person, items, self.policy.lane) for person, items in every.items()]
        for kind, items in kinds.items():
            budget = self.policy.kinds[kind].budget
            if budget is not None:
                found.append(Limit("kind_budget " + kind, tuple(items), max(0, budget - self.by_kind[kind])))
        if self.policy.capacity is not None:
            room = max(0, self.policy.capacity - self.by_kind.total())
            found.append(Limit("day_capacity", tuple(range(len(group))), room))
        unsure = tuple(at for at, one in enumerate(group) if one.for_review)
        return [*found, Limit("review_capacity", unsure, max(0, self.policy.review_capacity - self.reviews))]

    def _cap(self, name: str, person: str, items: Sequence[int], lane: int) -> Limit:
        known = self.recipients.get(person)
        cap = self.policy.caps[known.role if known else "buyer"] + lane
        return Limit(f"recipient_7_days {name}", tuple(items), max(0, cap - self.by_person[person]))


def _reasons(limits: Sequence[Limit], counts: Mapping[object, int]) -> dict[int, str]:
    """The first full limit of each item. What was not taken has one: its value is above 0, so it would have fitted."""
    found: dict[int, str] = {}
    for limit in limits:
        if counts[limit.name] >= limit.most:
            for item in limit.items:
                found.setdefault(item, str(limit.name).partition(" ")[0])
    return found


def _ended(decision: Decision, one: _Notice, stopped: str | None, full: str | None) -> Decision:
    if full is not None:
        return replace(decision, decision="capped", reason=full, send_at=None)
    if stopped is not None:
        return replace(decision, decision="held", reason=stopped)
    return replace(decision, decision="review", reason="dear_and_unsure") if one.for_review else decision


def _notices(decisions: Sequence[Decision], policy: Policy) -> list[_Notice]:
    """The notices that the decisions would make, in a fixed order whatever the order of the decisions."""
    groups: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for index, decision in enumerate(decisions):
        if decision.has_notice:
            groups[_key(decision, policy)].append(index)
    found = []
    for key in sorted(groups):
        lines, kind = groups[key], policy.kinds[key[0]]
        first = decisions[lines[0]]
        value = sum(decisions[line].expected_value or 0.0 for line in lines)
        in_lane = kind.in_lane or first.stage == CORRECTION
        found.append(_Notice(tuple(lines), key[0], key[1], value, in_lane, _needs_a_person(first, policy)))
    return found


def _key(decision: Decision, policy: Policy) -> tuple[str, str, str]:
    """Which notice a decision belongs to: its own, or its recipient's digest."""
    candidate = decision.candidate
    is_line = policy.kinds[candidate.kind].digest
    return candidate.kind, candidate.recipient_id, "" if is_line else candidate.object_id


def _needs_a_person(decision: Decision, policy: Policy) -> bool:
    """Unsure and dear. An amount whose currency has no rate may be dear."""
    candidate, kind = decision.candidate, policy.kinds[decision.candidate.kind]
    if kind.digest or kind.review_from_value is None or decision.stage in LAST_STAGES:
        return False
    at_stake = policy.money(candidate.value_at_stake, candidate.evidence.get("currency"))
    is_dear = candidate.value_at_stake is not None and (at_stake is None or at_stake >= kind.review_from_value)
    return is_dear and (candidate.probability or 0.0) < kind.sure_from


def _whole_digests(decisions: Sequence[Decision], policy: Policy, found: dict[int, str]) -> dict[int, str]:
    """A digest is one notice: a line that must wait makes all of it wait."""
    waiting = {_key(decisions[index], policy): reason for index, reason in found.items()}
    for index, decision in enumerate(decisions):
        if decision.has_notice and policy.kinds[decision.candidate.kind].digest and _key(decision, policy) in waiting:
            found.setdefault(index, waiting[_key(decision, policy)])
    return found


def _switched_off(decision: Decision, policy: Policy) -> str | None:
    candidate, kind = decision.candidate, policy.kinds[decision.candidate.kind]
    if is_stopped(policy.stopped, kind.name, candidate.evidence.get("carrier")):
        return "kill_switch"
    return "kind_paused" if kind.paused and not _is_owed(decision, kind) else None


def _is_owed(decision: Decision, kind: Kind) -> bool:
    """An all-clear or a correction to someone who was told. A pause is for what is new."""
    return decision.stage in LAST_STAGES and kind.closing_benefit > 0


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
