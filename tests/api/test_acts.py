"""What another system does to an order: the acts of the pages, signed by its token, each once."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from pipeline.access.tables import ApiAnswer
from pipeline.base.db import Sessions
from pipeline.base.security_log import Action, order_object
from pipeline.base.tables import SecurityLogRow
from pipeline.orders.requested_shipment_table import RequestedShipmentRow
from pipeline.orders.tables import Note, Order, Status
from tests.api.conftest import System, a_token
from tests.builders import NOW, with_keys
from tests.colliding import Twins, twins
from tests.console.signing_in import Clock
from tests.security_log import logged

SHIP = {"carrier": "dhl", "tracking_number": "00340434161094015902"}


def order(sessions: Sessions, order_id: int) -> Order:
    with sessions() as session:
        return session.get_one(Order, order_id)


def notes(sessions: Sessions, order_id: int) -> list[tuple[str, str]]:
    with sessions() as session:
        rows = session.scalars(select(Note).where(Note.order_id == order_id).order_by(Note.id))
        return [(note.author, note.text) for note in rows]


def requested(sessions: Sessions) -> list[tuple[int, str, str]]:
    with sessions() as session:
        rows = session.scalars(select(RequestedShipmentRow).order_by(RequestedShipmentRow.id))
        return [(row.order_id, row.author, row.tracking_number) for row in rows]


def a_pair(sessions: Sessions, **changes: Any) -> Twins:
    values = {"due_at": NOW + timedelta(hours=1), "step": "ship_order", **changes}
    two = twins(sessions, **values)
    with_keys(sessions)
    return two


def test_a_waiting_order_is_released_and_its_twin_is_not(
    sessions: Sessions, system: System
) -> None:
    two = a_pair(sessions)
    done = system.post(f"/orders/{two.ours}/release")
    assert (done.status_code, done.json["id"], done.json["account"]) == (200, two.ours, "eu")
    assert order(sessions, two.ours).due_at == NOW
    assert order(sessions, two.others).due_at == NOW + timedelta(hours=1)
    assert notes(sessions, two.ours) == [("token erp", "released")]
    assert notes(sessions, two.others) == []
    assert ("token erp", Action.ACTED_BY_TOKEN, order_object(two.ours)) in logged(sessions)


def test_each_act_checks_the_state_as_the_pages_do(sessions: Sessions, system: System) -> None:
    two = a_pair(sessions, status=Status.DONE, due_at=None)
    for act, body, why in (
        ("release", None, "neither waiting nor held"),
        ("hold", {"why": "wrong price"}, "it is done here"),
        ("ship", SHIP, "it is done here"),
        ("cancel", {"reason": "NoInventory"}, "it is done here"),
    ):
        refused = system.post(f"/orders/{two.ours}/{act}", body)
        assert (refused.status_code, refused.json["code"]) == (409, "not_possible")
        assert why in refused.json["detail"]
    assert notes(sessions, two.ours) == []
    assert logged(sessions, Action.ACTED_BY_TOKEN) == []
    assert system.post(f"/orders/{two.ours}/note", {"text": "seen"}).status_code == 200
    assert notes(sessions, two.ours) == [("token erp", "wrote a note")]


def test_a_held_order_stays_held_until_it_is_released(sessions: Sessions, system: System) -> None:
    two = a_pair(sessions)
    assert system.post(f"/orders/{two.ours}/hold", {"why": "wrong price"}).status_code == 200
    held = order(sessions, two.ours)
    assert (held.kept_back, held.due_at) == ("token erp", NOW)
    assert order(sessions, two.others).kept_back is None
    assert notes(sessions, two.ours) == [("token erp", "held it")]
    assert system.post(f"/orders/{two.ours}/release").status_code == 200
    assert order(sessions, two.ours).kept_back is None


def test_a_shipment_is_requested_once(sessions: Sessions, system: System) -> None:
    two = a_pair(sessions)
    assert system.post(f"/orders/{two.ours}/ship", SHIP).status_code == 200
    again = system.post(f"/orders/{two.ours}/ship", SHIP)
    assert (again.status_code, again.json["code"]) == (409, "not_possible")
    assert requested(sessions) == [(two.ours, "token erp", "00340434161094015902")]


def test_an_order_is_cancelled_for_a_reason_of_amazons(sessions: Sessions, system: System) -> None:
    two = a_pair(sessions)
    assert system.post(f"/orders/{two.ours}/cancel", {"reason": "Because"}).status_code == 422
    assert system.post(f"/orders/{two.ours}/cancel", {"reason": "NoInventory"}).status_code == 200
    assert order(sessions, two.ours).cancel_reason == "NoInventory"
    assert order(sessions, two.others).cancel_reason is None


def test_the_same_key_and_body_have_the_same_answer_and_are_done_once(
    sessions: Sessions, system: System
) -> None:
    two = a_pair(sessions)
    path = f"/orders/{two.ours}/note"
    first = system.post(path, {"text": "seen"}, key="k1")
    again = system.post(path, {"text": "seen"}, key="k1")
    assert (again.status_code, again.json) == (first.status_code, first.json)
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(notes(sessions, two.ours)) == 1
    assert len(logged(sessions, Action.ACTED_BY_TOKEN)) == 1
    system.post(path, {"text": "seen"}, key="k2")
    system.post(path, {"text": "seen"})
    assert len(notes(sessions, two.ours)) == 3


def test_a_refused_act_is_answered_the_same_again(
    sessions: Sessions, system: System, clock: Clock
) -> None:
    two = a_pair(sessions, status=Status.DONE, due_at=None)
    first = system.post(f"/orders/{two.ours}/release", key="k1")
    assert first.status_code == 409
    with sessions() as session, session.begin():
        session.get_one(Order, two.ours).status = Status.WAITING
    again = system.post(f"/orders/{two.ours}/release", key="k1")
    assert (again.status_code, again.json, again.mimetype) == (
        409,
        first.json,
        "application/problem+json",
    )
    assert system.post(f"/orders/{two.ours}/release", key="k2").status_code == 200


def test_a_key_of_another_request_is_refused(sessions: Sessions, system: System) -> None:
    two = a_pair(sessions)
    assert system.post(f"/orders/{two.ours}/note", {"text": "a"}, key="k1").status_code == 200
    for path, body in (
        (f"/orders/{two.ours}/note", {"text": "b"}),
        (f"/orders/{two.others}/note", {"text": "a"}),
        (f"/orders/{two.ours}/hold", {"why": "a"}),
        (f"/orders/{two.ours}/release", None),
    ):
        refused = system.post(path, body, key="k1")
        assert (refused.status_code, refused.json["code"]) == (422, "key_of_another_request")
    assert notes(sessions, two.others) == []
    assert len(notes(sessions, two.ours)) == 1


def test_a_key_belongs_to_its_token(app: Flask, sessions: Sessions, system: System) -> None:
    two = a_pair(sessions)
    other = System(app.test_client(), a_token(sessions, name="wms"))
    for one in (system, other):
        assert one.post(f"/orders/{two.ours}/note", {"text": "a"}, key="k1").status_code == 200
    assert notes(sessions, two.ours) == [
        ("token erp", "wrote a note"),
        ("token wms", "wrote a note"),
    ]


def test_an_unknown_order_and_an_unusable_body_take_no_key(
    sessions: Sessions, system: System
) -> None:
    assert system.post("/orders/77/note", {"text": "a"}, key="k1").status_code == 404
    two = a_pair(sessions)
    path = f"/orders/{two.ours}/note"
    for body in (None, {}, {"text": ""}, {"text": "  "}, {"text": "a\0"}, {"text": "a", "b": 1}):
        assert system.post(path, body, key="k1").status_code == 422
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(ApiAnswer)) == 0
    assert system.post(path, {"text": "a"}, key="k1").status_code == 200


def test_requests_at_the_same_time_with_one_key_act_once(
    app: Flask, sessions: Sessions, system: System
) -> None:
    two = a_pair(sessions)
    answers: list[tuple[int, Any]] = []
    ready = threading.Barrier(4)

    def ask() -> None:
        one = System(app.test_client(), system.token)
        ready.wait()
        answer = one.post(f"/orders/{two.ours}/note", {"text": "a"}, key="k1")
        answers.append((answer.status_code, answer.json))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4
    assert all(answer == answers[0] for answer in answers)
    assert answers[0][0] == 200
    assert len(notes(sessions, two.ours)) == 1


def test_an_act_whose_end_fails_leaves_nothing(
    sessions: Sessions, system: System, own_failure: None
) -> None:
    """The act, its key and its row of the log are committed together."""
    two = a_pair(sessions)
    answer = system.post(f"/orders/{two.ours}/note", {"text": "a"}, key="k1")
    assert (answer.status_code, answer.json["code"]) == (503, "no_database")
    assert notes(sessions, two.ours) == []
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(ApiAnswer)) == 0


@pytest.fixture
def own_failure(sessions: Sessions, system: System) -> Any:
    """The security log refuses the act's row, the last of the transaction."""
    with sessions() as session, session.begin():
        number = session.scalar(select(func.max(SecurityLogRow.id))) or 0
        session.connection().exec_driver_sql(
            f"ALTER TABLE security_log ADD CONSTRAINT no_more CHECK (id <= {number})"
        )
    yield
    with sessions() as session, session.begin():
        session.connection().exec_driver_sql("ALTER TABLE security_log DROP CONSTRAINT no_more")
