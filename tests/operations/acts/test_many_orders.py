"""What is decided about many orders at once: batch by batch, each order once, whatever happens."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Select, event, func, select, update

from pipeline.base.db import Sessions
from pipeline.operations.acts.many_orders import (
    AHEAD,
    APART,
    BATCH,
    GONE,
    Act,
    BulkActs,
    MoreThanSeen,
)
from pipeline.operations.acts.one_order import NotPossible
from pipeline.operations.acts.tables import BulkAct, BulkActOrder
from pipeline.orders.machine import owner
from pipeline.orders.tables import Note, Order, OrderPrivate, Status
from tests.builders import NOW, a_vault, an_order, loaded, stored

A_RUN = AHEAD // APART
LATER = NOW + timedelta(hours=1)


def several(sessions: Sessions, count: int, **changes: Any) -> list[int]:
    """Held orders, in the order of their turns."""
    held = {"status": Status.HELD, "hold_code": "currency", "due_at": LATER, "tries": 3, **changes}
    with sessions() as session, session.begin():
        orders = [an_order(**held) for _ in range(count)]
        session.add_all(orders)
        session.flush()
        session.add_all(
            OrderPrivate(order_id=order.id, wrapped_key=a_vault().new_key(owner(order)))
            for order in orders
        )
        return [order.id for order in orders]


def all_of_them() -> Select[tuple[int, int]]:
    return select(Order.id, func.row_number().over(order_by=Order.id))


def begin(sessions: Sessions, act: Act = Act.RELEASE, **changed: Any) -> int:
    values: dict[str, Any] = {
        "chosen": "all of them",
        "author": "anna",
        "now": NOW,
        "token": "a form's",
        "why": "sold twice" if act == Act.DISMISS else "",
    }
    return BulkActs(sessions, a_vault()).begin(act, all_of_them(), **{**values, **changed})


def go_on(sessions: Sessions, seconds: float = 0) -> int:
    return BulkActs(sessions, a_vault()).go_on(NOW + timedelta(seconds=seconds))


def read(sessions: Sessions, act_id: int) -> BulkAct:
    with sessions() as session:
        return session.get_one(BulkAct, act_id)


def became(sessions: Sessions, act_id: int) -> list[tuple[int, str, str | None]]:
    with sessions() as session:
        rows = session.execute(
            select(BulkActOrder.order_id, BulkActOrder.state, BulkActOrder.why)
            .where(BulkActOrder.act_id == act_id)
            .order_by(BulkActOrder.turn)
        )
        return [(row.order_id, row.state, row.why) for row in rows]


def notes(sessions: Sessions) -> list[tuple[int, str, str]]:
    with sessions() as session:
        rows = session.scalars(select(Note).order_by(Note.order_id, Note.id)).all()
        return [(note.order_id, note.author, note.text) for note in rows]


def due_times(sessions: Sessions, ids: list[int]) -> list[datetime | None]:
    return [loaded(sessions, order_id).due_at for order_id in ids]


def test_orders_are_released_five_a_second_as_far_as_their_turn_is_near(
    sessions: Sessions,
) -> None:
    ids = several(sessions, A_RUN + 2)
    act_id = begin(sessions)
    assert due_times(sessions, ids) == [LATER] * len(ids), "nothing happens before the job"
    assert go_on(sessions) == A_RUN
    assert due_times(sessions, ids) == [NOW + turn * APART for turn in range(A_RUN)] + [LATER] * 2
    assert go_on(sessions) == 0, "no turn is near enough"
    assert (read(sessions, act_id).done, read(sessions, act_id).ended_at) == (A_RUN, None)
    assert go_on(sessions, 1) == 2
    assert due_times(sessions, ids[-2:]) == [NOW + A_RUN * APART, NOW + (A_RUN + 1) * APART]
    act = read(sessions, act_id)
    assert (act.orders, act.done, act.passed_over, act.to_do) == (A_RUN + 2, A_RUN + 2, 0, 0)
    assert act.ended_at == NOW + timedelta(seconds=1)
    assert became(sessions, act_id) == [(order_id, "done", None) for order_id in ids]
    assert notes(sessions) == [(order_id, "anna", "released") for order_id in ids]
    one = loaded(sessions, ids[0])
    assert (one.status, one.news, one.version) == (Status.HELD, 1, 1)


def test_two_that_release_share_what_one_may_take(sessions: Sessions) -> None:
    several(sessions, A_RUN + 2)
    acts = [begin(sessions, token=token) for token in ("one", "two")]
    assert go_on(sessions) == A_RUN
    assert [read(sessions, act_id).done for act_id in acts] == [A_RUN / 2] * 2
    assert [read(sessions, act_id).due_at for act_id in acts] == [NOW + AHEAD] * 2


def test_a_job_that_comes_late_does_not_make_up_for_it(sessions: Sessions) -> None:
    ids = several(sessions, A_RUN + 1)
    begin(sessions)
    go_on(sessions)
    assert go_on(sessions, 300) == 1
    assert due_times(sessions, ids[-1:]) == [NOW + timedelta(seconds=300)]


def test_orders_are_dismissed_in_batches_for_a_reason(sessions: Sessions) -> None:
    ids = several(sessions, BATCH + 1)
    act_id = begin(sessions, Act.DISMISS, author="otto", why=" sold twice ")
    assert go_on(sessions) == BATCH + 1
    assert notes(sessions) == [(order_id, "otto", "dismissed it") for order_id in ids]
    order = loaded(sessions, ids[-1])
    assert (order.status, order.dismissed_at, order.hold_code) == (Status.DONE, NOW, None)
    assert (order.last_note, order.version) == ("dismissed it", 2)
    act = read(sessions, act_id)
    assert (act.why, act.done, act.ended_at) == ("", BATCH + 1, NOW)


@pytest.mark.parametrize(
    ("act", "changes", "why"),
    [
        (Act.RELEASE, {"status": Status.RUNNING}, "a step is running or about to run"),
        (Act.RELEASE, {"status": Status.READY}, "a step is running or about to run"),
        (Act.RELEASE, {"status": Status.DONE}, "it has ended"),
        (Act.RELEASE, {"status": Status.CANCELLED}, "it has ended"),
        (
            Act.RELEASE,
            {"hold_code": "in_magento_already"},
            "it is in Magento already: decide it on its own page",
        ),
        (
            Act.RELEASE,
            {"hold_code": "kept_back"},
            "a person holds it: release it on its own page",
        ),
        (Act.RELEASE, {"remote_status": "PENDING", "status": Status.WAITING}, None),
        (Act.DISMISS, {"status": Status.RUNNING}, "a step is running or about to run"),
        (Act.DISMISS, {"status": Status.READY}, "a step is running or about to run"),
        (Act.DISMISS, {"remote_status": "PENDING"}, "Amazon has not verified its payment yet"),
        (Act.DISMISS, {"cancellation": "asked"}, "Amazon is being asked to cancel it"),
        (Act.DISMISS, {"cancellation": "sent"}, "Amazon is being asked to cancel it"),
        (Act.DISMISS, {"cancellation": "refused"}, None),
        (Act.DISMISS, {"hold_code": "in_magento_already"}, None),
    ],
)
def test_what_an_act_is_not_possible_for_is_left_out_before_and_passed_over_after(
    sessions: Sessions, act: Act, changes: dict[str, Any], why: str | None
) -> None:
    order_id, other = several(sessions, 2)
    act_id = begin(sessions, act)
    with sessions() as session, session.begin():
        session.execute(update(Order).where(Order.id == order_id).values(**changes))
    before = loaded(sessions, order_id)
    go_on(sessions)
    state = "done" if why is None else "passed over"
    assert became(sessions, act_id) == [(order_id, state, why), (other, "done", None)]
    assert (order_id in [note[0] for note in notes(sessions)]) is (why is None)
    if why is not None:
        order = loaded(sessions, order_id)
        assert (order.status, order.due_at, order.news) == (before.status, before.due_at, 0)
        again = begin(sessions, act, token="another") if act == Act.RELEASE else None
        if again is not None:
            assert became(sessions, again) == [(other, "to do", None)]


def test_an_order_that_is_gone_is_passed_over(sessions: Sessions) -> None:
    (order_id,) = several(sessions, 1)
    act_id = begin(sessions)
    with sessions() as session, session.begin():
        session.delete(session.get_one(Order, order_id))
    go_on(sessions)
    assert became(sessions, act_id) == [(order_id, "passed over", GONE)]
    assert read(sessions, act_id).ended_at == NOW


def test_what_is_stopped_stays_as_it_was(sessions: Sessions) -> None:
    ids = several(sessions, A_RUN + 3)
    act_id = begin(sessions)
    go_on(sessions)
    acts = BulkActs(sessions, a_vault())
    assert acts.stop(act_id, author="otto", now=NOW + timedelta(seconds=2)) is True
    assert acts.stop(act_id, author="vera", now=LATER) is False
    assert go_on(sessions, 600) == 0
    act = read(sessions, act_id)
    assert (act.done, act.to_do, act.stopped_by) == (A_RUN, 3, "otto")
    assert act.ended_at == NOW + timedelta(seconds=2)
    assert due_times(sessions, ids[-3:]) == [LATER] * 3
    assert len(notes(sessions)) == A_RUN


def test_a_form_that_is_sent_twice_begins_one_act(sessions: Sessions) -> None:
    several(sessions, 2)
    assert begin(sessions) == begin(sessions)
    assert go_on(sessions) == 2
    assert len(notes(sessions)) == 2


def test_nothing_begins_without_orders_without_a_reason_or_with_more_than_were_seen(
    sessions: Sessions,
) -> None:
    stored(sessions, an_order(status=Status.DONE, due_at=None))
    with pytest.raises(NotPossible, match="no order matches any more"):
        begin(sessions)
    several(sessions, 3)
    with pytest.raises(NotPossible, match="give the reason why they are dismissed"):
        begin(sessions, Act.DISMISS, why=" ")
    with pytest.raises(MoreThanSeen) as told:
        begin(sessions, Act.DISMISS, seen=2)
    assert told.value.orders == 3
    with sessions() as session:
        assert session.scalars(select(BulkAct)).all() == []
    assert read(sessions, begin(sessions, Act.DISMISS, seen=3)).orders == 3


class Died(Exception):
    """What stands for a worker's end."""


