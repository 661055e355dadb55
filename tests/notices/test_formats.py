"""Values as the library says them: what is put together here from parts that are kept is the same text."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from babel.dates import format_datetime
from babel.numbers import format_decimal, format_percent, get_currency_symbol
from hypothesis import given
from hypothesis import strategies as st
from message_records import ZONES

from notices.write.formats import CURRENCY_SIGN, Formats
from notices.write.wording import installed

FORMATS = {locale: Formats(locale, ZoneInfo(ZONES[locale])) for locale in installed().locales}
locales = st.sampled_from(sorted(FORMATS))


@given(locale=locales, seconds=st.integers(0, 2**31))
def test_a_moment_is_the_librarys_without_seconds(locale: str, seconds: int) -> None:
    formats, moment = FORMATS[locale], datetime.fromtimestamp(seconds, UTC)
    theirs = format_datetime(moment.replace(second=0), "medium", formats.zone, formats.locale)
    theirs = re.sub(r"(\d\d[:.]\d\d|\b\d[:.]\d\d)[:.]00(?=\D|$)", r"\1", theirs)
    ours = formats.moment(moment.isoformat()).replace("ค.ศ. ", "").replace("tháng ", "thg ")
    assert ours.startswith(theirs)


@given(
    locale=locales, value=st.floats(-1e7, 1e10), currency=st.sampled_from(("BRL", "USD", "THB", "VND", "IDR", "CNY"))
)
def test_an_amount_is_the_librarys(locale: str, value: float, currency: str) -> None:
    formats = FORMATS[locale]
    pattern = formats.locale.currency_formats["standard"].pattern.replace(".00", "")
    theirs = format_decimal(round(value), pattern, locale=formats.locale)
    assert formats.money(value, currency) == theirs.replace(
        CURRENCY_SIGN, get_currency_symbol(currency, formats.locale)
    )


@given(locale=locales, share=st.floats(0, 1))
def test_a_share_is_the_librarys(locale: str, share: float) -> None:
    formats = FORMATS[locale]
    assert formats.percent(share) == format_percent(round(share, 4), "0%", locale=formats.locale)


@pytest.mark.parametrize(
    ("locale", "day", "moment"),
    [
        ("en", "Thu, Mar 5", "Mar 5, 2026, 7:04\u202fAM, Eastern Time"),
        ("pt-BR", "qui., 5 de mar.", "5 de mar. de 2026 09:04, Horário de Brasília"),
        ("zh-Hans", "3月5日周四", "2026年3月5日 20:04，中国时间"),
        ("id", "Kam, 5 Mar", "5 Mar 2026 19.04, Waktu Indonesia Barat"),
        ("th", "พฤ. 5 มี.ค.", "5 มี.ค. ค.ศ. 2026 19:04, เวลาไทย"),
        ("vi", "Thứ Năm, 5 tháng 3", "19:04 5 tháng 3, 2026, Giờ Việt Nam"),
    ],
)
def test_days_and_moments_as_readers_of_each_language_read_them(locale: str, day: str, moment: str) -> None:
    at = "2026-03-05T12:04:31+00:00"
    assert (FORMATS[locale].long_day(at), FORMATS[locale].moment(at)) == (day, moment)
