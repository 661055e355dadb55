"""The environment is read in one place, is safe when unset, and a wrong value names itself."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from settings import Settings, SettingsError

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
