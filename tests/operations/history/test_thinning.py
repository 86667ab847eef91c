"""What has ended long ago is deleted: of each kind, in bounded batches, and nothing else."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, select, text, update

from pipeline.access.tables import ApiAnswer, ApiToken, PersonRecord, ProviderSignIn, SignIn
from pipeline.base.db import Sessions
from pipeline.base.tables import Base, Incident
from pipeline.intake.tables import Backfill, SeenNotification, ToFetch, Watermark
from pipeline.monitoring.reconcile.runs import Runs
from pipeline.monitoring.reconcile.tables import Difference, Reconciliation
from pipeline.monitoring.tables import AlertDelivery
from pipeline.operations.acts.tables import BulkAct, BulkActOrder
from pipeline.operations.history.kinds import GROUPS
from pipeline.operations.history.thinning import BATCH, ORDERS_AT_ONCE, Thinning
from pipeline.orders.machine import STEPS
from pipeline.orders.tables import Attempt, Effect, Note, Order, Status
from pipeline.returns.tables import AmazonReport
from pipeline.shipping.tables import Feed, FeedMessage
from pipeline.webhooks.tables import WebhookDelivery, WebhookEndpoint
from tests.builders import ACCOUNT, GERMANY, NOW, a_shipment, an_order, loaded, stored

DAY = timedelta(days=1)
KEPT = {kind.name: kind.keep for group in GROUPS for kind in group}
_numbers = itertools.count(1)


def add(sessions: Sessions, row: Base) -> Any:
    with sessions() as session, session.begin():
        session.add(row)
        session.flush()
        return getattr(row, "id", None)


def thinned(sessions: Sessions, now: datetime = NOW, batches: int | None = None) -> dict[str, int]:
    return {kind: gone for kind, gone in Thinning(sessions).run(now, batches) if gone}


def counted(sessions: Sessions, now: datetime = NOW) -> dict[str, int]:
    return {kind: rows for kind, rows in Thinning(sessions).count(now).items() if rows}


def number_of(sessions: Sessions, table: type[Base]) -> int:
    with sessions() as session:
        return session.scalars(select(func.count()).select_from(table)).one()


def an_incident(sessions: Sessions, ended_at: datetime | None) -> int:
    times = {"opened_at": NOW - 400 * DAY, "last_seen_at": NOW - 400 * DAY}
    incident_id = add(
        sessions, Incident(key=f"k{next(_numbers)}", text="It is so.", ended_at=ended_at, **times)
    )
    for way in ("hook", "mail"):
        add(
            sessions,
            AlertDelivery(
                **{"incident_id": incident_id, "event": "opened", "channel": way},
                **{"due_at": NOW - 400 * DAY, "sent_at": NOW - 400 * DAY},
            ),
        )
    return int(incident_id)


def a_feed(sessions: Sessions, ended_at: datetime | None) -> int:
    feed_id = add(
        sessions,
        Feed(
            **{"account": ACCOUNT, "kind": f"kind {next(_numbers)}", "marketplace_ids": [GERMANY]},
            **{"due_at": NOW, "created_at": NOW - 400 * DAY, "ended_at": ended_at},
            state="ended" if ended_at else "submitted",
        ),
    )
    order_id = stored(sessions, an_order())
    for message in (1, 2, 3):
        row = FeedMessage(feed_id=feed_id, message_id=message, order_id=order_id, body={})
        add(sessions, row)
    return int(feed_id)


def a_report(sessions: Sessions, ended_at: datetime | None, report_type: str) -> None:
    add(
        sessions,
        AmazonReport(
            **{"account": ACCOUNT, "report_type": report_type, "marketplace_ids": [GERMANY]},
            **{"since_at": NOW, "until_at": NOW, "due_at": NOW, "state_since": NOW},
            **{"created_at": NOW - 400 * DAY, "ended_at": ended_at},
            state="ended" if ended_at else "wanted",
        ),
    )


def an_act(sessions: Sessions, ended_at: datetime | None) -> int:
    act_id = add(
        sessions,
        BulkAct(
            **{"token": f"t{next(_numbers)}", "author": "anna", "act": "release", "chosen": "all"},
            **{"why": "", "orders": 2, "asked_at": NOW - 400 * DAY, "due_at": NOW - 400 * DAY},
            ended_at=ended_at,
        ),
    )
    for turn in (1, 2):
        add(sessions, BulkActOrder(act_id=act_id, turn=turn, order_id=turn, state="done"))
    return int(act_id)


def a_run(sessions: Sessions, ended_at: datetime | None, account: str = ACCOUNT) -> int:
    return int(
        add(
            sessions,
            Reconciliation(
                **{"account": account, "author": "anna", "after_at": NOW, "before_at": NOW},
                **{"due_at": NOW, "created_at": NOW - 400 * DAY, "ended_at": ended_at},
                state="done" if ended_at else "running",
            ),
        )
    )


def a_difference(sessions: Sessions, run_id: int, ended_at: datetime | None) -> None:
    add(
        sessions,
        Difference(
            **{"account": ACCOUNT, "external_id": f"{next(_numbers)}", "kind": "total"},
            **{"detail": "", "treatment": "", "reconciliation_id": run_id, "found_at": NOW},
            ended_at=ended_at,
        ),
    )


def a_requested_shipment(
    sessions: Sessions, asked_at: datetime, backfill_id: int | None = None
) -> None:
    add(
        sessions,
        ToFetch(
            **{"account": ACCOUNT, "external_id": f"{next(_numbers)}", "lane": "new"},
            **{"asked_at": asked_at, "due_at": NOW, "backfill_id": backfill_id},
        ),
    )


def a_delivery(sessions: Sessions, ended_at: datetime | None) -> None:
    endpoint_id = add(
        sessions,
        WebhookEndpoint(
            **{"name": f"e{next(_numbers)}", "url": "https://erp.example", "events": []},
            **{"wrapped_key": b"", "secret": b"", "created_at": NOW, "created_by": "anna"},
        ),
    )
    add(
        sessions,
        WebhookDelivery(
            **{"endpoint_id": endpoint_id, "event_id": "evt_1", "type": "order.held"},
            **{"order_id": 1, "data": {}, "happened_at": NOW - 400 * DAY, "ended_at": ended_at},
        ),
    )


def an_answer(sessions: Sessions, at: datetime) -> None:
    """With the token that asked, which expired then."""
    number = next(_numbers)
    token_id = add(
        sessions,
        ApiToken(
            **{"name": f"t{number}", "prefix": f"obr_{number}", "digest": b"", "scopes": []},
            **{"created_at": NOW - 400 * DAY, "created_by": "anna", "expires_at": at},
        ),
    )
    add(sessions, ApiAnswer(token_id=token_id, key="k", digest=b"", at=at, status=200, body={}))


def a_sign_in(sessions: Sessions, seen_at: datetime) -> None:
    """At the OpenID provider, whose tokens are kept."""
    number = next(_numbers)
    person_id = add(
        sessions, PersonRecord(name=f"p{number}", role="viewer", created_at=NOW - 400 * DAY)
    )
    token_digest = str(number).encode()
    times = {"started_at": NOW - 400 * DAY, "seen_at": seen_at}
    add(sessions, SignIn(token_digest=token_digest, person_id=person_id, **times))
    add(
        sessions,
        ProviderSignIn(
            **{"token_digest": token_digest, "can_refresh": True, "key": b"", "sealed": b""},
            **{"checked_at": seen_at, "next_check_at": seen_at},
        ),
    )


def made(sessions: Sessions, age: timedelta) -> None:
    """One of each, ended or last named so long ago, and one that is not over."""
    report_type = f"report {next(_numbers)}"
    for ended_at in (NOW - age, None):
        a_report(sessions, ended_at, report_type)
        an_incident(sessions, ended_at)
        a_feed(sessions, ended_at)
        an_act(sessions, ended_at)
    run_id = a_run(sessions, NOW - age)
    a_difference(sessions, run_id, NOW - age)
    a_run(sessions, NOW)
    add(sessions, SeenNotification(notification_id="n", seen_at=NOW - age))
    a_requested_shipment(sessions, NOW - age)
    a_delivery(sessions, NOW - age)
    a_delivery(sessions, None)
    an_answer(sessions, NOW - age)
    a_sign_in(sessions, NOW - age)
    a_sign_in(sessions, NOW)


OF_EACH = {
    "alert deliveries": (AlertDelivery, 2),
    "incidents": (Incident, 1),
    "feed messages": (FeedMessage, 3),
    "feeds": (Feed, 1),
    "reports": (AmazonReport, 1),
    "orders of bulk acts": (BulkActOrder, 2),
    "bulk acts": (BulkAct, 1),
    "differences": (Difference, 1),
    "reconciliations": (Reconciliation, 1),
    "seen notifications": (SeenNotification, 1),
    "orders to be read": (ToFetch, 1),
    "webhook deliveries": (WebhookDelivery, 1),
    "API answers": (ApiAnswer, 1),
    "API tokens": (ApiToken, 1),
    "tokens of the OpenID provider": (ProviderSignIn, 1),
    "sign-ins": (SignIn, 1),
}


@pytest.mark.parametrize("age", sorted({*KEPT.values()}), ids=str)
def test_each_kind_goes_when_it_is_time_and_not_a_second_before(
    sessions: Sessions, age: timedelta
) -> None:
    made(sessions, age)
    second = timedelta(seconds=1)
    before = {name: number_of(sessions, table) for name, (table, _) in OF_EACH.items()}
    earlier = {name: rows for name, (_, rows) in OF_EACH.items() if KEPT[name] < age}
    assert counted(sessions) == earlier
    assert thinned(sessions) == earlier
    now = NOW + second
    due = {name: rows for name, (_, rows) in OF_EACH.items() if KEPT[name] == age}
    assert counted(sessions, now) == due
    assert thinned(sessions, now) == due
    for name, (table, rows) in OF_EACH.items():
        gone = rows if KEPT[name] <= age else 0
        assert number_of(sessions, table) == before[name] - gone, name
    assert thinned(sessions, now) == {}


def test_what_is_not_over_stays_however_old_it_is(sessions: Sessions) -> None:
    for one in (an_incident, a_feed, an_act):
        one(sessions, None)
    a_difference(sessions, a_run(sessions, NOW - 400 * DAY), None)
    a_run(sessions, None)
    assert thinned(sessions, NOW + 4000 * DAY) == {}


def test_the_last_comparison_of_each_account_stays(sessions: Sessions) -> None:
    long_ago = NOW - 400 * DAY
    [*_, last] = [a_run(sessions, long_ago) for _ in range(3)]
    other = a_run(sessions, long_ago, "na")
    assert counted(sessions) == {"reconciliations": 2}
    assert thinned(sessions) == {"reconciliations": 2}
    assert [run.run.id for run in Runs(sessions).latest([ACCOUNT, "na"])] == [last, other]


def test_a_feed_that_a_package_is_in_stays_with_its_messages(sessions: Sessions) -> None:
    feed_id = a_feed(sessions, NOW - 400 * DAY)
    stored(sessions, an_order(shipments=[a_shipment(feed_id=feed_id)]))
    assert thinned(sessions) == {}


def test_what_a_running_backfill_waits_for_stays(sessions: Sessions) -> None:
    backfills = {
        state: add(
            sessions,
            Backfill(
                **{"account": account, "author": "anna", "state": state},
                **{"due_at": NOW, "created_at": NOW},
            ),
        )
        for state, account in (("running", "eu"), ("done", "na"))
    }
    for backfill_id in backfills.values():
        a_requested_shipment(sessions, NOW - 400 * DAY, backfill_id)
    assert thinned(sessions) == {"orders to be read": 1}
    with sessions() as session:
        assert session.scalars(select(ToFetch.backfill_id)).all() == [backfills["running"]]


def ended(sessions: Sessions, age: timedelta = 91 * DAY, **changes: Any) -> int:
    order_id = stored(
        sessions, an_order(**{"status": Status.DONE, "due_at": None, "step": STEPS[-1], **changes})
    )
    last_changed(sessions, order_id, NOW - age)
    return order_id


def last_changed(sessions: Sessions, order_id: int, at: datetime) -> None:
    with sessions() as session, session.begin():
        session.execute(update(Order).where(Order.id == order_id).values(updated_at=at))


def tried(sessions: Sessions, order_id: int, *ends: str | None, step: str = STEPS[0]) -> None:
    """Attempts that ended so; what follows a colon is the sentence."""
    with sessions() as session, session.begin():
        for end in ends:
            outcome, _, detail = (end or "").partition(":")
            session.add(
                Attempt(
                    **{"order_id": order_id, "step": step, "task_id": "t", "worker": "w"},
                    **{"started_at": NOW, "ended_at": NOW if end else None},
                    **{"outcome": outcome or None, "detail": detail or None},
                )
            )
            session.flush()


def left(sessions: Sessions, order_id: int) -> list[str]:
    with sessions() as session:
        return [
            f"{attempt.outcome}:{attempt.detail}" if attempt.detail else str(attempt.outcome)
            for attempt in session.scalars(
                select(Attempt).where(Attempt.order_id == order_id).order_by(Attempt.id)
            )
        ]


def test_attempts_that_say_nothing_new_go_and_the_others_stay(sessions: Sessions) -> None:
    order_id = ended(sessions)
    tried(
        sessions,
        order_id,
        *("wait:a", "hold:b", "wait:a", None, "hold:b", "superseded", "hold:c", "wait:a"),
        *("superseded", None, "handed back", "wait:a", "done"),
    )
    tried(sessions, order_id, "wait:a", "wait:a", "wait:a", step=STEPS[1])
    tried(sessions, order_id, "done", "done", "done", step=STEPS[2])
    kept = [
        *("wait:a", "hold:b", "None", "superseded", "hold:c", "superseded", "None"),
        *("handed back", "done", "wait:a", "wait:a", "done", "done", "done"),
    ]
    assert counted(sessions) == {"attempts": 5}
    assert thinned(sessions) == {"attempts": 5}
    assert left(sessions, order_id) == kept
    assert counted(sessions) == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"status": Status.HELD, "hold_code": "currency", "due_at": NOW},
        {"status": Status.WAITING, "due_at": NOW},
        {"age": 90 * DAY},
    ],
    ids=["held", "waits", "changed since"],
)
def test_attempts_of_an_order_that_goes_on_or_changed_lately_stay(
    sessions: Sessions, changes: dict[str, Any]
) -> None:
    order_id = ended(sessions, **changes)
    tried(sessions, order_id, *["wait:a"] * 5)
    assert thinned(sessions) == {}


def test_an_order_that_went_on_later_has_its_turn_again(sessions: Sessions) -> None:
    order_id = ended(sessions)
    assert thinned(sessions) == {}
    tried(sessions, order_id, *["wait:a"] * 5)
    last_changed(sessions, order_id, NOW)
    assert thinned(sessions, NOW + 89 * DAY) == {}
    assert thinned(sessions, NOW + 91 * DAY) == {"attempts": 3}


def test_effects_and_notes_are_never_deleted(sessions: Sessions) -> None:
    order_id = ended(sessions, age=4000 * DAY)
    long_ago = NOW - 4000 * DAY
    with sessions() as session, session.begin():
        written = {"kind": "order", "state": "done", "intended_at": long_ago, "ended_at": long_ago}
        session.add(Effect(order_id=order_id, key="k", **written))
        session.add(Note(order_id=order_id, at=long_ago, author="anna", text="called"))
    assert thinned(sessions) == {}
    assert (number_of(sessions, Effect), number_of(sessions, Note)) == (1, 1)
    assert loaded(sessions, order_id).status == Status.DONE


# Many rows.


def fill(sessions: Sessions, statement: str, **values: Any) -> None:
    with sessions() as session, session.begin():
        # Foreign keys are not looked at: the rows are right, and a million of looks take long.
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text(statement), values)


MANY = (
    "INSERT INTO incidents (key, text, opened_at, last_seen_at, ended_at)"
    " SELECT 'k', 'It is so.', :then, :then, CASE WHEN n <= :old THEN :then ELSE :now END"
    " FROM generate_series(1, :rows) n",
    "INSERT INTO bulk_acts (token, author, act, chosen, why, orders, asked_at, due_at, ended_at)"
    " SELECT 'x' || n, 'anna', 'release', '', '', 1, :now, :now, :now FROM"
    " generate_series(1, 1000) n",
    "INSERT INTO bulk_act_orders (act_id, turn, order_id, state)"
    " SELECT CASE WHEN n <= :old THEN :act ELSE :young + n % 1000 END, n + 9, n, 'done'"
    " FROM generate_series(1, :rows) n",
    "INSERT INTO reconciliations (account, author, state, after_at, before_at, due_at,"
    " created_at, ended_at)"
    " SELECT 'na', 'anna', 'done', :then, :then, :then, :then,"
    " CASE WHEN n <= :old THEN :then ELSE :now END FROM generate_series(1, :rows) n",
    "INSERT INTO differences (account, external_id, kind, detail, treatment,"
    " reconciliation_id, found_at, ended_at)"
    " SELECT 'eu', n::text, 'total', '', '', :run + n, :then,"
    " CASE WHEN n <= :old THEN :then ELSE :now END FROM generate_series(1, :rows) n",
    "INSERT INTO seen_notifications (notification_id, seen_at)"
    " SELECT n::text, CASE WHEN n <= :old THEN :then ELSE :now END"
    " FROM generate_series(1, :rows) n",
    "INSERT INTO webhook_deliveries (endpoint_id, event_id, type, data, ended_at)"
    " SELECT 1, n::text, 'order.held', '{}', CASE WHEN n <= :old THEN :then ELSE :now END"
    " FROM generate_series(1, :rows) n",
    "INSERT INTO api_answers (token_id, key, digest, at)"
    " SELECT 1, n::text, '', CASE WHEN n <= :old THEN :then ELSE :now END"
    " FROM generate_series(1, :rows) n",
    "INSERT INTO api_tokens (name, prefix, digest, scopes, created_at, created_by, expires_at)"
    " SELECT n::text, n::text, '', '{}', :then, 'anna',"
    " CASE WHEN n <= :old THEN :then ELSE :now END FROM generate_series(1, least(:rows, 200)) n",
    "INSERT INTO to_fetch (account, external_id, lane, asked_at, due_at)"
    " SELECT 'eu', n::text, 'new', CASE WHEN n <= :old THEN :then ELSE :now END, :now"
    " FROM generate_series(1, :rows) n",
    "INSERT INTO reports (account, report_type, state, marketplace_ids, since_at, until_at,"
    " created_at, state_since, due_at, ended_at) SELECT 'eu', 'returns', 'ended', '{}', :now, :now,"
    " :now, :now, :now, CASE WHEN n <= :old THEN CAST(:then AS timestamptz) ELSE :now END"
    " FROM generate_series(1, :rows) n",
    "INSERT INTO feeds (account, kind, state, marketplace_ids, due_at, created_at, ended_at)"
    " SELECT 'eu', 'confirmations', 'ended', '{}', :then, :then,"
    " CASE WHEN n <= :old THEN :then ELSE :now END FROM generate_series(1, :rows) n",
    "INSERT INTO feed_messages (feed_id, message_id, order_id, body)"
    " SELECT id, 1, 1, '{}' FROM feeds",
    "INSERT INTO alert_deliveries (incident_id, event, channel, due_at)"
    " SELECT id, 'opened', 'mail', :then FROM incidents",
)
ORDERS = (
    "INSERT INTO orders (account, external_id, marketplace_id, fulfilled_by, step,"
    " status, tries, unfinished, news, version, remote_status, remote_updated_at, updated_at)"
    " SELECT 'eu', n::text, 'A', 'FBM', 'sync_tracking', 'done', 0, 0, 0, 1,"
    " 'SHIPPED', :then, CASE WHEN n <= :old THEN :then ELSE :now END"
    " FROM generate_series(1, :rows) n"
)
ATTEMPTS = (
    "INSERT INTO attempts (order_id, step, task_id, worker, started_at, ended_at, outcome)"
    " SELECT id, 'x', 't', 'w', :now, :now, 'wait' FROM orders, generate_series(1, :each)"
)


def filled(sessions: Sessions, rows: int, old: int) -> None:
    """So many rows of each kind but attempts, `old` of each long ended."""
    values = {
        "act": an_act(sessions, NOW - 400 * DAY),
        "young": an_act(sessions, NOW),
        "run": a_run(sessions, NOW),
        **{"then": NOW - 400 * DAY, "now": NOW, "rows": rows, "old": old},
    }
    for statement in MANY:
        used = {name: value for name, value in values.items() if f":{name}" in statement}
        fill(sessions, statement, **used)


@pytest.fixture
def sent(sessions: Sessions) -> Iterator[list[tuple[str, Any, int]]]:
    """Every DELETE that is sent, and the search for orders, with what, and of how many rows."""
    found: list[tuple[str, Any, int]] = []

    def keep(_: object, cursor: Any, statement: str, parameters: Any, *___: object) -> None:
        if ("DELETE" in statement or "FETCH" in statement) and "EXPLAIN" not in statement:
            found.append((statement, parameters, cursor.rowcount))

    with sessions() as session:
        engine = session.get_bind()
    event.listen(engine, "after_cursor_execute", keep)
    yield found
    event.remove(engine, "after_cursor_execute", keep)


def test_batches_are_bounded_and_a_run_too(
    sessions: Sessions, sent: list[tuple[str, Any, int]]
) -> None:
    old = 2 * BATCH + 500
    filled(sessions, old, old)
    gone = thinned(sessions, batches=1)
    assert {*gone.values()} == {BATCH}
    # What has parts left goes with a later run.
    assert "incidents" not in gone
    assert max(rows for _, _, rows in sent) == BATCH
    while thinned(sessions, batches=1):
        pass
    assert max(rows for _, _, rows in sent) == BATCH
    assert [number_of(sessions, table) for table in (Incident, AlertDelivery, FeedMessage)] == [
        *(0, 0, 0)
    ]
    assert number_of(sessions, ToFetch) == number_of(sessions, Feed) == 0


def test_attempts_are_thinned_batch_by_batch_however_many_an_order_has(
    sessions: Sessions, sent: list[tuple[str, Any, int]]
) -> None:
    many, few = ended(sessions, 200 * DAY), ended(sessions, 150 * DAY)
    each = "INSERT INTO attempts (order_id, step, task_id, worker, started_at, ended_at, outcome)"
    for order_id, count in ((many, 2 * BATCH + 12), (few, 5)):
        of_it = f" SELECT {order_id}, 'x', 't', 'w', :at, :at, 'wait'"
        fill(sessions, f"{each}{of_it} FROM generate_series(1, {count})", at=NOW)
    assert thinned(sessions, batches=1) == {"attempts": BATCH}
    assert thinned(sessions) == {"attempts": BATCH + 10 + 3}
    assert max(rows for _, _, rows in sent) == BATCH
    assert (len(left(sessions, many)), len(left(sessions, few))) == (2, 2)


def test_orders_that_changed_in_one_moment_are_none_of_them_left_out(sessions: Sessions) -> None:
    orders = ORDERS_AT_ONCE * 2 + 7
    then = NOW - 100 * DAY
    fill(sessions, ORDERS, then=then, now=then, rows=orders, old=orders)
    fill(sessions, ATTEMPTS, now=NOW, each=3)
    assert thinned(sessions) == {"attempts": orders}


def scanned(plan: dict[str, Any]) -> Iterator[str]:
    """The tables that are read from one end to the other."""
    if plan["Node Type"] == "Seq Scan":
        yield plan["Relation Name"]
    for part in plan.get("Plans", []):
        yield from scanned(part)


def test_no_statement_goes_through_a_large_table(
    sessions: Sessions, sent: list[tuple[str, Any, int]]
) -> None:
    filled(sessions, 40_000, 20)
    a_sign_in(sessions, NOW - 400 * DAY)
    fill(sessions, ORDERS, then=NOW - 400 * DAY, now=NOW, rows=20_000, old=20)
    fill(sessions, ATTEMPTS, now=NOW, each=15)
    with sessions() as session, session.begin():
        session.execute(text("ANALYZE"))
    assert len(thinned(sessions)) == len(OF_EACH) + 1
    small = {"api_tokens", "backfills", "shipments", "bulk_acts", "cursors"}
    small |= {"sign_ins", "provider_sign_ins"}  # those of a day
    read: dict[str, set[str]] = {}
    with sessions() as session:
        for statement, parameters, _ in list(sent):
            explain = f"EXPLAIN (FORMAT JSON) {statement}"
            [answer] = session.connection().exec_driver_sql(explain, parameters).scalar_one()
            read[statement] = {*scanned(answer["Plan"])} - small
    assert len(read) == len(OF_EACH) + 2
    assert {name: tables for name, tables in read.items() if tables} == {}


def test_what_is_in_other_hands_is_left_to_the_next_run(sessions: Sessions) -> None:
    order_id = ended(sessions)
    tried(sessions, order_id, *["wait:a"] * 5)
    assert thinned(sessions, NOW - 4000 * DAY) == {}
    add(sessions, SeenNotification(notification_id="n", seen_at=NOW - 400 * DAY))
    with sessions() as session, session.begin():
        session.get_one(Watermark, "thinned attempts", with_for_update=True)
        session.get_one(SeenNotification, "n", with_for_update=True)
        assert thinned(sessions) == {}
    assert thinned(sessions) == {"attempts": 3, "seen notifications": 1}
