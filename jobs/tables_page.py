"""The page of the data contract, made from ``lake.tables``: ``python -m jobs.tables_page`` writes ``docs/tables.md``.

A test holds the page equal to the contract, so that neither changes without the other.
"""

from __future__ import annotations

from pathlib import Path

from lake.tables import CONTRACT, Column, Table

PAGE = Path(__file__).resolve().parents[1] / "docs" / "tables.md"
HEAD = """# The tables

<!-- Made from lake/tables.py. Write it again with: .venv/bin/python -m jobs.tables_page -->

Every table that a source may deliver: its key, its columns with types and units, and what an empty value means. The
gates, the reasons in quarantine and `check` are made from the same declarations. How to bring your own files is in
[bring-your-own-data.md](bring-your-own-data.md).

All times are UTC. `recorded_at` says since when a row is known, and it is the only column that decides whether a
feature may read it. In the lake each table is partitioned by `day`, the UTC date of `recorded_at`; sources do not
deliver that column.
"""


def page() -> str:
    """The whole page as Markdown."""
    contents = "\n".join(f"- [{table.name}](#{table.name}): {table.what}" for table in CONTRACT.values())
    return "\n".join([HEAD, contents, "", *[_table(table) for table in CONTRACT.values()]])


def _table(table: Table) -> str:
    lines = [f"## {table.name}", "", table.what, "", f"Key: {_names(table.key)}."]
    if table.event_time:
        lines.append(f"Happened at: `{table.event_time}`.")
    lines += [f"`{one.column}` names a row of [{one.table}](#{one.table})." for one in table.references]
    lines.append(f"Held when more than {table.max_bad_share:.0%} of its rows are bad.")
    lines += ["", "| column | type | what | allowed | empty means |", "|---|---|---|---|---|"]
    lines += [_column(column) for column in table.columns]
    if table.rules:
        lines += ["", "A row is bad where:", "", *[f"- {rule.says}" for rule in table.rules]]
    return "\n".join([*lines, ""])


def _column(column: Column) -> str:
    unit = f" ({column.unit})" if column.unit else ""
    empty = column.null_means if column.nullable else "never empty"
    return f"| `{column.name}` | {column.type} | {column.means}{unit} | {_allowed(column)} | {empty} |"


def _allowed(column: Column) -> str:
    if column.allowed:
        return _names(column.allowed)
    low, high = column.minimum, column.maximum
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    return f"{low:g} or more" if low is not None else ""


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
