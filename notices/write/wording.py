"""The templates and sentences that messages are made of, as one value with a version.

What a notice was written with can be kept beside the state and used again years later: a replay composes with the
wording of then, not with that of today.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateNotFound
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import escape

from notices.write.catalog import Catalog, MissingTranslation, parsed

HERE = Path(__file__).parent
VERSION_LENGTH = 16
_LIVE = re.compile(r"""[&<>"']""")


class WordingMissing(LookupError):
    """A version of templates and sentences that is neither installed nor kept."""


class Wording:
    """Every template and every language's sentences. texts: path below ``notices/write/`` -> content."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = dict(sorted(texts.items()))
        self._catalogs: dict[str, Catalog] = {}

    @cached_property
    def version(self) -> str:
        """A digest over all texts: 16 hexadecimal digits."""
        digest = hashlib.sha256()
        for path, text in self.texts.items():
            digest.update(f"{path}\0{text}\0".encode())
        return digest.hexdigest()[:VERSION_LENGTH]

    def catalog(self, locale: str) -> Catalog:
        """The sentences of one language. Raises MissingTranslation where there is none."""
        found = self._catalogs.get(locale)
        if found is None:
            text = self.texts.get(f"locales/{locale}.json")
            if text is None:
                raise MissingTranslation(locale, "any sentence")
            found = self._catalogs[locale] = parsed(locale, text)
        return found

    @property
    def locales(self) -> tuple[str, ...]:
        """The languages that can be written in, sorted."""
        return tuple(Path(path).stem for path in self.texts if path.startswith("locales/"))

    def render(self, template: str, **values: Any) -> str:
        """A template filled in, in Jinja's sandbox: HTML escaped, and nothing from data taken for a template."""
        # templates stand within ``filter string``: Jinja then joins their pieces at once, else each goes by itself
        environment = self._html if ".html" in template else self._text
        return environment.get_template(template).render(values)

    @cached_property
    def _html(self) -> Environment:
        return _sandbox(self.texts, escaped)

    @cached_property
    def _text(self) -> Environment:
        return _sandbox(self.texts)


def _sandbox(texts: Mapping[str, str], finalize: Callable[[object], str] | None = None) -> Environment:
    """An environment that knows nothing but its values. finalize: what each goes through where it is placed."""
    environment = ImmutableSandboxedEnvironment(
        loader=_Texts(texts),
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.globals.clear()
    return environment


def escaped(value: object) -> str:
    """A value as HTML, whatever its type says it is. As Jinja's own escaping, but without an object for every value."""
    text = str(value)
    return str(escape(text)) if _LIVE.search(text) else text


class _Texts(BaseLoader):
    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, None]:  # noqa: ARG002 - Jinja's signature
        text = self._texts.get(f"templates/{template}")
        if text is None:
            raise TemplateNotFound(template)
        return text, template, None


@cache
def installed() -> Wording:
    """The wording of this installation."""
    files = [*(HERE / "templates").glob("*.j2"), *(HERE / "locales").glob("*.json")]
    return Wording({file.relative_to(HERE).as_posix(): file.read_text("utf-8") for file in files})


def keep(wording: Wording, folder: Path) -> Path:
    """Keep a wording under its version, for replays. Writing the same again changes nothing."""
    kept = folder / f"{wording.version}.json"
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        made = kept.with_suffix(".new")
        made.write_text(json.dumps(wording.texts, ensure_ascii=False, indent=1), "utf-8")
        made.replace(kept)
    return kept


def kept(version: str, folder: Path) -> Wording:
    """The wording of a version: this installation's, or one that was kept. Raises WordingMissing."""
    if installed().version == version:
        return installed()
    file = folder / f"{version}.json"
    if not file.exists():
        raise WordingMissing(
            f"templates and sentences of version {version} are not kept in {folder}, and this installation has "
            f"{installed().version}. Restore that file, or check out the release that wrote the notice."
        )
    wording = Wording(json.loads(file.read_text("utf-8")))
    if wording.version != version:
        raise WordingMissing(
            f"{file} holds version {wording.version}, not {version}: it was altered. Restore it from a backup."
        )
    return wording
