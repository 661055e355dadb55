"""The first link of a mail: the notice in its reader's language, and how far it still holds; and who learns what."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, date, datetime, timedelta
from html import unescape
from pathlib import Path

import pytest
from console_mails import KEYS
from recipient_letters import DAY, LONG_ORDER, NOW, PLATFORM, app_of, fill, late, letters, links, tell, url_of, visitor
from sqlalchemy import select, update

from console.recipients.sentences import languages, sentences
from notices import state
from notices.lint.message import visible_text
from notices.write.catalog import available, catalog
from notices.write.compose import CARDS
from notices.write.formats import Number
from notices.write.tokens import Token, sign

BOTH = [("told", 0), ("stop", 1)]


def said(html: str) -> str:
    return " ".join(visible_text(html.replace("</style>", "</style>\n")).split())


def path_of(home: Path, who: str, which: int = 0) -> str:
    return links(letters(home)[who])[which]


def shown(home: Path, path: str, wall: datetime | None = None, status: int = 200) -> str:
    with visitor(app_of(home, wall=wall)) as client:
        answer = client.get(path)
    assert answer.status_code == status
    return answer.text


def written(home: Path, **values: object) -> None:
    engine = state.open_state(url_of(home))
    with state.writing(engine) as db:
        db.execute(update(state.notices).values(**values))
    engine.dispose()


@pytest.mark.parametrize(("who", "language"), [("buyer1", "pt-BR"), ("buyer2", "en"), ("seller1", "en")])
def test_the_page_says_what_the_mail_says_in_its_language(told_home, who, language):
    html = shown(told_home, path_of(told_home, who))
    assert f'<html lang="{language}">' in html
    page = said(html)
    mail = letters(told_home)[who].get_body(("html",)).get_content()
    lines = [" ".join(line.split()) for line in visible_text(mail).splitlines()]
    assert [line for line in lines if line and line not in page] == only_in_the_mail(who, language)


def only_in_the_mail(who: str, language: str) -> list[str]:
    """What a page that may be forwarded, and is where the mail's links lead, does not say."""
    say = catalog(language).text
    kind, name = ("stock_out", "Loja Azul") if who == "seller1" else ("late_delivery", {"en": "Robin"}.get(language))
    more = [say("stock_out.more", count=Number(3, "3"))] if who == "seller1" else []
    action = "order.action" if kind == "late_delivery" else "stock_out.action"
    ending = [say(action), say(f"{kind}.reach"), say(f"{kind}.why_told")]
    return [say("greeting", name=name or "Ana Souza"), *more, *ending, say("stop_label")]


def test_a_page_has_room_for_every_article_of_a_digest(told_home):
    page = said(shown(told_home, path_of(told_home, "seller1")))
    assert [n for n in range(23) if f"sku{n:02}" not in page] == []
    assert "more article" not in page


def test_it_says_from_when_the_facts_are_and_that_they_still_hold(told_home):
    page = said(shown(told_home, path_of(told_home, "buyer2")))
    assert re.search(r"Facts as of \w+ \d+, \d{4}, 9:00 PM, Brasilia Time\. We know of nothing that has changed", page)


def test_after_a_while_it_says_that_it_is_old(told_home):
    page = said(shown(told_home, path_of(told_home, "buyer2"), wall=NOW + timedelta(days=3)))
    assert "It may have changed since." in page


def test_what_was_taken_back_or_settled_says_so(stopping_home):
    path, portuguese = path_of(stopping_home, "buyer2"), path_of(stopping_home, "buyer1")
    written(stopping_home, state="WITHDRAWN", state_reason="delivered at 2026-03-02 09:00 UTC", updated_at=NOW)
    assert "We took this back on" in said(shown(stopping_home, path))
    assert "isto não vale mais" in said(shown(stopping_home, portuguese))
    written(stopping_home, state="EXPIRED")
    assert "It may have changed since." in said(shown(stopping_home, path))
    written(stopping_home, state="APPROVED")
    engine = state.open_state(url_of(stopping_home))
    with state.writing(engine) as db:
        db.execute(update(state.cases).values(closed_at=NOW))
    engine.dispose()
    assert "This was settled on" in said(shown(stopping_home, path))


