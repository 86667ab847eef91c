"""`orderbridge webhooks`: who is told, whether it works, and what is told again."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import update

from pipeline.base.clock import utc_now
from pipeline.base.db import Sessions
from pipeline.orders.tables import Order, Status
from pipeline.webhooks.sending import Sending
from pipeline.webhooks.tables import EventType
from tests.builders import a_vault
from tests.cli.conftest import Run
from tests.colliding import twins
from tests.remote import Remote
from tests.webhooks.conftest import answering, bodies

OK = answering(204)


def hold(sessions: Sessions, order_id: int) -> None:
    with sessions() as session, session.begin():
        session.execute(
            update(Order)
            .where(Order.id == order_id)
            .values(status=Status.HELD, hold_code="currency", hold_reason="")
        )


def test_an_endpoint_is_added_tried_and_told(orderbridge: Run, sessions: Sessions) -> None:
    two = twins(sessions)
    with Remote(OK, OK, answering(404), OK) as remote:
        added = orderbridge("webhooks", "add", "erp", remote.url, "--event", "order.held")
        assert added.stdout.startswith("whsec_")
        assert "cannot be shown again" in added.stderr
        assert orderbridge("webhooks", "test", "erp").stdout == "erp took it.\n"
        hold(sessions, two.ours)
        [endpoint] = json.loads(orderbridge("webhooks", "list", "--json").stdout)
        assert (endpoint["events"], endpoint["waiting"]) == (["order.held"], 1)
        assert Sending(sessions, a_vault(), utc_now).run("erp") == 1
        refused = orderbridge("webhooks", "test", "erp")
        assert refused.exit_code == 1
        assert refused.stdout == "The endpoint erp did not take it: HTTP 404\n"
        [_, held, _] = json.loads(orderbridge("webhooks", "deliveries", "--json").stdout)
        assert (held["type"], held["order_id"], held["outcome"]) == (
            "order.held",
            two.ours,
            "delivered",
        )
        again = orderbridge("webhooks", "replay", "--event", held["event"])
        assert again.stdout == "1 event(s) are sent again.\n"
        assert Sending(sessions, a_vault(), utc_now).run("erp") == 1
        assert [body["type"] for body in bodies(remote.requests)] == [
            "test",
            "order.held",
            "test",
            "order.held",
        ]
    assert held["event"] in orderbridge("webhooks", "deliveries", "--endpoint", "erp").stdout


def test_an_endpoint_is_paused_resumed_and_removed(orderbridge: Run, sessions: Sessions) -> None:
    added = orderbridge("webhooks", "add", "erp", "https://erp.example", "--json")
    assert json.loads(added.stdout)["events"] == list(EventType)
    for word, state in (("pause", "paused"), ("resume", "works")):
        assert orderbridge("webhooks", word, "erp").exit_code == 0
        assert state in orderbridge("webhooks", "list").stdout
    assert orderbridge("webhooks", "remove", "erp").exit_code == 0
    assert orderbridge("webhooks", "list").exit_code == 1


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("add", "erp", "http://erp.example"), 1, "has to be encrypted"),
        (("add", "an erp", "https://erp.example"), 1, "an endpoint's name has up to 40"),
        (("add", "erp", "https://erp.example", "--event", "order.lost"), 2, "order.lost"),
        (("test", "erp"), 1, "no endpoint is called erp"),
        (("remove", "erp"), 1, "no endpoint is called erp"),
        (("replay",), 2, "give --endpoint and --since, or --event"),
        (("replay", "--endpoint", "erp"), 2, "give --endpoint and --since, or --event"),
        (("replay", "--endpoint", "erp", "--since", "2026-01-31"), 1, "no endpoint is called"),
        (("replay", "--event", "evt_1"), 1, ""),
        (("deliveries",), 1, "Nothing was queued"),
    ],
)
def test_what_cannot_be_is_a_sentence(
    orderbridge: Run, words: tuple[str, ...], code: int, sentence: str
) -> None:
    result = orderbridge("webhooks", *words)
    assert result.exit_code == code
    assert sentence in result.stderr
