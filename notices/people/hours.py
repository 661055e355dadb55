"""When a person may be written to: zones, quiet hours, the hour of a digest. Pure; all moments are UTC."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, time, timedelta
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# Brazil has four zones; its states do not cross them, but for a corner of Amazonas.
_BRAZIL = {
    "AC": "America/Rio_Branco", "AM": "America/Manaus", "RO": "America/Porto_Velho", "RR": "America/Boa_Vista",
    "MT": "America/Cuiaba", "MS": "America/Campo_Grande", "PA": "America/Belem", "AP": "America/Belem",
    "TO": "America/Araguaina", "MA": "America/Fortaleza", "PI": "America/Fortaleza", "CE": "America/Fortaleza",
    "RN": "America/Fortaleza", "PB": "America/Fortaleza", "PE": "America/Recife", "AL": "America/Maceio",
    "SE": "America/Maceio", "BA": "America/Bahia",
}  # fmt: skip


def zones_of(time_zone: str | None, region: str | None, ships_to: str | None = None) -> tuple[ZoneInfo, ...]:
    """Where a person's clock may stand: the stated zone, else every zone of the region's country, else nothing.

    ships_to: where their order goes, for people whose own region is not known. A country with several zones gives them
    all: a moment is then only good if it is good in each.
    """
    if time_zone:
        try:
            return (ZoneInfo(time_zone),)
        except (ZoneInfoNotFoundError, ValueError):
            pass  # a name that no zone has: as good as none
    return _zones_in(region) or _zones_in(ships_to)


def _zones_in(region: str | None) -> tuple[ZoneInfo, ...]:
    if not region:
        return ()
    country, _, part = region.upper().partition("-")
    if country == "BR" and part:
        return (ZoneInfo(_BRAZIL.get(part, "America/Sao_Paulo")),)
    return tuple(ZoneInfo(name) for name in _zones_by_country().get(country, ()))


@cache
def _zones_by_country() -> dict[str, tuple[str, ...]]:
    """From the IANA table that tzdata ships."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in resources.files("tzdata.zoneinfo").joinpath("zone.tab").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            country, _, name = line.split("\t")[:3]
            found[country].append(name)
    return {country: tuple(names) for country, names in found.items()}


def is_quiet(moment: datetime, zone: ZoneInfo, start: int, end: int) -> bool:
    """Whether the local hour lies in [start, end), which may span midnight; start == end: never."""
    hour = moment.astimezone(zone).hour
    return start <= hour < end if start <= end else hour >= start or hour < end


def good_moment(earliest: datetime, zones: tuple[ZoneInfo, ...], start: int, end: int) -> datetime | None:
    """The first moment from ``earliest`` on that is quiet in none of the zones; None if there is none in two days.

    Steps from one local end of quiet hours to the next, so a day of 23 or 25 hours needs no special case.
    """
    moment = earliest.astimezone(UTC)
    last = moment + timedelta(days=2)
    while moment <= last:
        waits = [_quiet_end(moment, zone, end) for zone in zones if is_quiet(moment, zone, start, end)]
        if not waits:
            return moment
        moment = max(waits)
    return None


def safe_moment(
    earliest: datetime, zones: tuple[ZoneInfo, ...], start: int, end: int, margin: timedelta
) -> datetime | None:
    """As good_moment, and not within ``margin`` of quiet hours: a clock may be wrong by that much, either way."""
    moment = earliest.astimezone(UTC)
    last = moment + timedelta(days=2)
    while moment <= last:
        around = (moment - margin, moment, moment + margin)
        quiet = next((at for at in around if any(is_quiet(at, zone, start, end) for zone in zones)), None)
        if quiet is None:
            return moment
        over = good_moment(quiet, zones, start, end)
        if over is None:
            return None
        moment = over + margin
    return None


def _quiet_end(moment: datetime, zone: ZoneInfo, end: int) -> datetime:
    local = moment.astimezone(zone)
    day = local.date() if local.hour < end else local.date() + timedelta(days=1)
    reached = datetime.combine(day, time(end), tzinfo=zone).astimezone(UTC)
    # Where clocks go back over the end, the first pass of that hour may already lie behind.
    return reached if reached > moment else moment + timedelta(minutes=15)


def next_hour(earliest: datetime, zone: ZoneInfo, hour: int, latest_hour: int) -> datetime:
    """``earliest`` if the local clock stands in [hour, latest_hour), else the next local ``hour`` o'clock."""
    local = earliest.astimezone(zone)
    if hour <= local.hour < latest_hour:
        return earliest.astimezone(UTC)
    day = local.date() if local.hour < hour else local.date() + timedelta(days=1)
    return datetime.combine(day, time(hour), tzinfo=zone).astimezone(UTC)