def test_newer_facts_of_the_same_order_are_shown_beside_those_of_the_mail(stopping_home):
    engine = state.open_state(url_of(stopping_home))
    tomorrow = NOW + timedelta(days=1)
    counts = asyncio.run(
        tell(engine, stopping_home, [late("order2", "buyer2", tomorrow)], DAY + timedelta(1), tomorrow)
    )
    engine.dispose()
    assert counts["candidates"] == 1
    page = said(shown(stopping_home, path_of(stopping_home, "buyer2"), wall=tomorrow))
    assert "There are newer facts: see below." in page
    assert page.index("As of") < page.index("What we wrote before") < page.rindex("We now expect it")
    assert page.count("We now expect it") == 2
    assert "nothing that has changed" not in page
    other = said(shown(stopping_home, path_of(stopping_home, "buyer1"), wall=tomorrow))
    assert "informações mais recentes" not in other


def test_no_page_names_a_person_or_repeats_its_link(told_home):
    for who, mail in letters(told_home).items():
        for path in links(mail):
            html = shown(told_home, path)
            for private in (who, "Ana", "Souza", "Robin", "Loja", "@", path, path.rpartition(".")[2]):
                assert private not in re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL), private
            title = unescape(re.search("<title>(.*)</title>", html)[1])
            assert title.endswith(PLATFORM)
            assert LONG_ORDER[:8] not in title


def test_someone_who_left_the_directory_still_reads_their_notice(stopping_home):
    path = path_of(stopping_home, "buyer1")
    engine = state.open_state(url_of(stopping_home))
    with state.writing(engine) as db:
        db.execute(state.directory.delete())
    engine.dispose()
    assert f"Pedido {LONG_ORDER}" in said(shown(stopping_home, path))


def dead(home: Path) -> dict[str, str]:
    """Links that lead nowhere, each for another reason."""
    told, stop = links(letters(home)["buyer2"])
    notice_id = told.split(".")[1]
    until = NOW + timedelta(days=60)
    unknown = sign(KEYS, Token("view", "0" * 64, until))
    return {
        "altered": told[:-1] + ("0" if told[-1] != "0" else "1"),
        "another notice": told.replace(notice_id, "0" * 64),
        "longer life": told.replace(told.split(".")[2], "9999999999"),
        "too old": "/n/" + sign(KEYS, Token("view", notice_id, NOW - timedelta(days=1))),
        "gone": f"/n/{unknown}",
        "to stop": "/n/" + stop.removeprefix("/u/"),
        "to view": "/u/" + told.removeprefix("/n/"),
        "to undo": "/u/" + sign(KEYS, Token("undo", notice_id, until)),
        "nothing": "/n/",
        "noise": "/n/%F0%9F%92%A9..%00",
        "long": "/n/" + "a" * 5000,
        "deeper": told + "/more",
        "slash": told + "/",
        "elsewhere": "/alerts",
    }


REASONS = (
    "altered", "another notice", "longer life", "too old", "gone", "to stop", "to view", "to undo", "nothing", "noise",
    "long", "deeper", "slash", "elsewhere",
)  # fmt: skip


@pytest.mark.parametrize("reason", REASONS)
def test_a_dead_link_gets_one_and_the_same_friendly_page(told_home, reason):
    html = shown(told_home, dead(told_home)[reason], status=404)
    assert html == shown(told_home, "/n/x", status=404)
    assert '<section class="said" lang="en">' in html
    assert '<section class="said" lang="pt-BR">' in html
    with visitor(app_of(told_home)) as client:
        posted = client.post(dead(told_home)[reason], data={"List-Unsubscribe": "One-Click"})
    assert posted.status_code in {404, 405}


def test_a_link_ends_after_sixty_days(told_home):
    for path in links(letters(told_home)["buyer2"]):
        shown(told_home, path, wall=NOW + timedelta(days=59, hours=23))
        shown(told_home, path, wall=NOW + timedelta(days=60, minutes=1), status=404)


