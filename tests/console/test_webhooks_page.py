"""`/webhooks`: an admin adds endpoints, tests, pauses and removes them, and sends events again."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select, update

from pipeline.base.clock import utc_now
from pipeline.base.db import Sessions
from pipeline.base.security_log import Action
from pipeline.console.app import create_app
from pipeline.orders.tables import Order, Status
from pipeline.webhooks.sending import Sending
from pipeline.webhooks.tables import WebhookDelivery, WebhookEndpoint
from tests.builders import a_vault
from tests.console.builders import NOW, an_order, some_settings, store
from tests.console.conftest import SignedIn
from tests.console.reading import words_of
from tests.remote import Remote
from tests.security_log import rows as logged_rows
from tests.webhooks.conftest import answering, bodies

OK = answering(204)


def form(url: str, name: str = "erp", **more: object) -> dict[str, object]:
    return {"name": name, "url": url, "event": ["order.held", "order.placed"], **more}


def only(sessions: Sessions) -> WebhookEndpoint:
    with sessions() as session:
        return session.scalars(select(WebhookEndpoint)).one()


def hold(sessions: Sessions, order_id: int) -> None:
    with sessions() as session, session.begin():
        session.execute(
            update(Order)
            .where(Order.id == order_id)
            .values(status=Status.HELD, hold_code="currency", hold_reason="")
        )


def queued(sessions: Sessions) -> list[tuple[str, str | None]]:
    with sessions() as session:
        rows = session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.id))
        return [(row.type, row.outcome) for row in rows]


def test_an_endpoint_is_added_tested_and_told_again(sessions: Sessions, browser: SignedIn) -> None:
    (order_id,) = store(sessions, an_order(1))
    with Remote(OK, OK, answering(404), OK) as remote:
        made = browser.post("/webhooks/add", form(f"{remote.url}/hook"))
        assert re.search(r"whsec_[\w+/=]+", made.text)
        own = f"/webhooks/{only(sessions).id}"
        page = browser.get("/webhooks").text
        assert "whsec_" not in page
        assert "nothing sent yet" in words_of(page)
        assert "The endpoint took the test." in words_of(browser.post(f"{own}/test").text)
        hold(sessions, order_id)
        assert Sending(sessions, a_vault(), utc_now).run("erp") == 1
        refused = browser.post(f"{own}/test")
        assert refused.status_code == 409
        assert "did not take the test: HTTP 404." in words_of(refused.text)
        failed = words_of(browser.get(f"{own}?failed=1").text)
        assert "given up HTTP 404" in failed
        assert "order.held" not in failed.partition("Deliveries")[2].partition("URL")[0]
        (event,) = re.findall(r'name="event" value="(evt_\w+)"', browser.get(own).text)
        again = browser.post(f"{own}/replay", {"event": event})
        assert "1 event is sent again." in words_of(again.text)
        assert Sending(sessions, a_vault(), utc_now).run("erp") == 1
        assert [body["type"] for body in bodies(remote.requests)] == [
            *("test", "order.held", "test", "order.held")
        ]
    again = browser.post(f"{own}/replay", {"since": "2020-01-01"})
    assert "1 event is sent again." in words_of(again.text)
    assert queued(sessions) == [
        ("test", "delivered"),
        ("order.held", None),
        ("test", "given up"),
    ]
    actions = [row.action for row in logged_rows(sessions) if row.action != Action.SIGNED_IN]
    assert actions == [Action.WEBHOOK_ADDED, Action.WEBHOOK_REPLAYED, Action.WEBHOOK_REPLAYED]


def test_an_endpoint_is_paused_resumed_and_removed(sessions: Sessions, browser: SignedIn) -> None:
    browser.post("/webhooks/add", form("https://erp.example"))
    own = f"/webhooks/{only(sessions).id}"
    assert browser.post(f"{own}/pause").headers["Location"] == own
    assert not only(sessions).active
    assert "paused" in words_of(browser.get(own).text)
    browser.post(f"{own}/resume")
    assert only(sessions).active
    assert browser.post(f"{own}/remove").headers["Location"] == "/webhooks"
    assert browser.get(own).status_code == 404
    assert "No other system is told yet" in words_of(browser.get("/webhooks").text)


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        (form("http://erp.example"), "has to be encrypted"),
        (form("https://erp.example", "an erp"), "an endpoint's name has up to 40"),
        (form("https://erp.example", event=[]), "choose at least one event"),
        (form("https://erp.example", event=["order.lost"]), "there is no such event"),
    ],
)
def test_what_cannot_be_added_is_said(
    sessions: Sessions, browser: SignedIn, sent: dict[str, object], sentence: str
) -> None:
    reply = browser.post("/webhooks/add", sent)
    assert reply.status_code == 400
    assert sentence in words_of(reply.text)
    with sessions() as session:
        assert session.scalars(select(WebhookEndpoint)).all() == []


def test_a_read_only_installation_sends_no_test(sessions: Sessions) -> None:
    settings = some_settings().model_copy(update={"read_only": True})
    admin = SignedIn(create_app(settings, sessions, lambda: NOW), sessions)
    with Remote() as remote:
        admin.post("/webhooks/add", form(f"{remote.url}/hook"))
        reply = admin.post(f"/webhooks/{only(sessions).id}/test")
        assert reply.status_code == 409
        assert "Nothing was sent: this installation is read-only." in words_of(reply.text)
        assert remote.requests == []


def test_only_admins_come_in(sessions: Sessions, browser: SignedIn, operator: SignedIn) -> None:
    browser.post("/webhooks/add", form("https://erp.example"))
    own = f"/webhooks/{only(sessions).id}"
    for path in ("/webhooks", own):
        assert operator.get(path).status_code == 403
    for act in ("test", "pause", "resume", "remove", "replay"):
        assert operator.post(f"{own}/{act}").status_code == 403
    assert operator.post("/webhooks/add", form("https://other.example")).status_code == 403
    assert only(sessions).active
