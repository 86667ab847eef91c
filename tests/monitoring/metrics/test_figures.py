"""Each figure, from rows that a test wrote."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import redis
from prometheus_client import generate_latest

from pipeline.amazon.replies import GET_ORDER
from pipeline.amazon.tables import AccountAccess
from pipeline.base.db import Sessions
from pipeline.base.incidents import Incidents
from pipeline.base.quota import Lane, Quota
from pipeline.intake.tables import ToFetch, Watermark
from pipeline.monitoring.account_checks import cursor_name
from pipeline.monitoring.health import REJECTED_MESSAGES, note_beat
from pipeline.monitoring.metrics import families
from pipeline.monitoring.metrics.collector import Metrics
from pipeline.monitoring.metrics.recent import WINDOW
from pipeline.orders.tables import Attempt, Effect, Note, Status
from tests.builders import ACCOUNT, NOW, a_raw_order, a_shipment, an_item, an_order, stored
from tests.monitoring.metrics.scraping import failed, of, scraped

SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
HELD: dict[str, Any] = {"status": Status.HELD, "hold_code": "sku_not_found"}
CANARY = "canary-Berta-Buyer"


def add(sessions: Sessions, *rows: object) -> None:
    with sessions() as session, session.begin():
        session.add_all(rows)


def an_attempt(order_id: int, **changes: Any) -> Attempt:
    """A run of two seconds that ended now, and was done."""
    values = {"step": "ship_order", "task_id": "task", "worker": "worker", "outcome": "done"}
    times = {"started_at": NOW - 2 * SECOND, "ended_at": NOW}
    return Attempt(order_id=order_id, **{**values, **times, **changes})


def an_effect(order_id: int, key: str, **changes: Any) -> Effect:
    values = {"kind": "order", "state": "done", "intended_at": NOW - SECOND, "ended_at": NOW}
    return Effect(order_id=order_id, key=key, **{**values, **changes})


def test_live_orders_are_counted_by_step_and_state(sessions: Sessions, metrics: Metrics) -> None:
    for _ in range(2):
        stored(sessions, an_order(step="ship_order", status=Status.WAITING, due_at=NOW + MINUTE))
    stored(sessions, an_order(step="enrich_order", due_at=NOW, **HELD))
    stored(sessions, an_order(status=Status.DONE, due_at=None))
    gone = an_order(step="ship_order", status=Status.WAITING, account="gone", due_at=NOW + MINUTE)
    stored(sessions, gone)
    values = scraped(metrics)
    assert failed(values) == set()
    assert of(values, families.ORDERS) == {
        (ACCOUNT, "ship_order", "waiting"): 2,
        (ACCOUNT, "enrich_order", "held"): 1,
        ("gone", "ship_order", "waiting"): 1,
    }
    # What may come is there as 0, so that no line begins or ends in a graph.
    assert len(values["orderbridge_orders"]) == 2 * 7 * 4


def test_a_backfill_that_waits_is_due_in_a_lane_of_its_own(
    sessions: Sessions, metrics: Metrics
) -> None:
    stored(sessions, an_order(due_at=NOW - 2 * MINUTE))
    stored(sessions, an_order(due_at=NOW - 3 * MINUTE, step="ship_order", status=Status.WAITING))
    stored(sessions, an_order(due_at=NOW - DAY, lane=Lane.BACKFILL))
    placed = an_order(due_at=NOW - MINUTE, lane=Lane.BACKFILL, magento_order_id=7)
    stored(sessions, placed)
    stored(sessions, an_order(due_at=NOW + MINUTE))
    values = scraped(metrics)
    assert of(values, families.ORDERS_DUE) == {(ACCOUNT, "new"): 3, (ACCOUNT, "backfill"): 1}
    assert of(values, families.OLDEST_DUE_AGE) == {
        (ACCOUNT, "new"): 180,
        (ACCOUNT, "backfill"): 86400,
    }


def test_packages_and_orders_that_have_to_ship(sessions: Sessions, metrics: Metrics) -> None:
    hour = timedelta(hours=1)
    queued = [a_shipment(number, items={}) for number in (71, 72)]
    stored(sessions, an_order(shipments=queued, ship_by_at=NOW - hour))
    refused = [a_shipment(73, items={}, confirmation="refused")]
    stored(sessions, an_order(shipments=refused, ship_by_at=NOW + 5 * hour))
    stored(sessions, an_order(ship_by_at=NOW + 4 * hour))
    stored(sessions, an_order(ship_by_at=NOW + 7 * hour))
    values = scraped(metrics)
    assert of(values, families.PACKAGES) == {(ACCOUNT, "queued"): 2, (ACCOUNT, "refused"): 1}
    assert values["orderbridge_orders_ship_by"] == {("passed",): 1, ("soon",): 2}


def test_an_account_and_its_watermark(sessions: Sessions, metrics: Metrics) -> None:
    assert scraped(metrics)["orderbridge_watermark_lag_seconds"] == {}
    add(
        sessions,
        Watermark(name=cursor_name(ACCOUNT), position=NOW - DAY, read_at=NOW - 4 * MINUTE),
        ToFetch(account=ACCOUNT, external_id="1", lane="new", due_at=NOW, asked_at=NOW),
        AccountAccess(
            account=ACCOUNT, refused_since=NOW, stopped_at=NOW, probe_at=NOW, reason="refused"
        ),
    )
    Incidents(sessions).open("stock:main:MUG-1", "text", NOW)
    Incidents(sessions).open("stock:main:MUG-2", "text", NOW)
    Incidents(sessions).open("account:eu", "text", NOW)
    Incidents(sessions).open("feeds:eu", "text", NOW)
    Incidents(sessions).close("feeds:eu", NOW)
    values = scraped(metrics)
    assert values["orderbridge_watermark_lag_seconds"] == {(ACCOUNT,): 240}
    assert values["orderbridge_orders_to_fetch"] == {(ACCOUNT,): 1}
    assert of(values, families.ACCOUNT_STATE) == {(ACCOUNT, "stopped"): 1}
    assert values["orderbridge_incidents"] == {("stock",): 2, ("account",): 1}


def test_the_runs_of_the_window_and_how_long_they_took(
    sessions: Sessions, metrics: Metrics
) -> None:
    order_id = stored(sessions, an_order(updated_at=NOW))
    add(
        sessions,
        *(an_attempt(order_id, started_at=NOW - taken * SECOND) for taken in range(1, 20)),
        an_attempt(order_id, outcome="wait", started_at=NOW - 20 * SECOND),
        an_attempt(order_id, step="create_order", outcome="hold", ended_at=NOW - WINDOW),
        an_attempt(order_id, ended_at=NOW - WINDOW - SECOND),
    )
    unchanged = stored(sessions, an_order(updated_at=NOW - WINDOW - SECOND))
    add(sessions, an_attempt(unchanged, step="verify_order"))
    values = scraped(metrics)
    assert values["orderbridge_recent_attempts"] == {
        ("verify_order", "done"): 1,
        ("ship_order", "done"): 19,
        ("ship_order", "wait"): 1,
        ("create_order", "hold"): 1,
    }
    assert values["orderbridge_recent_step_median_seconds"][("ship_order",)] == 10.5
    assert values["orderbridge_recent_step_p95_seconds"][("ship_order",)] == 19.05
    assert values["orderbridge_recent_window_seconds"] == {(): 900}


def test_a_run_whose_worker_died_is_lost_and_one_that_runs_is_not(
    sessions: Sessions, metrics: Metrics
) -> None:
    unended = {"ended_at": None, "outcome": None}
    running = stored(sessions, an_order(status=Status.RUNNING, updated_at=NOW))
    add(sessions, an_attempt(running, **unended))
    add(sessions, an_attempt(running, **unended))
    waiting = stored(sessions, an_order(status=Status.WAITING, updated_at=NOW))
    add(sessions, an_attempt(waiting, step="verify_order", **unended))
    values = scraped(metrics)
    assert values["orderbridge_recent_attempts"] == {
        ("ship_order", "lost"): 1,
        ("verify_order", "lost"): 1,
    }
    assert values["orderbridge_recent_step_p95_seconds"] == {}


def test_writes_of_the_window_and_those_not_known_to_be_done(
    sessions: Sessions, metrics: Metrics
) -> None:
    done = stored(sessions, an_order(status=Status.DONE, due_at=None, updated_at=NOW))
    long_ago = {"intended_at": NOW - DAY, "ended_at": NOW - DAY}
    add(
        sessions,
        an_effect(done, "a"),
        an_effect(done, "b", kind="invoice"),
        an_effect(done, "c", **long_ago),
        # What has ended needs nobody.
        an_effect(done, "d", state="refused", **long_ago),
    )
    failed_last = an_order(status=Status.WAITING, tries=3, updated_at=NOW - DAY)
    held = an_order(due_at=NOW, updated_at=NOW - DAY, **HELD)
    add(sessions, an_effect(stored(sessions, failed_last), "e", state="unknown", **long_ago))
    add(sessions, an_effect(stored(sessions, held), "f", state="refused", **long_ago))
    values = scraped(metrics)
    assert values["orderbridge_recent_effects"] == {("order", "done"): 1, ("invoice", "done"): 1}
    assert values["orderbridge_unsettled_effects"] == {
        ("intended",): 0,
        ("unknown",): 1,
        ("refused",): 1,
    }


def test_the_age_of_personal_data_is_that_of_the_first_order_that_may_be_purged(
    sessions: Sessions, metrics: Metrics
) -> None:
    age = "orderbridge_personal_data_oldest_age_seconds"
    stored(sessions, an_order(status=Status.WAITING, deliver_by_at=NOW - 90 * DAY))
    for delivered_at, purged_at in (
        (NOW + DAY, None),
        (NOW - 60 * DAY, NOW),
    ):
        ended: dict[str, Any] = {
            "status": Status.DONE,
            "due_at": None,
            "deliver_by_at": delivered_at,
        }
        stored(sessions, an_order(purged_at=purged_at, **ended))
    assert scraped(metrics)[age] == {(): 0}
    for days in (3, 29, 8):
        stored(sessions, an_order(status=Status.DONE, due_at=None, deliver_by_at=NOW - days * DAY))
    assert scraped(metrics)[age] == {(): 29 * 86400}


def test_what_the_broker_tells(redis_url: str, metrics: Metrics) -> None:
    assert scraped(metrics)["orderbridge_beat_last_run_timestamp_seconds"] == {(): 0}
    with redis.Redis.from_url(redis_url) as broker:
        note_beat(broker, NOW)
        broker.rpush("orderbridge:magento", "a", "b")
        broker.set(REJECTED_MESSAGES, 3)
        for _ in range(3):
            Quota(broker, ACCOUNT).take(GET_ORDER.plan, Lane.NEW)
    values = scraped(metrics)
    assert values["orderbridge_beat_last_run_timestamp_seconds"] == {(): NOW.timestamp()}
    assert of(values, families.QUEUE) == {("magento",): 2}
    assert values["orderbridge_rejected_messages"] == {(): 3}
    left = values["orderbridge_quota_left_calls"]
    assert left[(ACCOUNT, "searchOrders")] == 20
    assert 27 <= left[(ACCOUNT, "getOrder")] < 30


def test_nothing_of_an_order_but_its_account_step_and_state_is_told(
    sessions: Sessions, metrics: Metrics
) -> None:
    marked = an_order(
        raw=a_raw_order(),
        external_id=CANARY,
        marketplace_id=CANARY,
        remote_status=CANARY,
        hold_reason=CANARY,
        hold_facts={CANARY: CANARY},
        last_note=CANARY,
        magento_increment_id=CANARY,
        updated_at=NOW,
        items=[an_item(sku=CANARY, title=CANARY)],
        shipments=[a_shipment(carrier_title=CANARY, tracking_number=CANARY)],
        **HELD,
    )
    order_id = stored(sessions, marked)
    add(
        sessions,
        an_attempt(order_id, worker=CANARY, task_id=CANARY, code=CANARY, detail=CANARY),
        an_effect(order_id, CANARY, detail=CANARY, remote_id=CANARY, state="unknown"),
        Note(order_id=order_id, at=NOW, author=CANARY, text=CANARY),
        Watermark(name=cursor_name(ACCOUNT), position=NOW, read_at=NOW, trouble=CANARY),
    )
    Incidents(sessions).open(f"stock:main:{CANARY}", CANARY, NOW)
    text = generate_latest(metrics).decode()
    assert "canary" not in text
    assert 'orderbridge_incidents{kind="stock"} 1.0' in text
