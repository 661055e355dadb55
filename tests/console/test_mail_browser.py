"""The mails in a real browser: on a phone and wide, light and dark, with no picture to load."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Page, browser, chromium
from console_mails import LINKS
from test_console_browser import CONTRAST

from notices.people.directory import Entry
from notices.write.catalog import available
from notices.write.compose import compose

AS_OF = "2026-03-02T00:00:00+00:00"
ORDER = {
    "kind": "late_delivery", "order_id": "o16800000001", "as_of": AS_OF, "promised_at": "2026-03-05T02:59:59+00:00",
    "probability": 0.8, "window": {"p10": "2026-03-06", "p50": "2026-03-08", "p90": "2026-03-11"},
    "last_scan": {"event": "hub_out", "hub": "Centro-de-Distribuicao-Cajamar-" * 3, "event_at": AS_OF},
    "items": [{"category": "beleza_saude", "quantity": 2}],
    "reasons": [{"code": "scan_gap", "facts": {"last_scan_age_hours": 99.5}}],
}  # fmt: skip
LINE = {
    "sku_id": "k" * 60, "category": "casa", "as_of": AS_OF, "probability": 0.66, "on_hand": 12, "units_per_day": 3.4,
    "expected_date": "2026-03-05", "order_by": "2026-03-03", "quantity": 40, "value_at_risk": 950.0, "currency": "BRL",
    "open_inbound": {"quantity": 30, "expected_at": "2026-03-09"},
    "reasons": [{"code": "on_hand", "facts": {"cover_days": 3.0}}],
}  # fmt: skip
DIGEST = {
    "kind": "stock_out", "seller_id": "s1", "as_of": AS_OF, "lines": [LINE, {**LINE, "value_at_risk": 123456789.0}],
    "track_record": {"reminders": 10, "came_true": 8},
}  # fmt: skip
MAILS = {"order": ("late_delivery", ORDER), "digest": ("stock_out", DIGEST)}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    program = chromium()
    if program is None:
        pytest.skip("no chromium or google-chrome on PATH: the mails were not looked at in a real browser")
    with browser(program, tmp_path_factory.mktemp("profile")) as tab:
        yield tab


def mail(folder: Path, name: str, locale: str) -> str:
    kind, evidence = MAILS[name]
    who = Entry("p1", "buyer", "Ana Souza", "a@mail.example", locale, "America/Sao_Paulo", None, consent=True)
    file = folder / f"{name}.html"
    file.write_text(compose(kind, "heads_up", evidence, who, LINKS, "Beforehand Market").html, "utf-8")
    return file.as_uri()


@pytest.mark.parametrize("locale", available())
@pytest.mark.parametrize("name", MAILS)
def test_a_mail_fits_a_phone_and_reads_in_light_and_dark(page: Page, tmp_path: Path, name: str, locale: str) -> None:
    url = mail(tmp_path, name, locale)
    for width in (360, 700):
        for dark in (False, True):
            page.look(width=width, dark=dark)
            page.open(url)
            assert page.value("document.documentElement.scrollWidth") <= width
            assert page.value(CONTRAST) == []
            ground = "rgb(17, 24, 29)" if dark else "rgb(238, 241, 244)"
            assert page.value("getComputedStyle(document.body).backgroundColor") == ground
    assert page.value("document.images.length + document.scripts.length") == 0
    assert page.messages == []


def test_the_bars_of_a_digest_are_as_long_as_their_amounts(page: Page, tmp_path: Path) -> None:
    page.look(width=700)
    page.open(mail(tmp_path, "digest", "en"))
    filled = "(track.querySelector('.fill') || {offsetWidth: 0}).offsetWidth"
    widths = page.value(f"[...document.querySelectorAll('.chart .track')].map(track => [{filled}, track.offsetWidth])")
    (small, whole), (large, _) = widths
    assert large == whole
    assert small < whole / 50
