"""Brings every catalogue up to date: new messages come in without a translation, and those that no
page has any more go. Prints what is to be translated."""

from __future__ import annotations

from babel.messages.pofile import read_po, write_po

from pipeline.console.languages import CATALOGUES
from tests.translations.messages import collected


def main() -> int:
    """The number of messages that have no translation."""
    missing = 0
    for path in sorted(CATALOGUES.glob("*.po")):
        with path.open("rb") as file:
            catalog = read_po(file, locale=path.stem)
        # A guess after a similar message would only look like a translation.
        catalog.update(collected(), no_fuzzy_matching=True, update_creation_date=False)
        catalog.obsolete.clear()
        with path.open("wb") as file:
            write_po(file, catalog, width=100, no_location=True, sort_output=True)
        for message in catalog:
            texts = message.string if isinstance(message.string, tuple) else (message.string,)
            if message.id and not all(texts):
                missing += 1
                print(f"{path.name}: {message.id}")  # noqa: T201
    return missing


if __name__ == "__main__":
    raise SystemExit(1 if main() else 0)
