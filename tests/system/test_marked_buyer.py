"""A marked buyer goes through everything, and is then searched for in all that was written."""

from __future__ import annotations

import base64
import binascii
import re
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import redis
import requests
from psycopg import sql

from devstack.stack import wait_for
from pipeline.base import db
from pipeline.base.vault import Vault
from pipeline.clients import parse_report
from pipeline.operations.acts.address import Corrections
from sandbox.amazon.builders import a_line, an_order
from tests.builders import signed
from tests.system.remotes import SKU, Remotes
from tests.system.rig import FRANCE, TIME_LIMIT_S, Rig
from tests.tables import METADATA

pytestmark = pytest.mark.timeout(TIME_LIMIT_S)

SMOOTH, ROUGH = "305-0000001-0000001", "305-0000002-0000002"
CORRECTED = "305-0000003-0000003"
MARK = "zqcanary"
ADDRESS = {
    "addressLine1": f"12 rue {MARK}street",
    "addressLine2": f"chez {MARK}lines",
    "companyName": f"{MARK}company SARL",
    "city": f"{MARK}ville",
    "postalCode": "75001",
    "countryCode": "FR",
    "phone": "+33 1 9988776655",
}
MARKS = (MARK, "9988776655")
LOGIN = ("operator", "password-of-this-test")
ENCODED = re.compile(rb"[A-Za-z0-9+/]{16,}={0,2}")


def marked(number: str) -> dict[str, Any]:
    order = an_order(
        number,
        marketplace=FRANCE,
        email=f"{MARK}.{number[-1]}@marketplace.example",
        name=f"{MARK}name Dupont",
        address=ADDRESS,
        lines=[a_line(SKU, 2, gift_wrap="3.00", tax="3.80", gift_message=f"for {MARK}gift")],
    )
    order["buyer"]["buyerCompanyName"] = f"{MARK}buyercompany"
    return order


def found_in(content: bytes) -> list[str]:
    """The marks in some bytes, in clear or in base64."""
    texts = [content.lower()]
    for chunk in ENCODED.findall(content):
        try:
            texts.append(base64.b64decode(chunk + b"=" * (-len(chunk) % 4)).lower())
        except binascii.Error:
            continue
    return [mark for mark in MARKS if any(mark.encode() in text for text in texts)]


def everything_in_redis(broker: redis.Redis) -> Iterator[tuple[str, bytes]]:
    reads: dict[bytes, Callable[[bytes], Iterable[Any]]] = {
        b"string": lambda key: [broker.get(key)],
        b"list": lambda key: broker.lrange(key, 0, -1),
        b"set": broker.smembers,
        b"zset": lambda key: broker.zrange(key, 0, -1),
        b"hash": lambda key: [part for pair in broker.hgetall(key).items() for part in pair],
    }
    for key in broker.scan_iter():
        kind = broker.type(key)
        yield "redis key", key
        for value in reads[kind](key) if kind in reads else ():
            yield f"redis {key.decode()}", value or b""


def everything_written(rig: Rig) -> Iterator[tuple[str, bytes]]:
    for log in (rig.home / "logs").iterdir():
        yield log.name, log.read_bytes()
    # The append-only file holds every message there ever was.
    for file in (rig.home / "broker").rglob("*"):
        if file.is_file():
            yield file.name, file.read_bytes()
    with rig.broker() as broker:
        yield from everything_in_redis(broker)
    with rig.database() as connection:
        for table in METADATA.tables:
            query = sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(table))
            for (row,) in connection.execute(query):
                yield table, row.encode()
        private = "SELECT sealed, wrapped_key, correction FROM order_private"
        for sealed, key, correction in connection.execute(private):
            yield "sealed", bytes(sealed)
            yield "key", bytes(key)
            if correction is not None:
                yield "correction", bytes(correction)


