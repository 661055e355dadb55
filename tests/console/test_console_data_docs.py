"""What the gates checked is found, listed with its outcome, and shown without anything from elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

PAGE = """<html><head><link rel="stylesheet" href="https://cdn.example/a.css">
<style>b {color: red}</style><script src="https://cdn.example/x.js"></script></head>
<body><img src="https://cdn.example/logo.png"><script>$("table").bootstrapTable()</script>
<span class="h6">Status:</span> <i class="fas fa-times text-danger"></i> %s
<p>values must never be null</p></body></html>"""


def site(home: Path, name: str, **outcomes: str) -> None:
    """Data Docs of one ingest, laid out as Great Expectations does."""
    folder = home / "data_docs" / "ingest" / name
    folder.mkdir(parents=True)
    (folder / "index.html").write_text(PAGE % "")
    for table, outcome in outcomes.items():
        page = folder / "validations" / table / "__none__" / "20261123T044320Z" / f"{table}-{table}.html"
        page.parent.mkdir(parents=True)
        page.write_text(PAGE % outcome)


@pytest.fixture
def docs_home(home: Path) -> Path:
    site(home, "2026-01-01_to_2026-03-01", orders="Succeeded", stock="Failed")
    site(home, "2026-03-02", orders="Succeeded")
    return home


def test_the_run_of_the_day_comes_first_and_failed_checks_before_passed_ones(docs_home, client_of):
    client = client_of(docs_home)
    html = client.get("/data-docs/?day=2026-03-01").text
    places = [html.index(part) for part in ("ingest · 2026-01-01 to 2026-03-01", ">stock</a>", "Failed", ">orders</a>")]
    assert places == sorted(places)
    assert html.index("2026-01-01 to") < html.index("ingest · 2026-03-02")
    assert 'href="/data-docs/?day=2026-03-01"' in client.get("/").text


def test_a_page_keeps_its_words_and_loses_what_comes_from_elsewhere(docs_home, client_of):
    path = "ingest/2026-03-02/validations/orders/__none__/20261123T044320Z/orders-orders.html"
    answer = client_of(docs_home).get(f"/data-docs/{path}")
    assert "values must never be null" in answer.text
    assert "/static/data-docs.css" in answer.text
    for gone in ("cdn.example", "<script", "bootstrapTable"):
        assert gone not in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "script-src" not in policy
    assert "https:" not in policy


def test_their_own_first_page_leads_to_ours(docs_home, client_of):
    answer = client_of(docs_home).get("/data-docs/ingest/2026-03-02/index.html", follow_redirects=False)
    assert answer.headers["location"] == "/data-docs/"


def test_before_the_first_ingest_the_page_says_what_will_be_there(home, client_of):
    assert "No Data Docs yet" in client_of(home).get("/data-docs/").text
