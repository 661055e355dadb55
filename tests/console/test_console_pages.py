"""Each page says what the state DB holds, and leads on to the list behind each number."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest
from console_day import DAY, INGESTED, LATE_MIX, STOCK_MIX
from sqlalchemy import select

from notices import state


def one(home: Path, sql: str) -> str:
    with sqlite3.connect(home / "state.db") as db:
        return str(db.execute(sql).fetchone()[0])


def words_of(html: str) -> str:
    """The page as read: no tags, single spaces."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace("&nbsp;", " ").replace("\u00a0", " ").split())


def links_of(html: str) -> set[str]:
    found = re.findall(r'(?:href|src|action)="([^"]+)"', html)
    return {link.replace("&amp;", "&") for link in found if link.startswith("/")}


def test_today_shows_the_newest_day_with_its_funnel_in_the_numbers_of_the_db(client):
    html = client.get("/").text
    said = words_of(html)
    assert "Sunday 1 March 2026" in said
    rows_in, bad = (sum(pair[i] for pair in INGESTED.values()) for i in (0, 1))
    for part in (f"{rows_in:,} rows in", f"{rows_in - bad:,} rows kept", f"{bad} quarantined", "2,210 Orders scored"):
        assert part in said
    assert f"{sum(LATE_MIX.values())} candidates" in said
    assert f"{sum(STOCK_MIX.values())} candidates" in said
    assert html.count("<polygon") == 20  # ten stages, lying and upright


def test_today_puts_what_needs_a_person_first_with_the_next_step(client):
    said = words_of(client.get("/").text)
    failed = said.index("Train · Stock-out: failed")
    assert failed < said.index("From rows to mails")
    assert "features_stock_out, 2026-02-27: no rows. The day was never ingested. Run the step again" in said
    assert said.index("Train · Late delivery: held") > failed


def test_today_counts_every_decision_and_says_what_each_means(client):
    said = words_of(client.get("/").text)
    assert "Held out Kept silent on purpose, so that the effect of telling is known. 3 4" in said
    assert "Not worth a mail The gain from telling is smaller than the annoyance. 118 61" in said


def test_today_says_what_to_do_about_quarantined_rows(client):
    said = words_of(client.get("/").text)
    assert f"python -m jobs.run replay-quarantine --table shipment_events --day {DAY}" in said
    assert "calendar 0 0 0 – Nothing came." in said


def test_today_shows_a_kill_switch_a_pause_and_an_open_breaker(home, client_of):
    with sqlite3.connect(home / "state.db") as db:
        db.execute("INSERT INTO control VALUES ('kill:stock_out', 'on', 'mia', '2026-03-02 07:00:00')")
        db.execute(
            "INSERT INTO kinds (kind, ladder, paused, pause_reason) VALUES ('late_delivery', 'all', 1, 'too many')"
        )
        db.execute(
            "INSERT INTO breaker (relay, state, failures, last_reply) VALUES ('mx.example', 'open', 5, '421 busy')"
        )
    said = words_of(client_of(home).get("/").text)
    assert "Sending is switched off: Stock-out" in said
    assert "switched on by mia" in said
    assert "This kind of notice is paused: Late delivery" in said
    assert "The relay is not answering well: mx.example" in said


def test_days_are_walked_with_previous_and_next(client):
    assert 'href="/?day=2026-02-01" rel="prev"' in client.get("/").text
    earlier = client.get("/?day=2026-02-01").text
    assert 'href="/?day=2026-03-01" rel="next"' in earlier
    assert "Sunday 1 February 2026" in earlier
    assert "Nothing ran for this day" in client.get("/?day=2026-02-14").text


def test_every_link_of_every_page_leads_somewhere(client):
    seen, todo = set(), ["/"]
    while todo and len(seen) < 150:
        path = todo.pop()
        answer = client.get(path)
        assert answer.status_code == 200, path
        seen.add(path)
        if "text/html" in answer.headers["content-type"] and not path.endswith("/body"):
            fresh = {link.split("#")[0] for link in links_of(answer.text)} - seen - set(todo)
            todo += sorted(fresh)[:12]
    assert {"/alerts", "/mailbox", "/notices"} <= {path.split("?")[0] for path in seen}
    assert any(path.startswith("/cases/") for path in seen)


def test_alerts_are_sorted_filtered_and_searched(client, filled_home):
    html = client.get("/alerts").text
    gains = [float(gain.replace(",", "")) for gain in re.findall(r'data-label="Gain">\+R\$\u00a0([\d,.]+)', html)]
    assert len(gains) == 50
    assert gains == sorted(gains, reverse=True)
    by_chance = words_of(client.get("/alerts?sort=chance").text)
    chances = [float(chance) for chance in re.findall(r"([\d.]+) % ", by_chance)][:30]
    assert chances == sorted(chances, reverse=True)
    held_out = words_of(client.get("/alerts?kind=late_delivery&decision=hold_out").text)
    assert "1 to 3 of 3 decisions" in held_out
    order = one(filled_home, "SELECT subject_id FROM decisions WHERE kind='late_delivery' AND day='2026-03-01' LIMIT 1")
    assert "1 to 1 of 1 decisions" in words_of(client.get(f"/alerts?q={order[:10]}").text)
    assert "Nothing matches" in client.get("/alerts?q=%25").text  # a wildcard is a letter like any other


