"""The recipient pages in a real browser: on a phone, in the dark, by keyboard, with a button that really stops."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Page, browser, chromium
from console_server import served
from recipient_letters import app_of, letters, links
from test_console_browser import CONTRAST

PAGES = (
    "late, Portuguese", "late", "digest", "stop", "stop, Portuguese", "dead",
)  # fmt: skip


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    program = chromium()
    if program is None:
        pytest.skip("no chromium or google-chrome on PATH: recipient pages were not looked at in a real browser")
    with browser(program, tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.fixture(scope="module")
def address(told_home: Path) -> Iterator[str]:
    with served(app_of(told_home)) as url:
        yield url


@pytest.fixture(scope="module")
def paths(told_home: Path) -> dict[str, str]:
    mails = {who: links(mail) for who, mail in letters(told_home).items()}
    return {
        "late, Portuguese": mails["buyer1"][0], "late": mails["buyer2"][0], "digest": mails["seller1"][0],
        "stop": mails["seller1"][1], "stop, Portuguese": mails["buyer1"][1], "dead": "/n/x",
    }  # fmt: skip


@pytest.mark.parametrize("width", [320, 375, 1280])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_its_screen_in_its_own_style(page, address, paths, name, width):
    page.look(width=width)
    page.open(address + paths[name])
    assert page.value("document.documentElement.scrollWidth") <= width
    assert [said for said in page.messages if "404" not in said] == []
    assert page.value("document.styleSheets.length") == 1
    assert page.value("document.scripts.length") == 0
    assert page.value("getComputedStyle(document.querySelector('.card')).borderTopLeftRadius") == "12px"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", PAGES)
def test_all_text_stands_out_from_its_ground(page, address, paths, name, dark):
    page.look(width=375, dark=dark)
    page.open(address + paths[name])
    assert page.value(CONTRAST) == []
    ground = "rgb(17, 24, 29)" if dark else "rgb(238, 241, 244)"
    assert page.value("getComputedStyle(document.body).backgroundColor") == ground


def test_by_keyboard_one_presses_stop_and_then_undo(page, stopping_home):
    stop = links(letters(stopping_home)["buyer2"])[1]
    with served(app_of(stopping_home)) as address:
        page.look(width=375)
        page.open(address + stop)
        for said in ("These notices are stopped", "You will get these notices again"):
            page.press("Tab")
            assert page.value("document.activeElement.tagName") == "BUTTON"
            assert page.value("getComputedStyle(document.activeElement).outlineWidth") == "3px"
            assert page.value("document.activeElement.getBoundingClientRect().height") >= 44
            page.press("Enter")
            page.wait_for(
                f"document.querySelector('h1')?.textContent === {said!r} && document.readyState === 'complete'"
            )
        assert page.messages == []
        assert page.value("document.cookie") == ""
        assert re.search(r"/u/stop\.", page.value("location.href"))
        assert page.value("document.querySelectorAll('form').length") == 0
