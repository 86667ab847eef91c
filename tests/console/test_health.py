"""The health page: figures for everybody who may sign in, and what is wrong."""

from __future__ import annotations

from pipeline.base.db import Sessions
from pipeline.base.incidents import Incidents
from tests.console.builders import NOW, a_held_order, store
from tests.console.conftest import SignedIn
from tests.console.reading import words_of


def test_the_page_tells_figures_and_what_is_wrong(sessions: Sessions, viewer: SignedIn) -> None:
    store(sessions, a_held_order(1))
    Incidents(sessions).open("stock:main:mug", "more is sold than <there> is", NOW)
    page = viewer.get("/health")
    assert page.status_code == 200
    assert "<b>stock:main:mug</b> more is sold than &lt;there&gt; is" in page.text
    assert "Live orders Due" in (words := words_of(page.text))
    assert "1 held" in words
    # No broker answers these tests.
    assert "Waiting messages unknown" in words
