"""Every page in a language that marks each message: what is not marked is data."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask

from pipeline.base.db import Sessions
from pipeline.console.app import create_app
from tests.browser.conftest import previews
from tests.browser.pages import PAGES, store_for_pages
from tests.console.builders import NOW, some_settings
from tests.console.conftest import SignedIn
from tests.translations import pseudo

# What the stored orders and people are called, and names that are the same in every language.
DATA = re.compile(
    r"\b(Orderbridge|Magento|Amazon|English|[Ee]speranto|Seller Central|UTC|EUR|DE|FBM|FBA|DHL"
    r"|SKU|CSV|Excel"
    r"|searchOrders|getOrder|confirmShipment|main"
    r"|anna|otto|eu|german|MUG-\d|Mug, model \d|POT(-\d)?)\b"
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
    ids = store_for_pages(sessions)
    browser = SignedIn(esperanto, sessions)
    left = []
    for name, path in PAGES.items():
        page = browser.get(path.format(**ids), headers={"Accept-Language": pseudo.NAME}).text
        assert "⟦" in page, name
        left += [
            f"{name}: {text}"
            for text in pseudo.unmarked(page)
            if any(sign.isalpha() for sign in DATA.sub("", text))
        ]
    assert not left, "\n".join(left)
