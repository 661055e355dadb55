"""The environment is read in one place, is safe when unset, and a wrong value names itself."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from settings import Settings, SettingsError, daily_targets

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = ("console", "dags", "features", "jobs", "lake", "models", "notices", "sources")


def test_unset_means_that_nothing_leaves_the_machine(tmp_path: Path) -> None:
    settings = Settings.from_environment({"BEFOREHAND_HOME": str(tmp_path)})
    assert settings.relay is None
    assert settings.state_url.startswith(f"sqlite:///{tmp_path}")
    assert settings.console_url.startswith("http://127.0.0.1")


def test_each_source_is_a_world_of_its_own(tmp_path: Path) -> None:
    homes = {
        Settings.from_environment({"BEFOREHAND_HOME": str(tmp_path), "BEFOREHAND_SOURCE": source}).home
        for source in ("simulator", "olist")
    }
    assert homes == {tmp_path / "simulator", tmp_path / "olist"}


def test_the_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    environment = {"BEFOREHAND_HOME": str(tmp_path)}
    first, second = Settings.from_environment(environment), Settings.from_environment(environment)
    assert first.secret == second.secret
    assert (first.home / "secret.key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("BEFOREHAND_SOURCE", "shopify", "simulator, olist, freshretailnet, csv"),
        ("BEFOREHAND_SECRET", "short", "32 characters"),
        ("BEFOREHAND_SMTP_URL", "mail.example:587", "smtp+starttls://"),
    ],
)
def test_a_wrong_value_stops_the_start_with_its_name_and_what_is_allowed(
    tmp_path: Path, name: str, value: str, told: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"BEFOREHAND_HOME": str(tmp_path), name: value})
    assert name in str(caught.value)
    assert told in str(caught.value)


def test_a_password_is_never_shown(tmp_path: Path) -> None:
    url = "smtp+starttls://us%40er:s3cr3t-pass@relay.example"
    settings = Settings.from_environment({"BEFOREHAND_HOME": str(tmp_path), "BEFOREHAND_SMTP_URL": url})
    assert settings.relay is not None
    assert (settings.relay.username, settings.relay.password, settings.relay.port) == ("us@er", "s3cr3t-pass", 587)
    assert "s3cr3t" not in repr(settings)
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"BEFOREHAND_HOME": str(tmp_path), "BEFOREHAND_SMTP_URL": "ftp://u:s3cr3t@h"})
    assert "s3cr3t" not in str(caught.value)


def test_the_secret_is_never_shown(tmp_path: Path) -> None:
    settings = Settings.from_environment({"BEFOREHAND_HOME": str(tmp_path), "BEFOREHAND_SECRET": "k" * 40})
    assert "kkkk" not in repr(settings)


def test_nobody_else_reads_the_environment() -> None:
    """jobs/run.py and jobs/demo.py hand it on whole; a library's own switch may be set, never read."""
    readers = {
        str(path.relative_to(ROOT))
        for folder in PRODUCT
        for path in (ROOT / folder).rglob("*.py")
        if _reads_environment(ast.parse(path.read_text()))
    }
    assert readers == {"jobs/run.py", "jobs/demo.py"}


def _reads_environment(tree: ast.AST) -> bool:
    set_only = {
        id(node.value)
        for node in ast.walk(tree)
        if (isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store))
        or (isinstance(node, ast.Attribute) and node.attr == "setdefault")
    }
    return any(
        isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"} and id(node) not in set_only
        for node in ast.walk(tree)
    )


def test_a_relay_has_rates_and_trusts_the_systems_certificates_unless_told_otherwise(tmp_path: Path) -> None:
    environment = {"BEFOREHAND_HOME": str(tmp_path), "BEFOREHAND_SMTP_URL": "smtps://relay.example"}
    relay = Settings.from_environment(environment).relay
    assert relay is not None
    assert (relay.rate, relay.domain_rate, relay.ca_file, relay.plain_host) == (100.0, 20.0, None, None)
    told = {
        "BEFOREHAND_SMTP_RATE": "0.5",
        "BEFOREHAND_SMTP_DOMAIN_RATE": "none",
        "BEFOREHAND_SMTP_CA_FILE": str(tmp_path / "ca.pem"),
        "BEFOREHAND_SMTP_PLAIN_HOST": "relay.internal",
    }
    relay = Settings.from_environment(environment | told).relay
    assert relay is not None
    assert (relay.rate, relay.domain_rate) == (0.5, None)
    assert (relay.ca_file, relay.plain_host) == (tmp_path / "ca.pem", "relay.internal")


@pytest.mark.parametrize("rate", ["0", "-1", "fast", "inf", "nan"])
def test_a_rate_that_is_none_stops_the_start(tmp_path: Path, rate: str) -> None:
    environment = {"BEFOREHAND_HOME": str(tmp_path), "BEFOREHAND_SMTP_URL": "smtps://relay.example"}
    with pytest.raises(SettingsError, match="BEFOREHAND_SMTP_RATE"):
        Settings.from_environment(environment | {"BEFOREHAND_SMTP_RATE": rate})


def test_a_signing_key_comes_from_the_environment_or_a_file_and_is_never_shown(tmp_path: Path) -> None:
    environment = {"BEFOREHAND_HOME": str(tmp_path), "BEFOREHAND_DKIM_SELECTOR": "mail2026"}
    assert Settings.from_environment(environment).dkim is None
    inline = Settings.from_environment(environment | {"BEFOREHAND_DKIM_KEY": r"-----BEGIN\nk3y-material"})
    assert inline.dkim is not None
    assert inline.dkim.pem == b"-----BEGIN\nk3y-material"
    assert "k3y" not in repr(inline)
    with pytest.raises(SettingsError, match=r"BEFOREHAND_DKIM_KEY_FILE.*readable"):
        Settings.from_environment(environment | {"BEFOREHAND_DKIM_KEY_FILE": str(tmp_path / "none.pem")})
    (tmp_path / "key.pem").write_bytes(b"from a file")
    from_file = environment | {"BEFOREHAND_DKIM_KEY_FILE": str(tmp_path / "key.pem")}
    found = Settings.from_environment(from_file).dkim
    assert found is not None
    assert found.pem == b"from a file"
    with pytest.raises(SettingsError, match="BEFOREHAND_DKIM_SELECTOR"):
        Settings.from_environment(from_file | {"BEFOREHAND_DKIM_SELECTOR": ""})


def test_the_targets_of_a_day_are_all_unless_some_are_named():
    known = ("dispute", "late_delivery", "stock_out")
    assert daily_targets(known, {}) == known
    assert daily_targets(known, {}, unset="stock_out") == ("stock_out",)
    assert daily_targets(known, {"BEFOREHAND_TARGETS": "all"}, unset="stock_out") == known
    assert daily_targets(known, {"BEFOREHAND_TARGETS": "stock_out, dispute"}) == ("dispute", "stock_out")
    with pytest.raises(SettingsError, match=r"BEFOREHAND_TARGETS is 'stockout'\. Allowed: all, or some of dispute"):
        daily_targets(known, {"BEFOREHAND_TARGETS": "stockout"})
