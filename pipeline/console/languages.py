"""The reader's language: what a page says, in each language that has a catalogue."""

from __future__ import annotations

from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel import negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask import Flask, g, has_request_context, request

SOURCE = "en"
"""The language that the code and the templates are written in."""
CATALOGUES = Path(__file__).parent / "translations"
LANGUAGES = (SOURCE, *sorted(path.stem for path in CATALOGUES.glob("*.po")))


def speak(app: Flask) -> None:
    """Give the templates `_`, `gettext`, `ngettext` and `{% trans %}` in the reader's language."""
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        gettext, ngettext, newstyle=True
    )
    app.jinja_env.globals.update(language=language)

    @app.before_request
    def _choose() -> None:
        wanted = [one.replace("-", "_") for one in request.accept_languages.values()]
        g.language = negotiate_locale(wanted, LANGUAGES) or SOURCE


def language() -> str:
    """The language of this request's reader; the source's outside of a request."""
    return str(g.get("language", SOURCE)) if has_request_context() else SOURCE


def gettext(message: str) -> str:
    """The message in the reader's language; as it is where the catalogue lacks it."""
    return _translations(language()).gettext(message)


def ngettext(singular: str, plural: str, number: int) -> str:
    """The message for that number of things, in the reader's language."""
    return _translations(language()).ngettext(singular, plural, number)


@cache
def _translations(name: str) -> NullTranslations:
    if name == SOURCE:
        return NullTranslations()
    compiled = BytesIO()
    with (CATALOGUES / f"{name}.po").open("rb") as source:
        write_mo(compiled, read_po(source, locale=name))
    compiled.seek(0)
    return GNUTranslations(compiled)
