"""The stand-in as a web application, and its command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from flask import Flask, Response, g, request
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import BaseConverter

from sandbox.core import Store, attach, serve
from sandbox.magento import (
    bulk,
    catalog,
    control,
    customers,
    directory,
    inventory,
    invoices,
    order_routes,
    refunds,
    shipments,
    warehouses,
)
from sandbox.magento.config import INVENTORY, MAINTENANCE, read_config
from sandbox.magento.errors import Crashed, Refused
from sandbox.magento.permissions import check_caller
from sandbox.magento.schema import SCHEMA
from sandbox.magento.seed import seed
from sandbox.magento.shop import STORES, MovedClock, Shop, utc_now
from sandbox.magento.web import acceptable, refusal
from sandbox.quoting import magento_refusal

_PARTS = (
    catalog,
    inventory,
    warehouses,
    customers,
    order_routes,
    invoices,
    shipments,
    refunds,
    directory,
    bulk,
    control,
)
_SLASH = "\x1f"
_FAILED = (
    "<!doctype html>\n<html><head><title>There has been an error processing your request</title>"
    "</head><body><h1>There has been an error processing your request</h1></body></html>\n"
)
_MAINTENANCE = (
    "<!doctype html>\n<html><head><title>Error 503: Service Unavailable</title></head>"
    "<body><h1>Service Temporarily Unavailable</h1></body></html>\n"
)


class _Segment(BaseConverter):
    """One path segment; an encoded slash in it stays part of it."""

    def to_python(self, value: str) -> str:
        return value.replace(_SLASH, "/")


class _Front:
    """Reads the path as Magento's router does, before the framework decodes it.

    Segments are split first and decoded once, `+` means a space, and the store view's code is
    taken out of the path.
    """

    def __init__(self, inner: Callable[..., Iterable[bytes]]) -> None:
        self._inner = inner

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        raw = str(environ.get("REQUEST_URI") or environ["PATH_INFO"]).partition("?")[0]
        environ["magento.path"] = raw
        segments = raw.split("/")
        environ["magento.store"] = 1
        named = segments[2:3] not in ([], ["V1"], ["async"])
        if segments[1:2] == ["rest"] and named:
            codes = {code: store for store, (code, _) in STORES.items()} | {"all": 0}
            environ["magento.store"] = codes.get(segments[2])
            del segments[2]
        if segments[1:2] == ["rest"]:
            decoded = (unquote_to_bytes(part.replace("+", " ")) for part in segments)
            path = b"/".join(part.replace(b"/", _SLASH.encode()) for part in decoded)
            environ["PATH_INFO"] = path.decode("latin-1")
        return self._inner(environ, start)


def create_app(
    store: Store,
    *,
    base_currency: str = "EUR",
    bearer: bool = True,
    now: Callable[[], datetime] = utc_now,
) -> Flask:
    """A shop on `store` (made with `SCHEMA`), seeded when it is empty.

    `bearer` says whether an integration's access token alone is enough, as in shops that switched
    that on; OAuth 1.0a always is.
    """
    shop = Shop(store, MovedClock(store, now), base_currency, bearer)
    app = Flask("sandbox.magento")
    app.url_map.converters["segment"] = _Segment
    app.url_map.strict_slashes = False
    app.wsgi_app = _Front(app.wsgi_app)  # type: ignore[assignment,method-assign]
    with store.transaction() as db:
        seed(db, shop.stamp())
    attach(app, store, magento_refusal)
    _guard(app, shop)
    for part in _PARTS:
        part.register(app, shop)
    return app


def _guard(app: Flask, shop: Shop) -> None:
    """Maintenance mode, store codes, authentication and error answers."""

    @app.before_request
    def check() -> Response | None:
        if request.path.startswith("/_control"):
            return None
        g.store_id = request.environ["magento.store"]
        g.origin = f"{request.scheme}://{request.host}"
        with shop.store.transaction() as db:
            g.config = read_config(db, bearer=shop.bearer)
        if g.config[MAINTENANCE]:
            return Response(_MAINTENANCE, 503, content_type="text/html; charset=UTF-8")
        if not acceptable():
            return Response(_FAILED, 500, content_type="text/html; charset=UTF-8")
        if g.store_id is None:
            raise Refused(400, "Specified request cannot be processed.")
        if request.path.startswith("/rest/V1/inventory") and not g.config[INVENTORY]:
            raise NotFound
        check_caller(shop)
        return None

    @app.errorhandler(Refused)
    def refused(error: Refused) -> Response:
        return refusal(error)

    @app.errorhandler(Crashed)
    def crashed(error: Crashed) -> Response:
        text = "An error has happened during application run. See exception log for details.\n"
        return Response(text, 500, content_type="text/plain;charset=UTF-8")

    @app.errorhandler(NotFound)
    @app.errorhandler(MethodNotAllowed)
    def no_route(error: Exception) -> Response:
        return refusal(Refused(404, "Request does not match any route."))


def main(argv: list[str]) -> None:
    """Serve the stand-in until SIGTERM; everything it answered for is in the data file."""
    parser = argparse.ArgumentParser(prog="python -m sandbox magento")
    parser.add_argument("--port", type=int, required=True, help="on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--data", type=Path, required=True, help="SQLite file, made when missing")
    parser.add_argument("--base-currency", default="EUR")
    parser.add_argument("--bearer", choices=("on", "off"), default="on")
    args = parser.parse_args(argv)
    store = Store(args.data, SCHEMA)
    app = create_app(store, base_currency=args.base_currency, bearer=args.bearer == "on")
    serve(app, store, args.port)
