"""Great Expectations' Data Docs as the console shows them: from disk, without scripts and styles of other hosts.

Their first page is empty without a script from elsewhere, so the console makes its own list of what was checked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

STYLE = '<link rel="stylesheet" href="/static/data-docs.css">'
SCRIPTS = re.compile(r"(?is)<script\b.*?</script\s*>")
ELSEWHERE = re.compile(r"(?is)<link\b[^>]*>|<img\b[^>]*\bsrc\s*=\s*[\"']?(?:https?:)?//[^>]*>")
OUTCOME = re.compile(r"(?is)Status:\s*</span>.{0,200}?\b(Succeeded|Failed)\b")


@dataclass(frozen=True, slots=True)
class Check:
    """One table's checks. ``has_passed`` None: the page does not say."""

    name: str
    path: str
    has_passed: bool | None


@dataclass(frozen=True, slots=True)
class Site:
    """The Data Docs of one run of one step: ``name`` is its folder, as in ``ingest · 2026-03-01``."""

    name: str
    built_at: datetime
    checks: tuple[Check, ...]


def sites(root: Path, day: date | None, limit: int) -> tuple[list[Site], int]:
    """The sites to show and how many there are: those of runs that ended with ``day`` first, then the newest."""
    folders = [page.parent for page in root.rglob("index.html")] if root.is_dir() else []
    folders.sort(key=lambda folder: (not folder.name.endswith(str(day)), -_built_at(folder).timestamp()))
    return [_site(root, folder) for folder in folders[:limit]], len(folders)


def _built_at(folder: Path) -> datetime:
    return datetime.fromtimestamp((folder / "index.html").stat().st_mtime, tz=UTC)


def _site(root: Path, folder: Path) -> Site:
    """One site with its checks, those that failed first."""
    checks = [_check(root, page) for page in folder.glob("validations/**/*.html")]
    name = " · ".join(part.replace("_", " ") for part in folder.relative_to(root).parts)
    failed_first = sorted(checks, key=lambda check: (check.has_passed is not False, check.name))
    return Site(name, _built_at(folder), tuple(failed_first))


def _check(root: Path, page: Path) -> Check:
    said = OUTCOME.search(page.read_text("utf-8", "replace"))
    inside = page.parts[page.parts.index("validations") + 1]
    return Check(inside, page.relative_to(root).as_posix(), said[1].lower() == "succeeded" if said else None)


def readable(html: str) -> str:
    """A page of the Data Docs with the console's style in place of all scripts and of everything from elsewhere."""
    plain = ELSEWHERE.sub("", SCRIPTS.sub("", html))
    return plain.replace("</head>", f"{STYLE}</head>", 1) if "</head>" in plain else STYLE + plain
