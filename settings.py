"""Every value that the environment sets, typed and checked. The only reader of the environment.

Safe when unset: state lives under ``./var``, mail goes to a local mailbox, nothing leaves the machine.
A wrong value stops the start and names the variable, what it holds and what is allowed.

A source is a world of its own: its lake, models, state and mailbox stand together under ``<BEFOREHAND_HOME>/<source>``,
so that a demo on one data set never mixes with another.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

SOURCE_NAMES = ("simulator", "olist", "freshretailnet", "csv")
SMTP_SCHEMES = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
MIN_SECRET_LENGTH = 32
RELAY_RATE = 100.0  # messages a second: what a relay of one's own takes without a word
DOMAIN_RATE = 20.0  # to one recipient domain: large providers defer senders that come in bursts
MAIL_FROM = "Beforehand <notices@beforehand.example>"
PLATFORM_NAME = "Beforehand Market"
CONSOLE_URL = "http://127.0.0.1:8765"
ALL = "all"
DEMO_TARGETS = "late_delivery,stock_out"  # what the demo and a day by hand learn within minutes


class SettingsError(ValueError):
    """An environment variable holds something that cannot be used."""

    def __init__(self, variable: str, found: str, allowed: str) -> None:
        self.variable = variable
        super().__init__(f"{variable} is {found!r}. Allowed: {allowed}. Nothing was started.")


@dataclass(frozen=True, slots=True)
class Relay:
    """Where mail leaves the machine. ``scheme`` is a key of SMTP_SCHEMES; TLS is verified for all but ``smtp``."""

    scheme: str
    host: str
    port: int
    username: str | None = None
    password: str | None = None
    plain_host: str | None = None  # the one host to which mail may go in clear, switched on by its name
    ca_file: Path | None = None  # whose certificates are trusted; None: those of the system
    rate: float | None = None  # messages a second, of one sender; None: no limit
    domain_rate: float | None = None  # the same for each recipient domain

    def __repr__(self) -> str:  # a password never reaches a log
        return f"Relay({self.scheme}://{self.host}:{self.port})"


@dataclass(frozen=True, slots=True)
class Dkim:
    """With what mails are signed: the PEM of the private key, and the selector under which DNS has the public one."""

    pem: bytes = field(repr=False)
    selector: str


@dataclass(frozen=True, slots=True)
class Settings:
    """One process's settings. Paths are absolute; ``relay`` is None when nothing may leave the machine."""

    home: Path
    secret: bytes = field(repr=False)  # never in a log
    source: str = "simulator"
    data: Path | None = None
    spark_remote: str | None = None
    state_url: str = ""
    mlflow_url: str = ""
    relay: Relay | None = None
    dkim: Dkim | None = None
    returns: Path | None = None
    returns_secret: str | None = field(default=None, repr=False)
    mail_from: str = MAIL_FROM
    platform_name: str = PLATFORM_NAME
    console_url: str = CONSOLE_URL

    @property
    def lake(self) -> Path:
        return self.home / "lake"

    @property
    def landing(self) -> Path:
        return self.home / "landing"

    @property
    def mailbox(self) -> Path:
        return self.home / "mailbox"

    @property
    def data_docs(self) -> Path:
        return self.home / "data_docs"

    @property
    def airflow_home(self) -> Path:
        return self.home / "airflow"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read ``BEFOREHAND_*`` and ``SPARK_REMOTE``. Raises SettingsError for the first value that cannot be used."""
        env = os.environ if environ is None else environ
        source = env.get("BEFOREHAND_SOURCE") or "simulator"
        if source not in SOURCE_NAMES:
            raise SettingsError("BEFOREHAND_SOURCE", source, ", ".join(SOURCE_NAMES))
        home = Path(env.get("BEFOREHAND_HOME") or "var").expanduser().resolve() / source
        data = env.get("BEFOREHAND_DATA")
        smtp_url = env.get("BEFOREHAND_SMTP_URL")
        return cls(
            home=home,
            secret=_secret(env.get("BEFOREHAND_SECRET"), home),
            source=source,
            data=_path(data),
            spark_remote=env.get("SPARK_REMOTE") or None,
            state_url=env.get("BEFOREHAND_STATE_URL") or f"sqlite:///{home / 'state.db'}",
            mlflow_url=env.get("BEFOREHAND_MLFLOW_URL") or f"sqlite:///{home / 'mlflow.db'}",
            relay=_relay(smtp_url, env) if smtp_url else None,
            dkim=_dkim(env),
            returns=_path(env.get("BEFOREHAND_RETURNS")),
            returns_secret=_long_enough("BEFOREHAND_RETURNS_SECRET", env.get("BEFOREHAND_RETURNS_SECRET") or None),
            mail_from=env.get("BEFOREHAND_MAIL_FROM") or MAIL_FROM,
            platform_name=env.get("BEFOREHAND_PLATFORM") or PLATFORM_NAME,
            console_url=(env.get("BEFOREHAND_CONSOLE_URL") or CONSOLE_URL).rstrip("/"),
        )


def _path(text: str | None) -> Path | None:
    return Path(text).expanduser().resolve() if text else None


def _long_enough(variable: str, value: str | None) -> str | None:
    if value is not None and len(value) < MIN_SECRET_LENGTH:
        raise SettingsError(variable, "*" * len(value), f"{MIN_SECRET_LENGTH} characters or more")
    return value


def daily_targets(
    known: tuple[str, ...], environ: Mapping[str, str] | None = None, *, unset: str = ALL
) -> tuple[str, ...]:
    """Which of the ``known`` targets the scheduled steps handle: those that BEFOREHAND_TARGETS names, commas between.

    unset: what counts where the variable is not set. Raises SettingsError for a name that is no target.
    """
    value = (os.environ if environ is None else environ).get("BEFOREHAND_TARGETS") or unset
    if value == ALL:
        return known
    named = {name.strip() for name in value.split(",")}
    if not named <= set(known):
        raise SettingsError("BEFOREHAND_TARGETS", value, f"{ALL}, or some of {', '.join(known)}")
    return tuple(name for name in known if name in named)


def _secret(value: str | None, home: Path) -> bytes:
    """The key that ids, tokens and the directory hang on: from the environment, else made once under home."""
    if _long_enough("BEFOREHAND_SECRET", value) is not None:
        return str(value).encode()
    kept = home / "secret.key"
    home.mkdir(parents=True, exist_ok=True)
    try:
        made = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return kept.read_bytes().strip()
    with os.fdopen(made, "wb") as file:
        file.write(secrets.token_hex(MIN_SECRET_LENGTH).encode())
    return kept.read_bytes().strip()


def _dkim(env: Mapping[str, str]) -> Dkim | None:
    """The key from BEFOREHAND_DKIM_KEY (PEM) or BEFOREHAND_DKIM_KEY_FILE; None where neither is set."""
    inline, path = env.get("BEFOREHAND_DKIM_KEY"), _path(env.get("BEFOREHAND_DKIM_KEY_FILE"))
    if not inline and path is None:
        return None
    selector = env.get("BEFOREHAND_DKIM_SELECTOR") or ""
    if not selector.replace("-", "").isalnum():
        raise SettingsError("BEFOREHAND_DKIM_SELECTOR", selector, "the name under which DNS has the key, like mail2026")
    if inline:
        return Dkim(inline.replace("\\n", "\n").encode(), selector)
    try:
        return Dkim(path.read_bytes() if path else b"", selector)
    except OSError as error:
        raise SettingsError("BEFOREHAND_DKIM_KEY_FILE", str(path), f"a readable file ({error.strerror})") from error


def _rate(env: Mapping[str, str], variable: str, usual: float) -> float | None:
    """Messages a second: a number above 0, or ``none`` for no limit."""
    said = env.get(variable)
    if not said:
        return usual
    if said == "none":
        return None
    try:
        rate = float(said)
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise SettingsError(variable, said, "messages a second, above 0, or none")
    return rate


def _relay(url: str, env: Mapping[str, str]) -> Relay:
    parts = urlsplit(url)
    if parts.scheme not in SMTP_SCHEMES or not parts.hostname:
        safe = f"{parts.scheme}://{parts.hostname or ''}"
        raise SettingsError(
            "BEFOREHAND_SMTP_URL", safe, "smtp+starttls://user:password@host:587, smtps://… or smtp://…"
        )
    return Relay(
        scheme=parts.scheme,
        host=parts.hostname,
        port=parts.port or SMTP_SCHEMES[parts.scheme],
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        plain_host=env.get("BEFOREHAND_SMTP_PLAIN_HOST") or None,
        ca_file=_path(env.get("BEFOREHAND_SMTP_CA_FILE")),
        rate=_rate(env, "BEFOREHAND_SMTP_RATE", RELAY_RATE),
        domain_rate=_rate(env, "BEFOREHAND_SMTP_DOMAIN_RATE", DOMAIN_RATE),
    )