def test_alerts_page_through_all_and_keep_the_filter(client):
    first = client.get("/alerts?kind=late_delivery").text
    assert "1 to 50 of 240 decisions" in words_of(first)
    following = next(link for link in links_of(first) if "page=2" in link)
    assert "kind=late_delivery" in following
    second = client.get(following).text
    assert "51 to 100 of 240 decisions" in words_of(second)
    ids = [set(re.findall(r'class="id" href="([^"]+)"', page)) for page in (first, second)]
    assert not ids[0] & ids[1]


def test_alerts_give_reasons_in_the_words_of_the_mail(client):
    said = words_of(client.get("/alerts?decision=send").text)
    assert "The parcel has not been scanned for" in said
    assert "telling is worth more than it costs" in said


def test_a_case_tells_its_story_in_order(client, filled_home):
    case_id = one(filled_home, "SELECT case_id FROM notices JOIN deliveries USING (notice_id) WHERE deliveries.state = "
                  "'ACCEPTED' AND kind = 'late_delivery' AND day = '2026-03-01' LIMIT 1")  # fmt: skip
    html = client.get(f"/cases/{case_id}").text
    said = words_of(html)
    story = ["Last scan: hub in", "Decided: Told", "Heads-up planned", "Try 1 to hand it over", "accepted by the relay"]
    places = [said.index(part) for part in story]
    assert places == sorted(places)
    assert "Promised until" in said
    assert "250 2.0.0 queued" in said
    assert "shipment_events · " in said  # each reason's facts with the row they come from
    assert 'sandbox=""' in html


def test_a_case_shows_its_evidence_with_money_dates_and_source(client, filled_home):
    engine = state.open_state(f"sqlite:///{filled_home / 'state.db'}")
    with engine.connect() as db:
        row = db.execute(select(state.decisions).where(state.decisions.c.decision == "send")).mappings().first()
    engine.dispose()
    said = words_of(client.get(f"/cases/{row['case_id']}").text)
    evidence = row["evidence"]
    assert f"R$ {evidence['value']:,.2f}" in said
    assert evidence["carrier"] in said
    assert evidence["last_scan"]["hub"] in said


def test_a_seller_sees_one_digest_and_each_article_its_line(client, filled_home):
    case_id = one(filled_home, "SELECT case_id FROM decisions WHERE decision = 'digest' AND day = '2026-03-01' LIMIT 1")
    said = words_of(client.get(f"/cases/{case_id}").text)
    assert "Digest accepted by the relay" in said
    assert "Its line: probability" in said
    assert "Order by" in said
    assert "In the digest" in said


@pytest.mark.parametrize("decision", ["abstained", "below_value", "hold_out", "review", "quiet", "shadow"])
def test_what_was_not_told_has_its_page_too(client, filled_home, decision):
    decision_id = one(filled_home, f"SELECT decision_id FROM decisions WHERE decision = '{decision}' LIMIT 1")
    answer = client.get(f"/decisions/{decision_id}")
    assert answer.status_code == 200
    assert "Evidence" in answer.text


def test_notices_show_what_the_relay_said(client):
    said = words_of(client.get("/notices?state=failed").text)
    assert "550 5.1.1 no such user" in said
    assert "Refused" in said
    waiting = words_of(client.get("/notices?state=ready").text)
    assert "1 to 6 of 6 notices" in waiting


def test_a_step_shows_figures_versions_and_message(client, filled_home):
    run_id = one(filled_home, "SELECT run_id FROM runs WHERE step = 'ingest' AND day = '2026-03-01'")
    said = words_of(client.get(f"/runs/{run_id}").text)
    assert "Rows in Rows kept Rows quarantined orders 6,014 6,002 12" in said
    assert "Version of shipment events 14" in said


def test_the_mailbox_lists_what_was_delivered_with_masked_recipients(client, filled_home):
    html = client.get("/mailbox").text
    count = len(list((filled_home / "mailbox" / "new").iterdir()))
    assert f"1 to 50 of {count} mails" in words_of(html)
    assert re.search(r"buyer [0-9a-f]{6}…", words_of(html))
    assert "@example.net" not in html


@pytest.mark.parametrize("language", ["en", "pt-BR"])
def test_a_mail_has_html_phone_text_and_headers(client, filled_home, language):
    sign = {"en": b"Hello Robin", "pt-BR": b"Ol=C3=A1, Ana"}[language]
    file = next(file for file in (filled_home / "mailbox" / "new").iterdir() if sign in file.read_bytes())
    page = client.get(f"/mailbox/{file.name}").text
    assert f'sandbox="" title="The mail as its recipient sees it" src="/mailbox/{file.name}/body"' in page
    assert "Why it was sent" in page
    body = client.get(f"/mailbox/{file.name}/body").text
    assert f'lang="{language}"' in body
    assert "letter phone" in client.get(f"/mailbox/{file.name}?view=phone").text
    assert {"en": "Hello Robin", "pt-BR": "Olá, Ana"}[language] in client.get(f"/mailbox/{file.name}?view=text").text
    headers = client.get(f"/mailbox/{file.name}?view=headers").text
    assert "List-Unsubscribe-Post" in headers
    assert "‹address masked›" in headers


def test_a_mail_leads_to_why_it_was_sent(client, filled_home):
    file = next((filled_home / "mailbox" / "new").iterdir())
    page = client.get(f"/mailbox/{file.name}").text
    why = re.search(r'href="(/(?:cases|decisions)/[^"]+)">Why it was sent', page)
    assert why
    assert f"/mailbox/{file.name}" in client.get(why[1]).text
