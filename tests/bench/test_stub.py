"""The bench's stub answers as the stand-ins do: every field that they send, it sends too."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from flask import Flask, Response, request

from bench.played import Player
from bench.stub.amazon import FBA, SKU
from bench.stub.http import Request
from bench.stub.remotes import Remotes
from sandbox.amazon.app import create_app as create_amazon
from sandbox.amazon.builders import a_line, an_order
from sandbox.amazon.state import Options, open_store, save_order
from sandbox.core import Store, make
from sandbox.magento.app import create_app as create_magento
from sandbox.magento.schema import SCHEMA
from tasks.engine.runtime import build
from tests.builders import ACCOUNT, SHOP, settings
from tests.magento.standing_in import TOKEN, StandIn
from tests.tasks.conftest import close


@dataclass(frozen=True)
class Exchange:
    """A call to a stand-in and its reply."""

    request: Request
    status: int
    reply: Any


@contextmanager
def _served(app: Flask, noted: list[Exchange]) -> Iterator[str]:
    @app.after_request
    def note(response: Response) -> Response:
        if not request.path.startswith(("/_control", "/auth")):
            call = Request(
                request.method,
                request.path,
                request.query_string.decode(),
                request.get_data(),
            )
            noted.append(Exchange(call, response.status_code, response.get_json(silent=True)))
        return response

    server = make(app, 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def exchanges(
    folder: Path, database_url: str, redis_url: str, *, is_fba: bool
) -> tuple[str, list[Exchange]]:
    """An order played against the stand-ins: its number, and every call about it."""
    noted: list[Exchange] = []
    with ExitStack() as stack:
        amazon = open_store(folder / "amazon.sqlite")
        magento = Store(folder / "magento.sqlite", SCHEMA)
        stack.callback(amazon.close)
        stack.callback(magento.close)
        options = Options(search_delay_s=0)
        amazon_url = stack.enter_context(_served(create_amazon(amazon, options), noted))
        shop = StandIn(stack.enter_context(_served(create_magento(magento), noted)))
        shop.tell("products", sku=SKU, qty=100)
        number = Remotes().amazon.place(1, is_fba=is_fba)[0]

        def tell(what: str, **_: Any) -> Any:
            if what == "place":
                order = an_order(
                    number,
                    lines=[a_line(SKU, tax="1.90")],
                    fulfilled_by="AMAZON" if is_fba else "MERCHANT",
                    status="SHIPPED" if is_fba else "UNSHIPPED",
                    created_at=datetime.now(UTC),
                )
                with amazon.transaction() as database:
                    save_order(database, "main", order)
                return [number]
            if what == "ship":
                track = {"carrier_code": "ups", "title": "UPS", "track_number": "1Z0000001"}
                return shop.tell("ship", entity_id=1, tracks=[track])
            return {}

        loaded = settings(
            database_url=database_url,
            redis_url=redis_url,
            account={
                **{"base_url": amazon_url, "token_url": amazon_url},
                **{"client_id": "sandbox-client", "client_secret": "sandbox-secret"},
                "refresh_token": "Atzr|sandbox-main",
                "start_from": datetime(2020, 1, 1, tzinfo=UTC),
            },
            shop={"base_url": shop.url, "access_token": TOKEN},
        )
        parts = build(loaded)
        stack.callback(close, parts)
        app = stack.enter_context(Celery("stub", broker=redis_url, set_as_current=False))
        Player(app, parts, ACCOUNT, SHOP, tell).play(is_fba=is_fba)
    return number, noted


def missing(theirs: Any, ours: Any, place: str = "") -> Iterator[str]:
    """The fields of a stand-in's reply that the stub's lacks."""
    if isinstance(theirs, dict):
        if not isinstance(ours, dict):
            yield place
            return
        for name, value in theirs.items():
            if name not in ours:
                yield f"{place}.{name}"
            else:
                yield from missing(value, ours[name], f"{place}.{name}")
    elif isinstance(theirs, list) and theirs:
        if not isinstance(ours, list) or not ours:
            yield f"{place}[]"
        else:
            yield from missing(theirs[0], ours[0], f"{place}[]")


@pytest.mark.parametrize("is_fba", [False, True], ids=["FBM", "FBA"])
def test_its_replies_have_every_field_of_the_stand_ins(
    is_fba: bool, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    number, noted = exchanges(tmp_path, database_url, redis_url, is_fba=is_fba)
    assert number.startswith(FBA) is is_fba
    stub = Remotes()
    assert stub.amazon.place(1, is_fba=is_fba) == [number]

    wrong = []
    for one in noted:
        if one.request.path.endswith("/shipments"):
            stub.shop.ship()
        answer = stub.answer(one.request)
        lacks = list(missing(one.reply, answer.json))
        if answer.status != one.status or lacks:
            wrong.append((one.request.method, one.request.path, answer.status, lacks))
    assert wrong == []
