"""What the gates checked: a list of the Data Docs, and each of their pages, read only and loading nothing."""

from __future__ import annotations

from datetime import date

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from console.data_docs import readable, sites
from console.desk import DeskHere, NotHere
from console.headers import DOCS_POLICY

router = APIRouter()
SITES_SHOWN = 30


@router.get("/data-docs/")
def data_docs(request: Request, desk: DeskHere, day: date | None = None) -> Response:
    """The checks of the newest runs, those that ended with ``day`` first."""
    found, total = sites(desk.home / "data_docs", day, SITES_SHOWN)
    return desk.page(request, "data_docs.html", sites=found, total=total)


@router.get("/data-docs/{path:path}")
def one_page(desk: DeskHere, path: str) -> Response:
    """One file of the Data Docs."""
    root = (desk.home / "data_docs").resolve()
    file = (root / path).resolve() if "\0" not in path else root
    if not file.is_relative_to(root) or not file.is_file():
        raise NotHere("There is no such page in the Data Docs. Ingest builds them anew: make day DAY=YYYY-MM-DD.")
    if file.name == "index.html":
        return RedirectResponse("/data-docs/")  # theirs is empty without scripts from elsewhere
    headers = {"content-security-policy": DOCS_POLICY}
    if file.suffix == ".html":
        return HTMLResponse(readable(file.read_text("utf-8", "replace")), headers=headers)
    return FileResponse(file, headers=headers)
