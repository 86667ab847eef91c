"""Every catalogue is whole: it has each message of the console, and each keeps its placeholders."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from babel.messages import Catalog
from babel.messages.pofile import read_po

from pipeline.console.languages import CATALOGUES
from tests.translations.messages import collected

_PLACEHOLDER = re.compile(r"%\(\w+\)s|</?\w+|%%")


def _read(language: str) -> Catalog:
    with (CATALOGUES / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


@pytest.fixture(scope="module", params=sorted(path.stem for path in CATALOGUES.glob("*.po")))
def catalogue(request: pytest.FixtureRequest) -> Catalog:
    return _read(request.param)


def test_german_is_spoken() -> None:
    assert len(_read("de")) > 600


def test_it_has_each_message_and_no_other(catalogue: Catalog) -> None:
    assert {one.id for one in catalogue} == {one.id for one in collected()}


def test_each_is_translated_and_none_is_a_guess(catalogue: Catalog) -> None:
    assert [one.id for one in catalogue if one.id and not all(_texts(one.string))] == []
    assert [one.id for one in catalogue if one.fuzzy] == []


def test_placeholders_and_tags_are_those_of_the_message(catalogue: Catalog) -> None:
    for one in catalogue:
        for source, text in zip(_texts(one.id), _texts(one.string), strict=True):
            if one.id:
                assert _kept(text) == _kept(source), one.id


def _texts(value: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    return (value or "",) if value is None or isinstance(value, str) else tuple(value)


def _kept(text: str) -> Counter[str]:
    return Counter(_PLACEHOLDER.findall(text))
