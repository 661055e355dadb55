"""A message once more, from rebuilt evidence and the wording of then, beside what was sent."""

from __future__ import annotations

import base64
import quopri
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import babel

from jobs.decide import WORDINGS
from jobs.replay_evidence import Rebuilt
from notices.keys import Keys, SealBroken
from notices.write.catalog import MissingTranslation
from notices.write.compose import EvidenceUnusable
from notices.write.wording import Wording, WordingMissing, kept
from notices.write.written import MADE_WITH, code_version, house_of, reader_of, write

PLANNED = (
    MADE_WITH,
    "before",
    "corrects",
    "track_record",
    "stage",
)  # parts of the evidence that planning adds to a record
EXCERPT = 60
PRIVATE = (b"To:", b"From:")


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one notice came out. size: bytes of what was sent. troubles: first differences, what is missing."""

    notice_id: str
    same: bool
    size: int
    made_from: str
    troubles: tuple[str, ...] = ()

    def words(self) -> str:
        """One sentence, or one a trouble."""
        if self.same:
            return f"same, {self.size:,} bytes. Rebuilt from {self.made_from}."
        return "\n".join(("not the same.", *self.troubles, f"Recorded: {self.made_from}."))


def compare(
    notice: Mapping[str, Any], rebuilt: Rebuilt, before: Mapping[str, Any] | None, keys: Keys, home: Path
) -> Verdict:
    """The verdict on one notice. before: what the case's stage before this one told.

    home: where wordings of earlier versions are kept.
    """
    recorded = notice["evidence"]
    made = recorded.get(MADE_WITH) or {}
    evidence, troubles = _evidence(recorded, rebuilt, before)
    if troubles:
        troubles.extend(rebuilt.suspects)
    made_from = (
        f"{rebuilt.words or 'versions unknown'}; wording {made.get('wording')}, code {made.get('code')}, "
        f"policy {made.get('policy')}"
    )
    if notice["sealed_mime"] is None:
        troubles.append(f"it has no message: the notice is {notice['state']} ({notice['state_reason'] or 'no reason'})")
        return Verdict(notice["notice_id"], False, 0, made_from, tuple(troubles))
    try:
        sent = keys.unseal(notice["sealed_mime"])
        again = _message(notice, evidence, made, keys, kept(str(made.get("wording")), home / WORDINGS))
    except (WordingMissing, MissingTranslation, EvidenceUnusable, SealBroken, KeyError) as error:
        troubles.append(f"missing: {error}")
        return Verdict(notice["notice_id"], False, 0, made_from, tuple(troubles))
    if sent != again:
        troubles.append(_first_byte(sent, again))
        troubles.extend(_suspects(made))
    return Verdict(notice["notice_id"], not troubles, len(sent), made_from, tuple(troubles))


def first_difference(recorded: Any, again: Any, path: str) -> str:
    """Where two JSON values first differ; empty where they do not."""
    if isinstance(recorded, Mapping) and isinstance(again, Mapping):
        for name in sorted({*recorded, *again}):
            if name not in recorded or name not in again:
                return f"{path}.{name}: only in what was " + ("recorded" if name in recorded else "rebuilt")
            found = first_difference(recorded[name], again[name], f"{path}.{name}")
            if found:
                return found
        return ""
    if isinstance(recorded, list) and isinstance(again, list):
        for place, (old, new) in enumerate(zip(recorded, again, strict=False)):
            found = first_difference(old, new, f"{path}[{place}]")
            if found:
                return found
        return "" if len(recorded) == len(again) else f"{path}: recorded {len(recorded)}, rebuilt {len(again)} entries"
    return "" if recorded == again else f"{path}: recorded {recorded!r}, rebuilt {again!r}"


def _evidence(
    recorded: Mapping[str, Any], rebuilt: Rebuilt, before: Mapping[str, Any] | None
) -> tuple[dict[str, Any], list[str]]:
    """The notice's evidence made of rebuilt records, and every way in which it is not what was recorded.

    What planning adds to a record is kept as it was recorded; what was told before is checked against its own row.
    """
    troubles = [rebuilt.trouble] if rebuilt.trouble else []
    if recorded.get("before") and recorded["before"] != before:
        troubles.append(first_difference(recorded["before"], before or {}, "evidence.before"))
    if "lines" not in recorded:
        subject = (str(recorded.get("order_id")), "")
        return _record(recorded, subject, rebuilt, "evidence", troubles), troubles
    lines = [
        _record(line, (line["seller_id"], line["sku_id"]), rebuilt, f"evidence.lines[{place}]", troubles)
        for place, line in enumerate(recorded["lines"])
    ]
    return {**recorded, "lines": lines}, troubles


def _record(
    recorded: Mapping[str, Any], subject: tuple[str, str], rebuilt: Rebuilt, path: str, troubles: list[str]
) -> dict[str, Any]:
    again = rebuilt.evidence.get(subject)
    if again is None:
        if not rebuilt.trouble:
            troubles.append(f"{path}: it was not scored on that day by the recorded tables")
        return dict(recorded)
    if subject in rebuilt.differing:
        troubles.append(f"{path}: {rebuilt.differing[subject]}")
    added = {name: recorded[name] for name in PLANNED if name in recorded and name not in again}
    found = first_difference(recorded, {**again, **added}, path)
    if found:
        troubles.append(found)
    return {**again, **added}


def _message(
    notice: Mapping[str, Any], evidence: Mapping[str, Any], made: Mapping[str, Any], keys: Keys, wording: Wording
) -> bytes:
    return write({**notice, "evidence": evidence}, reader_of(made, keys), house_of(made, keys), wording).mime


def _suspects(made: Mapping[str, Any]) -> list[str]:
    """Versions that are not those of then, and that a message hangs on."""
    now = {"code": code_version(), "babel": babel.__version__}
    names = {"code": "the code that writes messages", "babel": "Babel"}
    return [
        f"missing: {names[part]} {made.get(part)}; here is {version}. Run replay from the release that wrote it"
        for part, version in now.items()
        if made.get(part) != version
    ]


def _first_byte(sent: bytes, again: bytes) -> str:
    """The first line that differs, as a reader would see it; never an address."""
    pairs = enumerate(zip(_lines(sent), _lines(again), strict=False), 1)
    for number, (old, new) in pairs:
        if old != new:
            if old.startswith(PRIVATE) or new.startswith(PRIVATE):
                return f"message line {number}: the header {old.split(b':')[0].decode()} differs"
            return f"message line {number}: sent {_shown(old)!r}, rebuilt {_shown(new)!r}"
    return f"message: sent {len(sent):,} bytes, rebuilt {len(again):,}"


def _lines(raw: bytes) -> Sequence[bytes]:
    return raw.split(b"\r\n")


def _shown(line: bytes) -> str:
    if line.startswith(b"=?"):
        return base64.b64encode(line[:EXCERPT]).decode()
    return quopri.decodestring(line).decode("utf-8", "replace")[:EXCERPT]
