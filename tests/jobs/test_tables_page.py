"""The page of the tables says what the contract says."""

from __future__ import annotations

from jobs.tables_page import PAGE, page
from lake.tables import CONTRACT


def test_the_page_is_the_contract():
    assert PAGE.read_text(encoding="utf-8") == page(), "write it again: .venv/bin/python -m jobs.tables_page"


def test_every_column_is_on_the_page():
    text = page()
    for table in CONTRACT.values():
        for column in table.columns:
            assert f"| `{column.name}` | {column.type} |" in text, f"{table.name}.{column.name}"
