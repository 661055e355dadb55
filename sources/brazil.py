"""Brazil's calendar, time zones and distances, for data that names states and postal codes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import holidays
import numpy as np
import pandas as pd

ZONES = {
    "America/Sao_Paulo": ("SP", "RJ", "MG", "ES", "PR", "SC", "RS", "GO", "DF"),
    "America/Bahia": ("BA",),
    "America/Fortaleza": ("CE", "MA", "PB", "PI", "RN"),
    "America/Recife": ("PE",),
    "America/Maceio": ("AL", "SE"),
    "America/Belem": ("AP", "PA"),
    "America/Araguaina": ("TO",),
    "America/Cuiaba": ("MT",),
    "America/Campo_Grande": ("MS",),
    "America/Manaus": ("AM",),
    "America/Porto_Velho": ("RO",),
    "America/Boa_Vista": ("RR",),
    "America/Rio_Branco": ("AC",),
}
STATE_ZONE = {state: zone for zone, states in ZONES.items() for state in states}
EARTH_RADIUS_KM = 6371.0
# A postal prefix outside this box is a mistake of the geocoder: some points lie in Europe.
LATITUDES, LONGITUDES = (-34.0, 5.5), (-74.0, -28.8)
BLACK_FRIDAY = "Black Friday"
Kilometres = np.ndarray[tuple[int], np.dtype[np.float64]]
LANGUAGE = "pt_BR"  # named, or the machine's own language would decide


def region(state: str) -> str:
    """ISO 3166-2 code of a state."""
    return f"BR-{state}"


def days_off(first: date, last: date) -> Iterator[tuple[str, date, str, str]]:
    """(region, day, name, kind) of public holidays, national as BR and others by state, and of Black Friday."""
    years = range(first.year, last.year + 1)
    national = holidays.country_holidays("BR", years=years, language=LANGUAGE)
    found = [("BR", day, name, "holiday") for day, name in national.items()]
    for state in STATE_ZONE:
        own = holidays.country_holidays("BR", subdiv=state, years=years, language=LANGUAGE)
        found += [(region(state), day, name, "holiday") for day, name in own.items() if day not in national]
    found += [("BR", black_friday(year), BLACK_FRIDAY, "sales_event") for year in years]
    yield from sorted(row for row in found if first <= row[1] <= last)


def black_friday(year: int) -> date:
    """The day after the fourth Thursday of November."""
    first = date(year, 11, 1)
    thursday = first + timedelta(days=(3 - first.weekday()) % 7 + 21)
    return thursday + timedelta(days=1)


def places(geolocation: pd.DataFrame) -> pd.DataFrame:
    """Mean point of each postal prefix. geolocation: prefix, lat, lng as text. Returns lat, lng indexed by prefix."""
    points = pd.DataFrame(
        {
            "prefix": geolocation["prefix"],
            "lat": pd.to_numeric(geolocation["lat"], errors="coerce"),
            "lng": pd.to_numeric(geolocation["lng"], errors="coerce"),
        }
    )
    inside = points["lat"].between(*LATITUDES) & points["lng"].between(*LONGITUDES)
    return points[inside].groupby("prefix")[["lat", "lng"]].mean()


def distance_km(origin: pd.DataFrame, destination: pd.DataFrame) -> Kilometres:
    """Great-circle distance by the haversine formula. Both: lat, lng in degrees, row by row;
    NaN where one is unknown.
    """
    lat1, lng1 = np.radians(origin["lat"].to_numpy()), np.radians(origin["lng"].to_numpy())
    lat2, lng2 = np.radians(destination["lat"].to_numpy()), np.radians(destination["lng"].to_numpy())
    half = np.sin((lat2 - lat1) / 2) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin((lng2 - lng1) / 2) ** 2
    distance: Kilometres = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(half))
    return distance
