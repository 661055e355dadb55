"""What the documentation tells people to type is true."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from jobs.run import _parser
from settings import Settings

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = re.compile(r"(?:\.venv/bin/)?python -m jobs\.run ([^`\n|]*)")
MAKE = re.compile(r"(?m)(?:^|`)make ([a-z]+)((?: [A-Z_]+=\S+)*)`?\s*$")
LINK = re.compile(r"\]\((?!http)([^)#]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_step_that_is_shown_is_a_valid_call(page: Path) -> None:
    for call in COMMAND.findall(page.read_text()):
        words = shlex.split(call)
        if words and words[0].isupper():
            continue  # "python -m jobs.run STEP ...": the pattern, not a call
        if "--help" in words:
            words.remove("--help")
            if not words:
                continue
        _parser().parse_args(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_that_is_shown_exists(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target, variables in MAKE.findall(page.read_text()):
        assert re.search(rf"(?m)^{target}:", makefile), f"{page.name}: make {target}"
        for variable in re.findall(r"([A-Z_]+)=", variables):
            assert f"$({variable})" in makefile or f"$(if $({variable})" in makefile, f"{page.name}: {variable}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text()):
        assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_every_variable_is_documented() -> None:
    read = set(re.findall(r'"(BEFOREHAND_[A-Z_]+|SPARK_REMOTE)"', (ROOT / "settings.py").read_text()))
    documented = set(re.findall(r"`(BEFOREHAND_[A-Z_]+|SPARK_REMOTE)`", (ROOT / "docs" / "operations.md").read_text()))
    assert documented == read
    assert Settings.__doc__