def test_a_batch_that_breaks_off_leaves_nothing_and_is_done_once(sessions: Sessions) -> None:
    ids = several(sessions, BATCH + 7)
    act_id = begin(sessions, Act.DISMISS)
    with sessions() as session:
        engine = session.get_bind()
    batches = []

    def die(_: object, __: object, statement: str, *___: object) -> None:
        # The last thing that a batch writes is the act's own row.
        if statement.startswith("UPDATE bulk_acts "):
            batches.append(statement)
            if len(batches) == 2:
                raise Died

    event.listen(engine, "before_cursor_execute", die)
    try:
        with pytest.raises(Died):
            go_on(sessions)
    finally:
        event.remove(engine, "before_cursor_execute", die)
    assert (read(sessions, act_id).done, len(notes(sessions))) == (BATCH, BATCH)
    assert loaded(sessions, ids[-1]).status == Status.HELD
    assert go_on(sessions) == 7
    assert notes(sessions) == [(order_id, "anna", "dismissed it") for order_id in ids]
    assert read(sessions, act_id).ended_at == NOW


def test_a_second_job_leaves_alone_what_the_first_is_at(sessions: Sessions) -> None:
    several(sessions, 1)
    act_id = begin(sessions)
    with sessions() as session, session.begin():
        session.get_one(BulkAct, act_id, with_for_update=True)
        assert go_on(sessions) == 0
    assert go_on(sessions) == 1


def test_no_batch_asks_order_by_order(sessions: Sessions) -> None:
    several(sessions, 60)
    begin(sessions)
    asked = []

    def keep(_: object, __: object, statement: str, *___: object) -> None:
        asked.append(statement)

    with sessions() as session:
        engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", keep)
    try:
        assert go_on(sessions) == 60
    finally:
        event.remove(engine, "before_cursor_execute", keep)
    assert len(asked) < 15
