"""Great Expectations' Data Docs, served read only from ``home/data_docs``, with nothing loaded from elsewhere."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, RedirectResponse, Response

from console.desk import DeskHere, NotHere
from console.headers import DOCS_POLICY

router = APIRouter()


@router.get("/data-docs/{path:path}")
def data_docs(request: Request, desk: DeskHere, path: str = "") -> Response:  # noqa: ARG001 - a route
    """One file of the Data Docs; without a path, their first page."""
    root = (desk.home / "data_docs").resolve()
    if not path:
        return _first_page(root)
    file = (root / path).resolve() if "\0" not in path else root
    if not file.is_relative_to(root) or not file.is_file():
        raise NotHere("There is no such page in the Data Docs. Run ingest again: it builds them anew.")
    return FileResponse(file, headers={"content-security-policy": DOCS_POLICY})


def _first_page(root: Path) -> Response:
    found = sorted(root.rglob("index.html"), key=lambda file: len(file.parts)) if root.is_dir() else []
    if not found:
        raise NotHere("There are no Data Docs yet. Ingest builds them: make day DAY=YYYY-MM-DD.")
    return RedirectResponse(f"/data-docs/{found[0].relative_to(root).as_posix()}")
