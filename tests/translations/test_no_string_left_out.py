"""Every page in a language that marks each message: what is not marked is data."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask

from pipeline.base.db import Sessions
from pipeline.console.app import create_app
from tests.browser.conftest import previews
from tests.browser.test_accessibility import PAGES, _stored
from tests.console.builders import NOW, some_settings
from tests.console.conftest import SignedIn
from tests.translations import pseudo

# What a page shows as it is, and why.
DATA = re.compile(
    r"[\W\d_]*"  # numbers, signs
    r"|Orderbridge|Magento|Amazon|UTC|CSV|SKU|English|Esperanto|esperanto|Deutsch"  # names
    r"|[A-Z]{2,3}(/[A-Z]{3})?|FBM|FBA"  # countries, currencies, channels
)


@pytest.fixture
def esperanto(sessions: Sessions, tmp_path: Path) -> Flask:
    pseudo.write_catalogue(tmp_path)
    return create_app(
        some_settings(), sessions, lambda: NOW, previews=previews, catalogues=tmp_path
    )


def test_every_string_of_every_page_is_in_the_catalogue(
    esperanto: Flask, sessions: Sessions
) -> None:
    ids = _stored(sessions)
    browser = SignedIn(esperanto, sessions)
    left: dict[str, list[str]] = {}
    for name, path in PAGES.items():
        page = browser.get(path.format(**ids), headers={"Accept-Language": pseudo.NAME}).text
        assert "⟦" in page, name
        if found := [text for text in pseudo.unmarked(page) if not DATA.fullmatch(text)]:
            left[name] = found
    assert left == {}