def test_links_of_a_past_day_live_from_when_they_were_sent(tmp_path):
    past = datetime(2018, 3, 2, 15, tzinfo=UTC)
    asyncio.run(fill(tmp_path, day=date(2018, 3, 1), now=past))
    for path in links(letters(tmp_path)["buyer2"]):
        shown(tmp_path, path)
        shown(tmp_path, path, wall=datetime.now(UTC) + timedelta(days=61), status=404)
    assert "nothing that has changed" in said(shown(tmp_path, path_of(tmp_path, "buyer2")))


@pytest.mark.parametrize(("name", "which"), [*BOTH, ("dead", None), ("method", None), ("large", None)])
def test_every_answer_is_kept_from_caches_robots_scripts_and_other_sites(told_home, name, which):
    with visitor(app_of(told_home)) as client:
        if which is not None:
            answer = client.get(path_of(told_home, "buyer1", which))
        elif name == "dead":
            answer = client.get("/n/x")
        else:
            answer = (
                client.put("/u/x")
                if name == "method"
                else client.post(path_of(told_home, "buyer1", 1), content="a" * 9000)
            )
    headers = answer.headers
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert "noindex" in headers["x-robots-tag"]
    assert headers["x-content-type-options"] == "nosniff"
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "set-cookie" not in headers
    assert "<script" not in answer.text
    assert " style=" not in answer.text
    assert not re.search(r'(?:src|href)="(?!data:,")', answer.text)
    assert 'name="robots" content="noindex' in answer.text


@pytest.mark.parametrize(("name", "which"), BOTH)
def test_a_scanner_may_ask_for_the_head_alone(told_home, name, which):
    with visitor(app_of(told_home)) as client:
        answer = client.head(path_of(told_home, "buyer1", which))
    assert (answer.status_code, answer.content) == (200, b"")


def test_only_its_own_host_names_are_answered(told_home):
    with visitor(app_of(told_home, hosts=["notices.example", "www.notices.example"])) as client:
        path = path_of(told_home, "buyer1")
        assert client.get(path).status_code == 400
        assert client.get(path, headers={"host": "notices.example"}).status_code == 200


def test_pages_speak_every_language_that_notices_do_with_the_same_facts():
    assert sorted(languages()) == sorted(available())
    reference = sentences("en")
    for language in languages():
        other = sentences(language)
        holes = {key: other.holes(key) for key in other.sentences}
        assert holes == {key: reference.holes(key) for key in reference.sentences}
        assert {f"{page}.about.{kind}" for page in ("stop", "stopped", "undone") for kind in CARDS} <= set(holes)


def test_names_of_articles_and_hubs_are_never_markup(stopping_home):
    hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
    engine = state.open_state(url_of(stopping_home))
    with state.writing(engine) as db:
        for row in db.execute(select(state.notices.c.notice_id, state.notices.c.evidence)).all():
            evidence = row.evidence
            for line in evidence.get("lines", []):
                line.update(sku_id=hostile, category=hostile)
            if "order_id" in evidence:
                evidence["last_scan"]["hub"] = evidence["order_id"] = hostile
            db.execute(
                update(state.notices).where(state.notices.c.notice_id == row.notice_id).values(evidence=evidence)
            )
    engine.dispose()
    for mail in letters(stopping_home).values():
        html = shown(stopping_home, links(mail)[0])
        assert "alert(1)" in html
        assert not re.search(r"<(script|img)\b", html)


def test_without_a_state_db_it_asks_to_come_back_and_shows_no_path(told_home, tmp_path):
    path = path_of(told_home, "buyer1")
    with visitor(app_of(tmp_path)) as client:
        answer = client.get(path)
        posted = client.post(links(letters(told_home)["buyer1"])[1], data={"do": "stop"})
    for one in (answer, posted):
        assert (one.status_code, one.headers["retry-after"]) == (503, "60")
        assert "Please try again in a moment" in one.text
        assert str(tmp_path) not in one.text
    assert not (tmp_path / "state.db").exists()


def test_a_page_that_breaks_ends_in_the_pages_own_words(stopping_home, caplog):
    path = path_of(stopping_home, "buyer1")
    written(stopping_home, evidence={"as_of": "no day"})
    html = shown(stopping_home, path, status=500)
    assert "Tente de novo daqui a pouco" in html
    assert path not in caplog.text
    assert path.rpartition(".")[2] not in caplog.text
