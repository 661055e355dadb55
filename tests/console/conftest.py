"""A filled home, a client that asks like a browser on this machine, and the chromium to look with."""

from __future__ import annotations

import asyncio
import shutil
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import recipient_letters
from console_day import DAY, fill
from fastapi import FastAPI

from console.app import create_app

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # starlette asks for httpx2; httpx is what Airflow brings
    from starlette.testclient import TestClient

NOW = datetime(2026, 3, 2, 8, 14, tzinfo=UTC)
ClientOf = Callable[..., TestClient]


def url_of(home: Path) -> str:
    return f"sqlite:///{home / 'state.db'}"


def app_of(home: Path, url: str | None = None) -> FastAPI:
    return create_app(
        home, url or url_of(home), clock=lambda: NOW, places=[("Airflow", "http://127.0.0.1:8080", "runs")]
    )


@pytest.fixture(scope="session")
def filled_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days, the second with trouble. Tests only read it; see ``home`` for one to change."""
    home = tmp_path_factory.mktemp("home")
    fill(home, url_of(home), day=DAY.replace(day=1, month=2), trouble=False)
    fill(home, url_of(home), day=DAY)
    return home


@pytest.fixture
def home(filled_home: Path, tmp_path: Path) -> Path:
    """A copy of the filled home, to change."""
    return Path(shutil.copytree(filled_home, tmp_path / "home"))


@pytest.fixture
def client_of() -> Iterator[ClientOf]:
    """Makes clients over a home; asks as a browser on this machine does."""
    clients: list[TestClient] = []

    def make(home: Path, url: str | None = None, *, raises: bool = True) -> TestClient:
        client = TestClient(app_of(home, url), base_url="http://127.0.0.1:8765", raise_server_exceptions=raises)
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.app.state.desk.state.engine.dispose()
        client.close()


@pytest.fixture
def client(filled_home: Path, client_of: ClientOf) -> TestClient:
    return client_of(filled_home)


@pytest.fixture(scope="session")
def told_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day that the product told: three mails with their links. Tests only read it; see ``stopping_home``."""
    home = tmp_path_factory.mktemp("told")
    asyncio.run(recipient_letters.fill(home))
    return home


@pytest.fixture
def stopping_home(told_home: Path, tmp_path: Path) -> Path:
    """A copy of it, to stop things in."""
    return Path(shutil.copytree(told_home, tmp_path / "told"))
