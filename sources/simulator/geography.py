"""Regions, carriers, hubs and the paths between them. Fixed: every world has the same map."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from sources.simulator.arrays import Flags, Floats, Ints

EARTH_RADIUS_KM = 6371.0


@dataclass(frozen=True, slots=True)
class Region:
    """buyers, sellers: share of its country's. open_hour: UTC hour from which people work and open doors.

    From open_hour to midnight UTC is one local day everywhere here, so that a delivery's UTC day is its local day.
    """

    code: str
    country: str
    latitude: float
    longitude: float
    buyers: float
    sellers: float
    zone: str
    open_hour: int


@dataclass(frozen=True, slots=True)
class Carrier:
    """share: of its country's parcels."""

    name: str
    country: str
    service: str
    share: float


REGIONS = (
    Region("BR-SP", "BR", -23.55, -46.63, 0.30, 0.42, "America/Sao_Paulo", 11),
    Region("BR-RJ", "BR", -22.91, -43.17, 0.13, 0.11, "America/Sao_Paulo", 11),
    Region("BR-MG", "BR", -19.92, -43.94, 0.12, 0.14, "America/Sao_Paulo", 11),
    Region("BR-PR", "BR", -25.43, -49.27, 0.08, 0.12, "America/Sao_Paulo", 11),
    Region("BR-RS", "BR", -30.03, -51.23, 0.08, 0.08, "America/Sao_Paulo", 11),
    Region("BR-SC", "BR", -27.59, -48.55, 0.06, 0.08, "America/Sao_Paulo", 11),
    Region("BR-DF", "BR", -15.79, -47.88, 0.04, 0.02, "America/Sao_Paulo", 11),
    Region("BR-GO", "BR", -16.68, -49.25, 0.04, 0.02, "America/Sao_Paulo", 11),
    Region("BR-BA", "BR", -12.97, -38.50, 0.06, 0.01, "America/Bahia", 11),
    Region("BR-PE", "BR", -8.05, -34.88, 0.04, 0.0, "America/Recife", 11),
    Region("BR-CE", "BR", -3.73, -38.52, 0.03, 0.0, "America/Fortaleza", 11),
    Region("BR-AM", "BR", -3.12, -60.02, 0.02, 0.0, "America/Manaus", 12),
    Region("US-CA", "US", 34.05, -118.24, 0.34, 0.40, "America/Los_Angeles", 16),
    Region("US-TX", "US", 29.76, -95.37, 0.26, 0.25, "America/Chicago", 14),
    Region("US-NY", "US", 40.71, -74.01, 0.22, 0.20, "America/New_York", 13),
    Region("US-IL", "US", 41.88, -87.63, 0.18, 0.15, "America/Chicago", 14),
)
CARRIERS = (
    Carrier("Ligeiro Cargas", "BR", "standard", 0.45),
    Carrier("Rota Norte", "BR", "standard", 0.33),
    Carrier("Expresso Aroeira", "BR", "express", 0.22),
    Carrier("Bluebird Parcel", "US", "standard", 0.6),
    Carrier("Northline", "US", "express", 0.4),
)
COUNTRY_SHARE = {"BR": 0.75, "US": 0.25}
CURRENCY = {"BR": "BRL", "US": "USD"}
LOCALE = {"BR": "pt-BR", "US": "en"}
GATEWAY = {"BR": "BR-DF", "US": "US-IL"}
LEG_CLASS_KM = (450.0, 1200.0, 2200.0)
GATEWAY_ABOVE_KM = 1800.0

CODES = tuple(region.code for region in REGIONS)
N_REGIONS, N_CARRIERS = len(REGIONS), len(CARRIERS)
N_HUBS = N_REGIONS * N_CARRIERS
N_PATHS = N_CARRIERS * N_REGIONS * N_REGIONS
LOCAL, DIRECT, VIA = 0, 1, 2
"""Kinds of path: one hub, two hubs, or two hubs and a gateway between them."""


def region_country() -> Ints:
    """(regions,) 0 for BR, 1 for US: the country's place in ``COUNTRY_SHARE``."""
    order = list(COUNTRY_SHARE)
    return np.array([order.index(region.country) for region in REGIONS], dtype=np.int64)


def distances_km() -> Floats:
    """(regions, regions) great-circle distances by the haversine formula."""
    latitude = np.radians([region.latitude for region in REGIONS])
    longitude = np.radians([region.longitude for region in REGIONS])
    a = np.sin((latitude[:, None] - latitude) / 2) ** 2
    a = a + np.cos(latitude[:, None]) * np.cos(latitude) * np.sin((longitude[:, None] - longitude) / 2) ** 2
    return np.asarray(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(a)))


def hub_name(hub: int) -> str:
    """A hub's name; hub = carrier * regions + region."""
    carrier, region = divmod(hub, N_REGIONS)
    initials = "".join(word[0] for word in CARRIERS[carrier].name.split())
    return f"{CODES[region]}-{initials}"


@dataclass(frozen=True)
class Paths:
    """One row per path = (carrier * regions + origin) * regions + destination.

    kind: LOCAL, DIRECT, VIA. hub_a, hub_g, hub_b: hubs passed (hub_b = hub_a where local). leg_1, leg_2: class of
    the leg, 0 near to 3 far; leg_2 only where VIA. route: carrier * regions + destination, what a carrier can lose.
    """

    kind: Ints
    hub_a: Ints
    hub_g: Ints
    hub_b: Ints
    leg_1: Ints
    leg_2: Ints
    route: Ints
    distance: Floats
    country: Ints

    @property
    def has_leg(self) -> Flags:
        return np.asarray(self.kind != LOCAL)


def make_paths() -> Paths:
    """Every carrier between every two regions; pairs that cross a border are never used."""
    distance = distances_km()
    country = region_country()
    gateways = [CODES.index(GATEWAY[code]) for code in COUNTRY_SHARE]
    carrier, origin, destination = (
        axis.ravel()
        for axis in np.meshgrid(np.arange(N_CARRIERS), np.arange(N_REGIONS), np.arange(N_REGIONS), indexing="ij")
    )
    gateway = np.array(gateways)[country[origin]]
    far = distance[origin, destination] > GATEWAY_ABOVE_KM
    via = far & (gateway != origin) & (gateway != destination)
    kind = np.where(origin == destination, LOCAL, np.where(via, VIA, DIRECT))
    first_end = np.where(via, gateway, destination)
    return Paths(
        kind=kind,
        hub_a=carrier * N_REGIONS + origin,
        hub_g=carrier * N_REGIONS + gateway,
        hub_b=carrier * N_REGIONS + destination,
        leg_1=np.searchsorted(LEG_CLASS_KM, distance[origin, first_end]),
        leg_2=np.searchsorted(LEG_CLASS_KM, distance[gateway, destination]),
        route=carrier * N_REGIONS + destination,
        distance=distance[origin, destination],
        country=country[origin],
    )


def zone(region: int) -> ZoneInfo:
    return ZoneInfo(REGIONS[region].zone)
