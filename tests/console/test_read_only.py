"""The banner of a read-only installation, and the admin's word that ends it."""

from __future__ import annotations

import pytest
from flask import Flask

from pipeline.base.db import Sessions
from pipeline.base.security_log import Action
from pipeline.console.app import create_app
from pipeline.monitoring.tables import Belonging
from pipeline.settings.roles import Role
from tests.console.builders import NOW, some_settings
from tests.console.conftest import SignedIn
from tests.security_log import logged

BANNER = '<div class="notice bad read-only" role="alert">'
BUTTON = "This installation goes on"


@pytest.fixture
def app(sessions: Sessions) -> Flask:
    """A console of its own: one that others have used knows for a while that nothing is changed."""
    return create_app(some_settings(), sessions, lambda: NOW)


@pytest.fixture
def copied(sessions: Sessions) -> None:
    with sessions() as session, session.begin():
        session.add(Belonging(name="shops.main", value="live.example", noted_at=NOW, noted_by=""))


@pytest.mark.usefixtures("copied")
def test_every_page_of_a_copy_says_so_and_an_admin_ends_it(
    app: Flask, sessions: Sessions, viewer: SignedIn
) -> None:
    for path in ("/", "/account", "/orders/999"):
        page = viewer.get(path).text
        assert BANNER in page, path
        assert "shops.main was live.example" in page
        assert BUTTON not in page
    assert viewer.post("/read-only/accept").status_code == 403

    operator = SignedIn(app, sessions, "olga", Role.OPERATOR)
    assert operator.post("/read-only/accept").status_code == 403
    admin = SignedIn(app, sessions)
    assert BUTTON in admin.get("/").text
    assert admin.post("/read-only/accept").status_code == 303
    assert BANNER not in admin.get("/").text
    with sessions() as session:
        assert session.get_one(Belonging, "shops.main").noted_by == "anna"
    assert logged(sessions, Action.COPY_ACCEPTED) == [("anna", "copy accepted", "")]


def test_what_is_set_is_told_and_cannot_be_accepted(sessions: Sessions) -> None:
    settings = some_settings().model_copy(update={"read_only": True})
    app = create_app(settings, sessions, lambda: NOW)
    page = SignedIn(app, sessions).get("/").text
    assert BANNER in page
    assert "read_only is set" in page
    assert BUTTON not in page


@pytest.mark.usefixtures("copied")
def test_who_has_not_signed_in_is_told_nothing(app: Flask) -> None:
    assert BANNER not in app.test_client().get("/login").text
