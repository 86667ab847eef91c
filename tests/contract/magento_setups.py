"""What happened in the recorded shop between the recordings: set-up that stories name."""

from __future__ import annotations

import json
from typing import Any

from sandbox.magento import config as shop_config
from sandbox.magento.order_docs import Order
from tests.contract.magento_replay import Replay, Setup

DHL = {"track_number": "00340434161234567890", "title": "DHL", "carrier_code": "dhl"}
PAID: dict[str, Any] = {
    "total_paid": 52.59,
    "base_total_paid": 52.59,
    "total_due": 0,
    "base_total_due": 0,
}
NOTHING_DUE = {"capture": True, "notify": False}


def order(
    order_id: int, item_id: int, *, like: str = "20", ids: tuple[int, int] = (1, 1), **changes: Any
) -> Setup:
    """Place an order that was not recorded: a recorded one with other ids and fields.

    `item` changes every line (None removes a field), the rest changes the order. `ids` are those
    of its first address and of its payment and comment.
    """

    def place(replay: Replay) -> None:
        entity = json.loads(json.dumps(replay.recording(like)["request"]["body"]["entity"]))
        entity |= {"increment_id": f"setup-{order_id}", "ext_order_id": f"setup-{order_id}"}
        address_id, payment_id = ids
        for item in entity["items"]:
            _change(item, changes.get("item", {}))
        _change(entity, {key: value for key, value in changes.items() if key != "item"})
        replay.count("order", order_id)
        replay.count("order item", item_id)
        replay.count("order address", address_id)
        replay.count("payment", payment_id)
        replay.count("order history", payment_id)
        replay.magento.ok("POST", "orders", {"entity": entity})

    return place


def _change(row: dict[str, Any], changes: dict[str, Any]) -> None:
    row |= changes
    for key in [key for key, value in changes.items() if value is None]:
        del row[key]


def send(method: str, path: str, body: Any = None) -> Setup:
    return lambda replay: replay.magento.ok(method, path, body) and None


def invoice(order_id: int) -> Setup:
    return send("POST", f"order/{order_id}/invoice", NOTHING_DUE)


def ship(order_id: int, **quantities: int) -> Setup:
    items = [{"order_item_id": int(key[1:]), "qty": qty} for key, qty in quantities.items()]
    return send("POST", f"order/{order_id}/ship", {"items": items, "tracks": [DHL]})


def rows(*listed: dict[str, Any], total: int, **fields: Any) -> Setup:
    """Orders that only have to be found: the listed ones, and others up to `total`."""

    def insert(replay: Replay) -> None:
        known = [fields | row for row in listed]
        known += [fields | {"entity_id": 900 + n} for n in range(total - len(listed))]
        with replay.magento.store.transaction() as db:
            for row in known:
                increment = row.get("increment_id") or f"302-2{row['entity_id']}"
                doc = vars(Order(row={"store_id": 1} | row | {"increment_id": increment}))
                db.execute(
                    "INSERT INTO orders VALUES (?, ?, ?, ?)",
                    (row["entity_id"], increment, row.get("store_id", 1), json.dumps(doc)),
                )

    return insert


def listed(name: str, total: int, **fields: Any) -> Setup:
    """The orders that a recorded search answered, and enough others."""
    return lambda replay: rows(
        *replay.recording(name)["response"]["body"]["items"], total=total, **fields
    )(replay)


def maintenance(on: bool) -> Setup:
    return lambda replay: replay.magento.control("POST", "maintenance", {"on": on}) and None


def config(**settings: Any) -> Setup:
    """Set up the shop; the names are those of `sandbox.magento.config`."""
    paths = {getattr(shop_config, name): value for name, value in settings.items()}
    return lambda replay: replay.magento.control("POST", "config", paths) and None


def consume(replay: Replay) -> None:
    """The shop's queue consumer runs."""
    replay.magento.control("POST", "consume")


def shipped(name: str, total: int) -> Setup:
    """The shipments that a recorded search answered, and enough later ones."""

    def insert(replay: Replay) -> None:
        known = replay.recording(name)["response"]["body"]["items"]
        later = {"created_at": "2026-11-22 21:13:54", "order_id": 900, "items": [], "tracks": []}
        known = known + [later | {"entity_id": 900 + n} for n in range(total - len(known))]
        with replay.magento.store.transaction() as db:
            for doc in known:
                db.execute(
                    "INSERT INTO shipments VALUES (?, ?, ?)",
                    (
                        doc["entity_id"],
                        doc["order_id"],
                        json.dumps(doc | {"tracks": doc["tracks"] or []}),
                    ),
                )

    return insert


def bulk_of_four(replay: Replay) -> None:
    """Four orders in one bulk: two new ones, a number that is taken, one without payment."""
    answered = replay.recording("82-bulk2-detailed")["response"]["body"]
    like = replay.recording("80-async-post")["request"]["body"]["entity"]
    bodies = []
    for operation in answered["operations_list"]:
        if operation["serialized_data"] is not None:
            sent = json.loads(operation["serialized_data"])["meta_information"]
            bodies.append(json.loads(sent))
            continue
        made = json.loads(operation["result_serialized_data"])
        bodies.append(
            {"entity": like | {key: made[key] for key in ("increment_id", "ext_order_id")}}
        )
    first = json.loads(answered["operations_list"][0]["result_serialized_data"])
    replay.count("order", first["entity_id"])
    replay.count("order item", first["items"][0]["item_id"])
    replay.count("order address", first["billing_address_id"])
    replay.count("payment", first["payment"]["entity_id"])
    replay.count("order history", first["status_histories"][0]["entity_id"])
    accepted = replay.magento.call("POST", "/rest/default/async/bulk/V1/orders", bodies).json()
    replay.bulks[answered["bulk_id"]] = accepted["bulk_uuid"]


def bulk_shipment(order_id: int, recorded: str) -> Setup:
    """An asynchronous shipment of everything that is open."""

    def send_it(replay: Replay) -> None:
        path = f"/rest/default/async/V1/order/{order_id}/ship"
        accepted = replay.magento.call("POST", path, {"notify": False}).json()
        theirs = replay.recording(recorded)["response"]["body"]["bulk_id"]
        replay.bulks[theirs] = accepted["bulk_uuid"]

    return send_it


def use_nonce(replay: Replay) -> None:
    """The call that uses up the nonce of the one that was recorded."""
    replay.exchange(replay.recording("75j"))


def product(sku: str, product_id: int, qty: float) -> Setup:
    def save(replay: Replay) -> None:
        replay.count("product", product_id)
        replay.magento.control("POST", "products", {"sku": sku, "qty": qty})

    return save


def configurable(replay: Replay) -> None:
    """Make AMZ-CONF the parent that it was."""
    parts = replay.recording("05-")["response"]["body"]["extension_attributes"]
    sent = {"sku": "AMZ-CONF", "extension_attributes": parts}
    replay.magento.ok("POST", "products", {"product": sent})


def no_catalogue(replay: Replay) -> None:
    with replay.magento.store.transaction() as db:
        db.execute("DELETE FROM products")
    replay.count("product", 1)
