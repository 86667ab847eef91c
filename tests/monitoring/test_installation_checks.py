"""What is told of the whole installation: counts, and nothing that names a buyer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, update

from pipeline.access.api_tokens import ApiScope, ApiTokens
from pipeline.base.db import Sessions
from pipeline.base.incidents import Incidents
from pipeline.base.security_log import Action, record
from pipeline.invoices.tables import InvoiceUpload, UploadState
from pipeline.monitoring.installation_checks import watch
from pipeline.monitoring.read_only import Writes
from pipeline.monitoring.tables import Belonging
from pipeline.orders.tables import Status
from tests.builders import ACCOUNT, NOW, a_number, a_shipment, an_order, settings, signed, stored
from tests.cli.test_invoices import an_upload

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture(autouse=True)
def _nothing_yet(sessions: Sessions) -> None:
    assert told(sessions) == {}


def told(sessions: Sessions, after: timedelta = timedelta(0)) -> dict[str, str]:
    now, incidents = NOW + after, Incidents(sessions)
    given = settings()
    watch(given, sessions, incidents, Writes(given, sessions, lambda: now), now)
    return {incident.key: incident.text for incident in incidents.all_open()}


def test_orders_that_no_worker_takes_up_are_told_until_they_are(sessions: Sessions) -> None:
    order = an_order(due_at=NOW)
    stored(sessions, order)
    stored(sessions, an_order(due_at=NOW, lane="backfill"))
    stored(sessions, an_order(due_at=None, status=Status.DONE))
    assert told(sessions, 15 * MINUTE) == {}
    assert told(sessions, 16 * MINUTE) == {
        "orders:overdue": "for 15 minutes or more 1 order waited for a worker, the oldest since "
        "2026-11-22 12:00 UTC: check that all workers run, and add workers if they are busy"
    }
    with sessions() as session, session.begin():
        session.merge(order).due_at = NOW + HOUR
    assert told(sessions, 17 * MINUTE) == {}


def test_orders_that_should_have_left_and_that_have_to_leave_soon_are_counted(
    sessions: Sessions,
) -> None:
    parked: dict[str, Any] = {"status": Status.WAITING, "due_at": NOW + 9 * HOUR}
    for ship_by_at, changes in (
        (NOW - MINUTE, {}),
        (NOW - MINUTE, {"remote_status": "PARTIALLY_SHIPPED"}),
        (NOW - MINUTE, {"remote_status": "SHIPPED"}),
        (NOW - MINUTE, {"fulfilled_by": "FBA"}),
        (NOW - MINUTE, {"status": Status.CANCELLED}),
        (NOW, {}),
        (NOW + 6 * HOUR, {}),
    ):
        stored(sessions, an_order(ship_by_at=ship_by_at, **{**parked, **changes}))
    assert told(sessions) == {
        "ship_by:passed": "2 orders should have been shipped by now, but no shipment is "
        "confirmed to Amazon",
        "ship_by:soon": "1 order must be shipped within 6 hours, but no shipment is confirmed to "
        "Amazon",
    }


def test_its_statements_are_as_many_for_a_thousand_accounts(sessions: Sessions) -> None:
    one = settings()
    counted = []
    for number in (1, 1_000):
        accounts = {f"a{place}": one.accounts["eu"] for place in range(number)}
        given = one.model_copy(update={"accounts": accounts})
        writes = Writes(given, sessions, lambda: NOW)
        writes.changed()  # it notes new accounts
        statements: list[str] = []

        def count(_: object, __: object, statement: str, *___: object) -> None:
            statements.append(statement)  # noqa: B023 - removed before the next turn

        with sessions() as session:
            engine = session.get_bind().engine
        event.listen(engine, "before_cursor_execute", count)
        watch(given, sessions, Incidents(sessions), writes, NOW)
        event.remove(engine, "before_cursor_execute", count)
        counted.append(len(statements))
    assert counted[0] == counted[1] > 0


def test_refused_confirmations_are_told_for_their_account(sessions: Sessions) -> None:
    packages = [
        a_shipment(number, items={}, confirmation="refused", refusal="no") for number in (71, 72)
    ]
    parked: dict[str, Any] = {"status": Status.HELD, "hold_code": "confirmation_refused"}
    stored(sessions, an_order(shipments=packages, **parked))
    assert told(sessions) == {
        "confirmations:eu": "account eu: Amazon refused the shipment confirmation of 1 order; "
        "`orderbridge orders list --status held` tells why"
    }
    assert [incident.account for incident in Incidents(sessions).all_open("eu")] == ["eu"]


def test_a_copy_of_a_database_is_told(sessions: Sessions) -> None:
    with sessions() as session, session.begin():
        session.merge(Belonging(name="shops.main", value="x", noted_at=NOW, noted_by=""))
    explanation = told(sessions)
    assert list(explanation) == ["read_only:copy"]
    assert "shops.main was x and is 127.0.0.1" in explanation["read_only:copy"]


def test_who_sees_more_buyers_than_usual_in_a_day_is_told(sessions: Sessions) -> None:
    def shown(person: str, orders: int, after: timedelta, action: Action) -> None:
        with sessions() as session, session.begin():
            record(
                session,
                at=NOW + after,
                person=person,
                address="192.0.2.1",
                action=action,
                facts={"orders": orders},
            )

    shown("otto", 600, -25 * HOUR, Action.NAMES_EXPORTED)
    shown("otto", 999, -2 * HOUR, Action.NAMES_EXPORTED)
    shown("otto", 1, -HOUR, Action.DISCLOSED)
    shown("vera", 1000, -HOUR, Action.NAMES_SHOWN)
    shown("vera", 9000, -HOUR, Action.BUYER_SEARCHED)
    assert told(sessions) == {}
    shown("otto", 1, timedelta(0), Action.DISCLOSED)
    (text,) = told(sessions).values()
    assert "shown or exported to otto of 1001 orders, more than 1000: ask why" in text
    assert told(sessions, 23 * HOUR) == {}


def test_tokens_that_expire_soon_are_told(sessions: Sessions) -> None:
    tokens = ApiTokens(sessions)
    for name, days in (("erp", 20), ("wms", 90)):
        tokens.add(name, [ApiScope.READ_ORDERS], days, signed())
    assert told(sessions) == {}
    assert told(sessions, timedelta(days=7)) == {
        "tokens:expiring": "tokens of the API expire soon: erp on 2026-12-12; make each system a "
        "new one with `orderbridge tokens add`, then revoke the old one"
    }
    tokens.revoke("erp", signed())
    assert told(sessions, timedelta(days=7)) == {}


def test_invoices_that_need_a_person_are_told_until_they_are_seen_to(sessions: Sessions) -> None:
    key = f"invoices-held:{ACCOUNT}"
    for state in ("held", "accepted", "made by amazon"):
        an_upload(sessions, UploadState(state), a_number())
    assert "1 invoice for Amazon needs a person" in told(sessions)[key]
    assert "orderbridge invoices list" in told(sessions)[key]
    an_upload(sessions, UploadState.UNKNOWN, a_number())
    assert "2 invoices for Amazon need a person" in told(sessions)[key]
    with sessions() as session, session.begin():
        session.execute(update(InvoiceUpload).values(state=UploadState.IGNORED))
    assert key not in told(sessions)
