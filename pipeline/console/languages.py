"""The languages of the pages: what a page says, in each language that has a catalogue."""

from __future__ import annotations

from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask import Flask, current_app

from pipeline.console.reader import SOURCE, languages, reader

CATALOGUES = Path(__file__).parent / "translations"


def speak(app: Flask, catalogues: Path = CATALOGUES) -> None:
    """Give the templates `_`, `gettext`, `ngettext` and `{% trans %}` in the reader's language."""
    app.extensions["catalogues"] = catalogues
    names = (SOURCE, *sorted(path.stem for path in catalogues.glob("*.po")))
    app.extensions["languages"] = {name: Locale(name).get_language_name(name) for name in names}
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        gettext, ngettext, newstyle=True
    )
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    app.jinja_env.globals.update(
        language=lambda: reader().language, languages=languages, reader=reader
    )


def gettext(message: str, **values: object) -> str:
    """The message in the reader's language; as it is where the catalogue lacks it."""
    found = _translations().gettext(message) if message else ""
    return found % values if values else found


def ngettext(singular: str, plural: str, number: int, **values: object) -> str:
    """The message for that number of things, in the reader's language."""
    found = _translations().ngettext(singular, plural, number)
    return found % values if values else found


def later(message: str) -> str:
    """The message as it is: it is translated where it is shown, and `make translations` finds it
    here."""
    return message


def _translations() -> NullTranslations:
    language = reader().language
    if language == SOURCE:
        return NullTranslations()
    return _read(current_app.extensions["catalogues"] / f"{language}.po")


@cache
def _read(path: Path) -> GNUTranslations:
    compiled = BytesIO()
    with path.open("rb") as source:
        write_mo(compiled, read_po(source, locale=path.stem))
    compiled.seek(0)
    return GNUTranslations(compiled)
