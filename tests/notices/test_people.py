"""People, addresses, keys, links and hours."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from examples import KEYS, NOW, buyer, seller
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from notices.keys import Keys, SealBroken
from notices.people import directory as people
from notices.people import preferences
from notices.people.address import AddressRefused, checked
from notices.people.hours import good_moment, is_quiet, zones_of
from notices.people.preferences import Preference
from notices.state import directory, writing
from notices.write.tokens import Token, TokenRefused, opened, sign


def test_people_are_sealed_found_and_replaced(state: Engine) -> None:
    assert people.put(state, KEYS, [buyer(f"b{n}") for n in range(1200)]) == 1200
    people.put(state, KEYS, [buyer("b1", name="Nova", email=None)])
    with state.connect() as db:
        found = people.find(db, KEYS, ["b1", "b2", "nobody"])
        raw = b"".join(db.execute(select(directory.c.sealed)).scalars())
    assert set(found) == {"b1", "b2"}
    assert (found["b1"].name, found["b1"].email) == ("Nova", None)
    assert b"Souza" not in raw
    assert b"mail.example" not in raw
    assert "Nova" not in repr(found["b1"])


def test_only_what_is_new_is_sealed_again(state: Engine) -> None:
    known = [buyer("b1"), buyer("b2", locale="pt-BR"), seller("s1")]
    assert people.put(state, KEYS, known) == 3
    assert people.put(state, KEYS, known) == 0
    assert people.put(state, KEYS, [buyer("b1"), buyer("b2", locale="en"), buyer("b3")]) == 2
    with state.connect() as db:
        assert people.find(db, KEYS, ["b2"])["b2"].locale == "en"


def test_another_secret_opens_nothing_and_says_what_to_do(state: Engine) -> None:
    people.put(state, KEYS, [buyer("b1")])
    with state.connect() as db, pytest.raises(SealBroken, match="Restore the old secret"):
        people.find(db, Keys(b"another secret of at least 32 characters"), ["b1"])


def test_what_an_earlier_release_sealed_still_opens() -> None:
    secret = b"the secret of this installation, 32 characters"
    old = Fernet(base64.urlsafe_b64encode(HKDF(SHA256(), 32, None, b"beforehand/seal").derive(secret)))
    assert Keys(secret).unseal(old.encrypt(b"Ana Souza")) == b"Ana Souza"
    with pytest.raises(SealBroken):
        Keys(b"another secret of at least 32 characters").unseal(old.encrypt(b"Ana Souza"))


@given(plain=st.binary(max_size=300), at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_sealed_value_hides_what_it_holds_and_one_bit_that_changed_is_found(plain: bytes, at: int, bit: int) -> None:
    sealed = KEYS.seal(plain)
    assert KEYS.unseal(sealed) == plain
    assert sealed != KEYS.seal(plain), "the same value twice looks alike to nobody"
    altered = bytearray(sealed)
    altered[at % len(sealed)] ^= 1 << bit
    for broken in (bytes(altered), sealed[: at % len(sealed)]):
        with pytest.raises(SealBroken):
            KEYS.unseal(broken)


def test_what_was_said_for_all_kinds_and_for_one_holds_together(state: Engine) -> None:
    with writing(state) as db:
        preferences.save(db, "b1", "*", Preference(muted=True, quiet_start=20))
        preferences.save(db, "b1", "late_delivery", Preference(quiet_start=22, snoozed_until=NOW))
    with state.connect() as db:
        wishes = preferences.load(db, ["b1", "b2"])
    assert preferences.of(wishes, "b1", "late_delivery") == Preference(muted=True, snoozed_until=NOW, quiet_start=22)
    assert preferences.of(wishes, "b1", "stock_out") == Preference(muted=True, quiet_start=20)
    assert preferences.of(wishes, "b2", "late_delivery") == Preference()


def test_a_suppressed_address_is_known_in_any_case_and_never_stored(state: Engine) -> None:
    with writing(state) as db:
        preferences.suppress(db, KEYS, "Ana@Mail.example", "complaint", NOW)
        preferences.suppress(db, KEYS, "ana@mail.example", "again", NOW)
        key = preferences.address_key(KEYS, "ANA@mail.example")
        assert preferences.suppressed(db, [key]) == {key: "complaint"}


GOOD = ["a@b.co", "ana.souza+loja@mail.example", "o'brien@x-y.example", "{x}@mail.example", "a" * 64 + "@mail.example"]
BAD = [
    "",
    "a",
    "a@",
    "@b.co",
    "a@b",
    "a b@c.co",
    "a@b..co",
    ".a@b.co",
    "a.@b.co",
    "a..b@c.co",
    "a@-b.co",
    "a@b-.co",
    "a@[127.0.0.1]",
    "a@127.0.0.1",
    '"a b"@c.co',
    "a@b.co\r\nRCPT TO:<x@y.co>",
    "a@b.co>",
    "<a@b.co>",
    "a,b@c.co",
    "a;b@c.co",
    "ana@exemplo.com.br\x00",
    "josé@mail.example",
    "a@münchen.example",
    "a@b.co ",
    " a@b.co",
    "a" * 65 + "@b.co",
    "a@" + "b" * 64 + ".co",
    "a@" + "b." * 130 + "co",
    "a@b.co(comment)",
    "a\t@b.co",
    "a@b_c.co",
    "a@b.co\n",
]


@pytest.mark.parametrize("address", GOOD)
def test_a_plain_address_is_taken_exactly(address: str) -> None:
    assert checked(address) == address


@pytest.mark.parametrize("address", BAD)
def test_an_odd_address_is_refused_with_a_reason_that_does_not_repeat_it(address: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        checked(address)
    assert not address.strip() or len(address) < 3 or address not in str(refused.value)


@given(st.text(max_size=80))
def test_any_text_is_taken_exactly_or_refused(text: str) -> None:
    try:
        taken = checked(text)
    except AddressRefused:
        return
    assert taken == text
    assert not set(text) & set("\r\n <>\0")


def test_a_link_opens_only_whole_and_in_time() -> None:
    token = Token("stop", "n1", NOW)
    link = sign(KEYS, token)
    assert opened(KEYS, link, NOW - timedelta(days=1)) == token
    for broken in (link[:-1], link.replace("stop", "view"), link.replace("n1", "n2"), "", "a.b.c.d", "é"):
        with pytest.raises(TokenRefused, match="not valid"):
            opened(KEYS, broken, NOW)
    with pytest.raises(TokenRefused, match="expired"):
        opened(KEYS, link, NOW + timedelta(seconds=1))
    with pytest.raises(TokenRefused, match="not valid"):
        opened(Keys(b"another secret of at least 32 characters"), link, NOW)


def test_hashes_of_two_purposes_and_of_shifted_parts_differ() -> None:
    assert KEYS.digest("a", "x") != KEYS.digest("b", "x")
    assert KEYS.digest("a", "ab", "c") != KEYS.digest("a", "a", "bc")
    assert "secret" not in repr(KEYS)


def test_zones_come_from_the_name_the_region_or_nowhere() -> None:
    assert zones_of("Asia/Tokyo", "BR-SP") == (ZoneInfo("Asia/Tokyo"),)
    assert zones_of("Not/AZone", "BR-SP") == (ZoneInfo("America/Sao_Paulo"),)
    assert zones_of("../../etc/passwd", "DE-BE") == zones_of(None, "DE")
    assert zones_of(None, "BR-AC") == (ZoneInfo("America/Rio_Branco"),)
    assert len(zones_of(None, "US-NY")) > 5
    assert zones_of(None, None) == zones_of(None, "XX-1") == ()


@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2027, 12, 31)),  # noqa: DTZ001
    st.sampled_from(
        [
            "Europe/Berlin",
            "America/New_York",
            "Australia/Lord_Howe",
            "America/Sao_Paulo",
            "Africa/Casablanca",
            "Asia/Kathmandu",
        ]
    ),
    st.integers(0, 23),
    st.integers(0, 23),
)
def test_the_first_good_moment_is_never_quiet_and_never_long_after_one(
    at: datetime, zone: str, start: int, end: int
) -> None:
    moment, where = at.replace(tzinfo=UTC), ZoneInfo(zone)
    due = good_moment(moment, (where,), start, end)
    assert due is not None
    assert due >= moment
    assert not is_quiet(due, where, start, end)
    assert due - moment <= timedelta(hours=26)
    if due > moment + timedelta(minutes=16):
        assert is_quiet(due - timedelta(minutes=16), where, start, end)


@pytest.mark.parametrize(
    ("moment", "due"),
    [
        (datetime(2026, 3, 29, 0, 30, tzinfo=UTC), datetime(2026, 3, 29, 6, tzinfo=UTC)),  # Berlin springs forward
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 7, tzinfo=UTC)),  # and falls back
    ],
)
def test_quiet_hours_end_by_the_wall_clock_on_days_of_23_and_25_hours(moment: datetime, due: datetime) -> None:
    assert good_moment(moment, (ZoneInfo("Europe/Berlin"),), 21, 8) == due


def test_where_a_country_has_many_zones_a_moment_must_be_good_in_all() -> None:
    zones = zones_of(None, "US-NY")
    due = good_moment(datetime(2026, 3, 2, 12, tzinfo=UTC), zones, 21, 8)
    assert due is not None
    assert not any(is_quiet(due, zone, 21, 8) for zone in zones)
