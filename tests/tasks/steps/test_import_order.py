"""Step 1: what is known of an order from its first report on."""

from __future__ import annotations

from pipeline.orders.outcome import Done
from tests.builders import NOW, a_raw_item, a_raw_order, a_report, an_order
from tests.tasks.as_run import import_order
from tests.tasks.fakes import clients


def test_a_pending_order_shows_its_lines_before_there_is_a_price() -> None:
    product = {"asin": "B1", "title": "Mug, blue", "sellerSku": "MUG-BLUE"}
    item = a_raw_item(product=product, proceeds=None)
    raw = a_raw_order(
        status="PENDING", orderItems=[item], buyer=None, recipient=None, proceeds=None
    )
    order = an_order(raw=raw)
    assert import_order(order, clients()) == Done()
    (line,) = order.items
    assert (line.external_item_id, line.sku, line.quantity) == ("I1", "MUG-BLUE", 2)
    assert (line.line_total, order.grand_total, order.currency) == (None, None, None)
    assert order.ship_by_at is not None
    assert order.ship_by_at > NOW


def test_a_second_report_changes_lines_and_adds_none() -> None:
    order = an_order(raw=a_raw_order())
    import_order(order, clients())
    order.report = a_report(
        a_raw_order(order.external_id, orderItems=[a_raw_item(quantityOrdered=3)])
    )
    assert import_order(order, clients()) == Done()
    assert [(line.external_item_id, line.quantity) for line in order.items] == [("I1", 3)]
