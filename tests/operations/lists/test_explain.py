"""Why an order stands where it stands, in words and with the settings' origin."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pipeline.base.db import Sessions
from pipeline.base.tracing import trace_id
from pipeline.monitoring.reconcile.tables import Difference, Reconciliation
from pipeline.operations.acts.map_sku import SkuDecisions
from pipeline.operations.lists.explain import COUNTS, Counted, Explanation, explain
from pipeline.orders.machine import STEPS
from pipeline.orders.requested_shipment_table import RequestedShipmentRow
from pipeline.orders.tables import Effect, EffectState, Status
from pipeline.settings.marketplace import MarketplaceSettings
from pipeline.settings.overrides import SettingOverride, save
from pipeline.settings.tracing import TracingSettings
from tests.builders import (
    ACCOUNT,
    GERMANY,
    NOW,
    an_item,
    an_order,
    loaded,
    settings,
    signed,
    stored,
)

SETTINGS = settings(
    marketplace={"invoice": "leave", "tax": "none"},
    account={"marketplaces": {"DE": {"magento_store": "german"}}},
)


def told(sessions: Sessions, **changes: Any) -> Explanation:
    order_id = stored(sessions, an_order(**changes))
    return explain(sessions, SETTINGS, loaded(sessions, order_id))


def test_every_setting_of_a_marketplace_has_its_step() -> None:
    assert tuple(COUNTS) == STEPS
    named = [name for names in COUNTS.values() for name in names]
    assert sorted(named) == sorted(MarketplaceSettings.model_fields)


def test_settings_come_with_their_origin_as_far_as_the_order_has_come(sessions: Sessions) -> None:
    explanation = told(
        sessions, step="create_order", magento_order_id=900, magento_increment_id="9"
    )
    counted = {setting.name: setting for setting in explanation.settings}
    assert counted["magento_store"] == Counted(
        "magento_store", "german", "file, [accounts.eu.marketplaces.DE]"
    )
    assert counted["invoice"] == Counted("invoice", "leave", "file, [accounts.eu.settings]")
    assert counted["customers"] == Counted("customers", "guest", "default")
    assert "fba_orders" not in counted
    assert "confirm_without_tracking" not in counted
    assert explanation.row == "FBM UNSHIPPED"
    assert explanation.facts["in Magento"] == "as 9"


def test_orders_of_amazon_have_their_own_settings(sessions: Sessions) -> None:
    explanation = told(sessions, step="create_order", fulfilled_by="FBA", remote_status="SHIPPED")
    names = {setting.name for setting in explanation.settings}
    assert "fba_orders" in names
    assert "out_of_stock" not in names
    assert explanation.decided == (
        'The row "FBA SHIPPED" of the decision table applies; it goes on to Magento, or is there '
        "already."
    )


@pytest.mark.parametrize(
    ("changes", "standing", "next_look"),
    [
        (
            {"status": Status.WAITING, "step": "ship_order", "last_note": "waiting"},
            "waiting in ship_order: waiting",
            "at this time, or as soon as Amazon or the shop report something new",
        ),
        (
            {"status": Status.HELD, "hold_code": "currency", "hold_reason": "USD", "tries": 3},
            "held in import_order as currency: USD (try 3)",
            "every 900 s until the cause is gone, and as soon as Amazon or the shop report a "
            "change",
        ),
        (
            {"status": Status.HELD, "hold_code": "doubled_in_magento", "due_at": None},
            "held in import_order as doubled_in_magento: None",
            "at the next reconciliation, or as soon as Amazon or the shop report a change or a "
            "person retries it",
        ),
        (
            {"status": Status.DONE, "due_at": None},
            "done",
            "not by itself; a change of its shipments or a cancellation reopens it",
        ),
        (
            {"status": Status.CANCELLED, "due_at": None, "last_note": "cancelled on Amazon"},
            "ended as cancelled: cancelled on Amazon",
            "not by itself",
        ),
    ],
)
def test_where_it_stands_and_what_comes_next(
    sessions: Sessions, changes: dict[str, Any], standing: str, next_look: str
) -> None:
    explanation = told(sessions, **changes)
    assert (explanation.standing, explanation.next_look) == (standing, next_look)
    assert explanation.next_look_at == changes.get("due_at", NOW)


def test_writes_differences_and_what_a_person_can_do(sessions: Sessions) -> None:
    order = an_order(
        status=Status.HELD, hold_code="totals_differ", hold_reason="19 for 20", step="ship_order"
    )
    number = order.external_id
    order_id = stored(sessions, order)
    with sessions() as session, session.begin():
        run = Reconciliation(
            **{"account": ACCOUNT, "author": "anna", "state": "done"},
            **{"after_at": NOW - timedelta(days=1), "before_at": NOW},
            **{"due_at": NOW, "created_at": NOW},
        )
        session.add(run)
        session.flush()
        session.add(
            Difference(
                **{"account": ACCOUNT, "external_id": number, "kind": "different totals"},
                **{"detail": "19 for 20", "treatment": "held", "reconciliation_id": run.id},
                found_at=NOW,
            )
        )
        session.add(
            Effect(
                order_id=order_id,
                **{"key": "order:1", "kind": "order", "state": EffectState.DONE},
                **{"intended_at": NOW, "remote_id": "900"},
            )
        )
    explanation = explain(sessions, SETTINGS, loaded(sessions, order_id))
    assert explanation.writes == (("order", "done, 900"),)
    assert explanation.differences == ("different totals: 19 for 20 (held)",)
    assert [command for command, _ in explanation.possible] == [
        f"orderbridge orders release {number}",
        f"orderbridge orders dismiss {number} --why ...",
        f"orderbridge orders cancel {number} --reason ...",
        f"orderbridge replay {number} --from ship_order --dry-run",
        f"orderbridge reconcile accept {number}",
    ]
    assert GERMANY in SETTINGS.accounts[ACCOUNT].marketplaces


def a_refused_request(order_id: int) -> RequestedShipmentRow:
    return RequestedShipmentRow(
        **{"order_id": order_id, "asked_at": NOW, "author": "anna", "state": "refused"},
        **{"carrier_code": "dhl", "carrier_title": "DHL", "tracking_number": "0034"},
    )


@pytest.mark.parametrize(
    ("changes", "ending"),
    [
        ({"status": Status.WAITING}, "--carrier ... --tracking ..."),
        ({"status": Status.HELD, "hold_code": "shipment_refused"}, "--withdraw"),
        ({"status": Status.DONE}, ""),
    ],
)
def test_shipping_from_here_is_offered_where_it_can_be_done(
    sessions: Sessions, changes: dict[str, Any], ending: str
) -> None:
    item = an_item(magento_item_id=501)
    order = an_order(step="ship_order", magento_order_id=900, items=[item], **changes)
    order_id = stored(sessions, order)
    if changes["status"] == Status.HELD:
        with sessions() as session, session.begin():
            session.add(a_refused_request(order_id))
    explanation = explain(sessions, settings(), loaded(sessions, order_id))
    offered = [command for command, _ in explanation.possible if " ship " in command]
    endings = [command.split(order.external_id)[1].strip() for command in offered]
    assert endings[:1] == ([ending] if ending else [])
    # In place of a refused shipment another one may be requested at once.
    assert endings[1:] == (["--carrier ... --tracking ..."] if "hold_code" in changes else [])


@pytest.mark.parametrize(
    ("code", "count"), [("sku_not_found", 1), ("out_of_stock", 1), ("address_unusable", 0)]
)
def test_a_sku_that_holds_an_order_can_be_mapped(sessions: Sessions, code: str, count: int) -> None:
    held = {"step": "enrich_order", "status": Status.HELD, "hold_code": code}
    explanation = told(sessions, items=[an_item()], **held).possible
    command = f"orderbridge sku-map set AMAZON_SKU MAGENTO_SKU --account {ACCOUNT}"
    assert [one for one, _ in explanation].count(command) == count


def test_tells_as_what_its_lines_are_sold(sessions: Sessions) -> None:
    SkuDecisions(sessions, [ACCOUNT], "anna", NOW).sell_as(ACCOUNT, "MUG-BLUE", "CUP")
    items = [an_item(), an_item(external_item_id="I2", sku="POT")]
    assert told(sessions, items=items).facts["sold in the shop"] == "MUG-BLUE as CUP"
    assert "sold in the shop" not in told(sessions, items=[an_item(sku="POT")]).facts


def test_what_an_operator_turned_counts_and_is_named(sessions: Sessions) -> None:
    turn = SettingOverride(ACCOUNT, GERMANY, "out_of_stock", "backorder")
    save(sessions, turn, why="sold from the supplier", by=signed(at=NOW))
    counted = {setting.name: setting for setting in told(sessions, step="enrich_order").settings}
    assert counted["out_of_stock"] == Counted(
        "out_of_stock", "backorder", "overridden by anna on 2026-11-22 12:00 UTC"
    )


def test_an_orders_trace_is_named_where_tracing_is_set_up(sessions: Sessions) -> None:
    order = loaded(sessions, stored(sessions, an_order()))
    assert "trace" not in explain(sessions, SETTINGS, order).facts
    collector = TracingSettings(otlp_url="http://127.0.0.1:4318")
    traced = SETTINGS.model_copy(update={"tracing": collector})
    trace = explain(sessions, traced, order).facts["trace"]
    assert trace == trace_id(order.account, order.external_id)