def test_a_buyers_data_is_nowhere_but_sealed(rig: Rig, remotes: Remotes) -> None:
    port = rig.port("flower")
    flower = f"http://127.0.0.1:{port}"
    rig.environment["FLOWER_BASIC_AUTH"] = ":".join(LOGIN)
    arguments = ("flower", "--address=127.0.0.1", f"--port={port}")
    rig.run("flower", "-m", "celery", "-A", "tasks.app", *arguments)
    try:
        wait_for(f"{flower}/static/favicon.ico")
        play(rig, remotes)
        answer = requests.get(f"{flower}/api/tasks", params={"limit": 1000}, auth=LOGIN, timeout=10)
        assert answer.status_code == 200
        seen = {task["name"] for task in answer.json().values()}
        assert {"orderbridge.create_order", "orderbridge.sync_tracking"} <= seen
        written = [("flower", answer.content), *everything_written(rig)]
    finally:
        rig.supervisor.stop("flower")
    # The search itself finds what is there.
    assert found_in(base64.b64encode(f"the buyer {MARK} of an order".encode())) == [MARK]
    names = {name for name, _ in written}
    assert {"worker-1.log", "beat.log", "flower.log", "orders", "attempts"} <= names
    assert {"sealed", "correction"} <= names
    assert [name for name, content in written if found_in(content)] == []


def play(rig: Rig, remotes: Remotes) -> None:
    """One order goes smoothly; the other meets every kind of error, and refusals that quote it."""
    template = 'Invalid value of "%value" provided for the %fieldName field.'
    value = {"fieldName": "lastname", "value": f"{MARK}name"}
    email = f'"{MARK}.2@marketplace.example" is not a valid email address, call +33 1 9988776655.'
    for route, kind, status, body in (
        ("create_customer", "status", 400, {"message": email}),
        ("create_order", "status", 400, {"message": template, "parameters": value}),
        ("create_order", "status", 500, {"message": "No %1 at all", "parameters": [MARK]}),
        ("create_order", "html", 502, None),
        ("create_order", "cut_after", 0, None),
        ("invoice", "cut_before", 0, None),
    ):
        contains = {"create_customer": f"{MARK}.2@", "create_order": ROUGH}.get(route)
        fault = {"route": route, "kind": kind, "status": status, "body": body}
        remotes.fail("magento", **fault, contains=contains)
    for number in (SMOOTH, ROUGH):
        remotes.place(marked(number))
    rig.until(lambda: rig.standing("ship_order", "waiting") == 2, "both orders in the shop")
    assert remotes.wrong([SMOOTH, ROUGH]) == {}
    codes = rig.rows("SELECT code FROM attempts WHERE outcome = 'hold' ORDER BY 1")
    assert codes == [("customer_refused",), ("order_refused",)]
    assert rig.rows("SELECT kind FROM effects WHERE adopted") == [("order",)]
    for number in (SMOOTH, ROUGH):
        remotes.ship(number, f"1Z{number[-1]}")
    rig.until(lambda: rig.standing("sync_tracking", "done") == 2, "both orders through")
    correct(rig, remotes)
    time.sleep(1)  # for the last events to reach Flower


def correct(rig: Rig, remotes: Remotes) -> None:
    """An order without a street is held until a person enters one."""
    order = marked(CORRECTED)
    del order["recipient"]["deliveryAddress"]["addressLine1"]
    del order["recipient"]["deliveryAddress"]["addressLine2"]
    remotes.place(order)
    held = "SELECT id FROM orders WHERE external_id = %s AND hold_code = 'address_unusable'"
    rig.until(lambda: len(rig.rows(held, CORRECTED)) == 1, "the order without a street")
    ((order_id,),) = rig.rows(held, CORRECTED)
    engine = db.engine_for(rig.environment["ORDERBRIDGE_DATABASE_URL"])
    vault = Vault(base64.b64decode(rig.environment["ORDERBRIDGE_MASTER_KEY"]))
    changes = {"line1": ADDRESS["addressLine1"], "line2": f"{MARK}entered"}
    by = signed(at=datetime.now(UTC))
    person = Corrections(db.sessions_for(engine), vault, parse_report, by)
    person.correct(order_id, changes)
    engine.dispose()
    rig.until(lambda: rig.standing("ship_order", "waiting") == 1, "the corrected order")
    assert remotes.wrong([CORRECTED]) == {}
