"""Views have the name of their blueprint; links and exceptions name views that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask

from pipeline.base.db import Sessions
from pipeline.console import app as console
from pipeline.console.guard import OPEN_TO_ALL, OPEN_TO_VIEWERS
from pipeline.settings.console import ConsoleSettings, OidcSettings
from pipeline.settings.roles import Role
from tests.console.builders import NOW, some_settings
from tests.console.conftest import SignedIn

TEMPLATES = sorted(Path(console.__file__).with_name("templates").glob("*.html"))


@pytest.fixture
def whole(sessions: Sessions) -> Flask:
    """The console with everything that may be set up."""
    oidc = OidcSettings(issuer="http://issuer.test", client_id="x", default_role=Role.VIEWER)
    found = ConsoleSettings(url="http://localhost", oidc=oidc)
    settings = some_settings().model_copy(update={"console": found})
    return console.create_app(settings, sessions, lambda: NOW, previews=lambda _order, _step: [])


def test_every_link_of_a_template_names_a_view(whole: Flask) -> None:
    linked = {
        name
        for template in TEMPLATES
        for name in re.findall(r"""url_for\(["']([^"']+)["'][,)]""", template.read_text())
    }
    assert len(linked) > 20
    assert linked - whole.view_functions.keys() == set()


def test_what_is_open_to_all_or_to_viewers_is_a_view(whole: Flask) -> None:
    assert whole.view_functions.keys() >= OPEN_TO_ALL | OPEN_TO_VIEWERS


def test_only_health_and_files_are_of_no_blueprint(whole: Flask) -> None:
    assert {name for name in whole.view_functions if "." not in name} == {"healthz", "static"}


def test_every_view_of_the_people_is_for_admins(app: Flask, operator: SignedIn) -> None:
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("people.")]
    assert len(rules) == 10
    for rule in rules:
        ask = operator.get if "GET" in (rule.methods or ()) else operator.post
        path = rule.rule.replace("<row_id:person_id>", "1")
        assert ask(path).status_code == 403, rule.rule
