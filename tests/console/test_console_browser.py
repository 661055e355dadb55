"""The pages in a real browser: on a phone and a desk, light and dark, by keyboard, with nothing to complain about."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Page, browser, chromium
from conftest import app_of
from console_server import served

from console import words

WIDTHS = (375, 1280)
CONTRAST = """(() => {
  const rgb = c => { const m = c.match(/[\\d.]+/g).map(Number); return {c: m.slice(0, 3), a: m[3] ?? 1}; };
  const light = c => c.map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
                      .reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = e => { for (; e; e = e.parentElement) {
    const b = rgb(getComputedStyle(e).backgroundColor); if (b.a > 0.99) return b.c; } return [255, 255, 255]; };
  const low = [];
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    const box = e.getBoundingClientRect();
    if (!own || box.width < 2 || box.height < 2 || getComputedStyle(e).visibility === 'hidden') continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color).c), light(ground(e))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) low.push(e.textContent.trim().slice(0, 40));
  }
  return low;
})()"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    program = chromium()
    if program is None:
        pytest.skip("no chromium or google-chrome on PATH: pages were not looked at in a real browser")
    with browser(program, tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.fixture(scope="module")
def address(filled_home: Path) -> Iterator[str]:
    with served(app_of(filled_home)) as url:
        yield url


@pytest.fixture(scope="module")
def paths(filled_home: Path) -> dict[str, str]:
    with sqlite3.connect(filled_home / "state.db") as db:

        def one(sql: str) -> str:
            return str(db.execute(sql).fetchone()[0])

        found = {
            "today": "/", "alerts": "/alerts", "notices": "/notices", "mailbox": "/mailbox",
            "case": "/cases/" + one("SELECT case_id FROM notices JOIN deliveries USING (notice_id) WHERE kind = "
                                    "'late_delivery' AND deliveries.state = 'ACCEPTED' LIMIT 1"),
            "digest": "/cases/" + one("SELECT case_id FROM decisions WHERE decision = 'digest' LIMIT 1"),
            "run": "/runs/" + one("SELECT run_id FROM runs WHERE step = 'ingest' LIMIT 1"),
        }  # fmt: skip
    mail = min(file.name for file in (filled_home / "mailbox" / "new").iterdir())
    return found | {view: f"/mailbox/{mail}?view={view}" for view in ("html", "phone", "text", "headers")}


PAGES = ("today", "alerts", "notices", "mailbox", "case", "digest", "run", "html", "phone", "text", "headers")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_its_screen_and_the_browser_has_no_complaint(page, address, paths, name, width):
    page.look(width=width)
    page.open(address + paths[name])
    assert page.value("document.documentElement.scrollWidth") <= width
    assert page.messages == []
    assert page.value("document.styleSheets.length") == 1


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", ["today", "alerts", "case", "mailbox", "headers"])
def test_all_text_stands_out_from_its_ground(page, address, paths, name, dark):
    page.look(width=1280, dark=dark)
    page.open(address + paths[name])
    assert page.value(CONTRAST) == []
    if dark:
        assert page.value("getComputedStyle(document.body).backgroundColor") == "rgb(14, 18, 23)"


def test_the_keyboard_reaches_the_page_the_main_links_and_the_numbers(page, address):
    page.look(width=1280)
    page.open(address + "/")
    reached = []
    for _ in range(24):
        page.press("Tab")
        reached.append(page.value("document.activeElement.textContent.trim() || document.activeElement.name"))
    assert reached[0] == "Skip to the page"
    assert reached[1:6] == ["Beforehand", "Today", "Alerts", "Notices", "Mailbox"]
    assert any("mails the relay accepted" in text for text in reached)
    assert "66,857" in reached


def test_the_focus_can_be_seen(page, address):
    page.look(width=1280)
    page.open(address + "/")
    for _ in range(3):
        page.press("Tab")
    assert page.value("getComputedStyle(document.activeElement).outlineWidth") == "3px"


def test_a_link_is_followed_with_enter(page, address):
    page.look(width=1280)
    page.open(address + "/")
    for _ in range(4):
        page.press("Tab")
    page.press("Enter")
    page.wait_for("location.pathname === '/alerts' && document.readyState === 'complete'")
    assert page.value("document.querySelector('h1').textContent") == "Alerts"


def test_a_filter_works_without_a_script(page, address):
    page.look(width=375)
    page.open(address + "/alerts")
    page.value("document.querySelector('[name=decision]').value = 'hold_out'")
    page.value("document.querySelector('form.filters').requestSubmit()")
    page.wait_for("location.search.includes('decision=hold_out') && document.readyState === 'complete'")
    assert "7 decisions" in page.value("document.querySelector('.pager').textContent")


def test_the_mail_is_in_a_frame_that_the_page_cannot_be_reached_from(page, address, paths):
    page.look(width=1280)
    page.open(address + paths["html"])
    assert page.value("document.querySelector('iframe').contentDocument === null") is True
    assert page.value("document.scripts.length") == 0


@pytest.mark.parametrize("width", WIDTHS)
def test_a_day_with_every_kind_fits_its_screen(page: Page, home: Path, width: int) -> None:
    with sqlite3.connect(home / "state.db") as db:
        for number, kind in enumerate(kind for kind in words.KINDS if kind not in {"late_delivery", "stock_out"}):
            db.execute(
                "INSERT INTO decisions SELECT decision_id || ?, day, ?, subject_id, sku_id, recipient_id, case_id, "
                "decision, reason, probability, expected_value, evidence, model_version, armed, decided_at "
                "FROM decisions WHERE kind = 'late_delivery'", (str(number), kind),
            )  # fmt: skip
    with served(app_of(home)) as url:
        page.look(width=width)
        page.open(url + "/")
        assert page.value("document.querySelectorAll('.lane').length") == len(words.KINDS)
        assert page.value("document.documentElement.scrollWidth") <= width
