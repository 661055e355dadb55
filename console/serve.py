"""Serve the console on this machine: ``python -m console [--port 8765]``; or ``--recipients-only``, for everybody."""

from __future__ import annotations

import argparse
import ipaddress
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import uvicorn
from starlette.types import ASGIApp

from console.app import create_app
from console.front import Front
from console.headers import LOOPBACK_HOSTS
from console.recipients.app import create_recipient_app
from console.returns_hook import ReturnsHook
from notices.keys import Keys
from settings import Settings, SettingsError

PORT = 8765
HOST = "127.0.0.1"


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted. Returns 2 where the settings or the address cannot be used."""
    asked = _parser().parse_args(arguments)
    if not _is_loopback(asked.host) and not asked.name:
        sys.stderr.write(_who_asks(asked.host, recipients_only=asked.recipients_only))
        return 2
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    app = _app(settings, asked)
    # No access log: a line of it would hold the links of mails, and who has a link may stop what it is about.
    uvicorn.run(app, host=asked.host, port=asked.port, log_level="warning", access_log=False, server_header=False)
    return 0


def _app(settings: Settings, asked: argparse.Namespace) -> ASGIApp:
    names = (*LOOPBACK_HOSTS, *asked.name)
    recipients = create_recipient_app(
        settings.state_url, settings.secret, platform=settings.platform_name, allowed_hosts=names
    )
    app: ASGIApp = recipients
    if not asked.recipients_only:
        listed = places(settings, asked.airflow_url)
        app = Front(create_app(settings.home, settings.state_url, places=listed, allowed_hosts=names), recipients)
    if settings.returns_secret is None:
        return app
    keys = Keys(settings.secret)
    return ReturnsHook(app, settings.state_url, keys, settings.returns_secret, lambda: datetime.now(UTC))


def _who_asks(host: str, *, recipients_only: bool) -> str:
    """Why an open address needs a name."""
    if recipients_only:
        return (
            f"--host {host} is open to other machines. Nothing was started. Name the host that the links in mails "
            "lead to: --name notices.example\n"
        )
    return (
        f"--host {host} is open to other machines, and the console has no login of its own. Nothing was started. Put a "
        "proxy with a login before it and name the host that browsers use: --name console.example. To let recipients "
        "in and nobody else: --recipients-only\n"
    )


def places(settings: Settings, airflow_url: str) -> tuple[tuple[str, str, str], ...]:
    """(name, address or command, what is there) of what stands beside the console."""
    model_store = settings.mlflow_url if settings.mlflow_url.startswith("sqlite:") else "$BEFOREHAND_MLFLOW_URL"
    return (
        ("Airflow", airflow_url or "make demo", "the schedule, and the log of every task, while make demo runs"),
        ("MLflow", f"mlflow ui --backend-store-uri {model_store}", "the models; started by this command when needed"),
        ("Mailbox", str(settings.mailbox), "the same mails as a Maildir, for any mail program"),
        ("State", str(settings.home), "everything this installation keeps"),
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m console", description=__doc__)
    parser.add_argument("--port", type=int, default=PORT, help=f"port to listen on (default {PORT})")
    parser.add_argument("--host", default=HOST, help=f"address to listen on (default {HOST}: this machine only)")
    parser.add_argument(
        "--name", action="append", default=[], help="a host name that browsers may use, beside loopback"
    )
    parser.add_argument(
        "--recipients-only", action="store_true", help="serve the pages that mails lead to (/n/, /u/) and nothing else"
    )
    parser.add_argument("--airflow-url", default="", help="where Airflow's own pages are, for a link")
    return parser


if __name__ == "__main__":
    sys.exit(main())
