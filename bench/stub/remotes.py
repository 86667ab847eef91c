"""Which call goes where, and the control route by which the bench plays buyer and warehouse."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from bench.stub import magento
from bench.stub.amazon import Amazon
from bench.stub.http import Answer, Request
from bench.stub.magento import Magento

_RATES = "x-amzn-RateLimit-Limit: 10000.0\r\nx-amzn-RequestId: 1-2-3\r\n"
_SHOP = r"/rest/(?:[a-z_]+/)?V1"
Handler = Callable[[Request, str], Any]


class Remotes:
    """Amazon, the shop and the control route on a single port."""

    def __init__(self, delay_s: float = 0.0) -> None:
        self._delay_s = delay_s
        self.amazon, self.shop = Amazon(), Magento()
        self._calls: Counter[str] = Counter()
        self._amazon_routes = _routes(
            ("POST", r"/auth/o2/token", "token", self._token),
            ("GET", r"/orders/2026-01-01/orders", "searchOrders", self._search),
            ("GET", r"/orders/2026-01-01/orders/([^/]+)", "getOrder", self._order),
            ("POST", r"/orders/v0/orders/([^/]+)/shipmentConfirmation", "confirm", self._confirm),
        )
        shop = self.shop
        self._shop_routes = _routes(
            ("PUT", f"{_SHOP}/orders/create", "save order", lambda r, _: shop.save(r.body)),
            ("POST", rf"{_SHOP}/orders/(\d+)/cancel", "cancel", lambda _, i: shop.cancel(int(i))),
            ("POST", rf"{_SHOP}/order/(\d+)/invoice", "invoice", lambda _, i: shop.invoice(int(i))),
            (
                *("POST", rf"{_SHOP}/orders/(\d+)/comments", "comment"),
                lambda r, i: shop.comment(int(i), r.body),
            ),
            (
                *("GET", rf"{_SHOP}/orders/(\d+)/comments", "read comments"),
                lambda _, i: shop.comments(int(i)),
            ),
            (
                *("GET", rf"{_SHOP}/orders/(\d+)", "read order"),
                lambda r, i: shop.order(int(i), r.query),
            ),
            ("GET", f"{_SHOP}/orders", "search orders", lambda r, _: shop.orders(r.query)),
            ("GET", f"{_SHOP}/shipments", "search shipments", lambda r, _: shop.shipments(r.query)),
            ("GET", f"{_SHOP}/products", "products", lambda r, _: magento.products(r.query)),
            (
                *("GET", f"{_SHOP}/inventory/are-product-salable-for-requested-qty/?", "salable"),
                lambda r, _: magento.salable(r.query),
            ),
            ("GET", f"{_SHOP}/store/storeConfigs", "stores", lambda *_: magento.STORES),
            ("GET", f"{_SHOP}/store/websites", "websites", lambda *_: magento.WEBSITES),
            (
                *("GET", f"{_SHOP}/inventory/stock-resolver/website/[a-z]+", "stock"),
                lambda *_: magento.STOCK,
            ),
            ("GET", f"{_SHOP}/directory/countries/DE", "country", lambda *_: magento.GERMANY),
        )

    def answer(self, request: Request) -> Answer:
        """The reply to a request; 404 for a call that the stub does not know."""
        if request.path.startswith("/_control/"):
            return Answer(_json(self._control(request)))
        for routes, headers in ((self._shop_routes, ""), (self._amazon_routes, _RATES)):
            for method, pattern, name, handler in routes:
                if method == request.method and (match := pattern.fullmatch(request.path)):
                    self._calls[name] += 1
                    told = handler(request, match.group(1) if pattern.groups else "")
                    status, body = (204, b"") if told is None else (200, _json(told))
                    return Answer(body, status, headers, self._delay_s)
        self._calls[f"unknown: {request.method} {request.path}"] += 1
        return Answer(b'{"message": "the stub does not know this call"}', 404)

    def _token(self, _: Request, __: str) -> dict[str, Any]:
        return {
            "access_token": "Atza|bench",
            "expires_in": 3600,
            "refresh_token": "Atzr|bench",
            "token_type": "bearer",
        }

    def _search(self, _: Request, __: str) -> dict[str, Any]:
        return self.amazon.search()

    def _order(self, _: Request, number: str) -> dict[str, Any]:
        return {"order": self.amazon.order(number)}

    def _confirm(self, _: Request, number: str) -> None:
        self.amazon.confirmed.add(number)

    def _control(self, request: Request) -> Any:
        told = json.loads(request.body or b"{}")
        match request.path.removeprefix("/_control/"):
            case "place":
                return self.amazon.place(**told)
            case "ship":
                return self.shop.ship()
            case "delay":
                self._delay_s = told["ms"] / 1000
                return self._delay_s
            case "calls":
                calls, self._calls = dict(self._calls), Counter()
                return calls
            case "totals":
                return {
                    "orders": self.shop.placed,
                    "invoices": self.shop.invoices,
                    "comments": self.shop.commented,
                    "confirmed": len(self.amazon.confirmed),
                }
            case "health":
                return True
            case other:
                raise ValueError(other)


def _routes(
    *rows: tuple[str, str, str, Handler],
) -> list[tuple[str, re.Pattern[str], str, Handler]]:
    return [(method, re.compile(path), name, handler) for method, path, name, handler in rows]


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
