"""Traces by OpenTelemetry: one for each order, with its runs of steps and their remote calls.

The packages are an extra, imported only where tracing is set up. A span has names of ours and of
the routes, ids of ours, states and times: nothing that an order, a buyer or a remote wrote.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

EXTRA = "orderbridge[tracing]"
_SEND_WITHIN_S = 5.0
# The words of the remotes' routes: whatever else is in a path is an id, a code or a SKU.
_ROUTE_WORDS = frozenset(
    {
        *(
            "auth",
            "o2",
            "token",
            "feeds",
            "reports",
            "documents",
            *("finances", "transactions"),
            "notifications",
            "v1",
            "destinations",
        ),
        *(
            "subscriptions",
            "ORDER_CHANGE",
            "v0",
            "orders",
            "shipmentConfirmation",
            "rest",
            "V1",
            "creditmemos",
        ),
        *("customers", "search", "directory", "currency", "countries", "inventory", "source-items"),
        *("are-product-salable-for-requested-qty", "get-product-salable-quantity"),
        *("get-sources-assigned-to-stock-ordered-by-priority", "stock-resolver", "website"),
        *("stockItems", "invoices", "order", "invoice", "refund", "ship", "create", "cancel"),
        *("comments", "hold", "unhold", "products", "attribute-sets", "sets", "list", "shipments"),
        *("store", "storeConfigs", "websites"),
    }
)
_API_VERSION = re.compile(r"20\d\d-[01]\d-[0-3]\d")
_in_order: ContextVar[int | None] = ContextVar("in_order", default=None)


class NotInstalled(RuntimeError):
    """Tracing is set up and its packages are missing; the message says what to do."""


def trace_id(account: str, external_id: str) -> str:
    """The id of an order's trace, the same for all its runs: 32 hexadecimal digits."""
    digest = hashlib.sha256(f"orderbridge/{account}/{external_id}".encode())
    return digest.hexdigest()[:32]


def route(path: str) -> str:
    """The path with `{}` in place of all that is not a word of a route."""
    return "/".join(
        part if part in _ROUTE_WORDS or not part or _API_VERSION.fullmatch(part) else "{}"
        for part in path.split("/")
    )


def refuse_without_packages() -> None:
    """Raises NotInstalled."""
    try:
        import opentelemetry.exporter.otlp.proto.http.trace_exporter
        import opentelemetry.sdk.trace  # noqa: F401
    except ImportError as error:
        raise NotInstalled(
            f"[tracing] needs packages that are not installed: pip install '{EXTRA}'"
        ) from error


class Tracing:
    """The spans of this process, sent to a collector by OTLP over HTTP in the background.

    A collector that is away costs spans and nothing else. Raises NotInstalled.
    """

    def __init__(self, otlp_url: str) -> None:
        refuse_without_packages()
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
        from opentelemetry.trace import SpanKind, Status, StatusCode

        class IdsOfOrders(RandomIdGenerator):
            def generate_trace_id(self) -> int:
                return _in_order.get() or super().generate_trace_id()

        self.provider: TracerProvider = TracerProvider(
            resource=Resource.create({"service.name": "orderbridge"}), id_generator=IdsOfOrders()
        )
        exporter = OTLPSpanExporter(f"{otlp_url}/v1/traces", timeout=_SEND_WITHIN_S)
        self.provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self.provider.get_tracer("orderbridge")
        self._call, self._failed = SpanKind.CLIENT, Status(StatusCode.ERROR)

    @contextmanager
    def run(
        self, account: str, external_id: str, name: str, facts: Mapping[str, str | int]
    ) -> Iterator[Callable[..., None]]:
        """The span of a run, in the order's trace. Call what it yields with the run's result."""
        token = _in_order.set(int(trace_id(account, external_id), 16))
        try:
            with self._span(
                name, attributes={"orderbridge.account": account, **_named(facts)}
            ) as span:

                def ended(*, is_failure: bool, **result: str | int | None) -> None:
                    span.set_attributes(_named(result))
                    if is_failure:
                        span.set_status(self._failed)

                yield ended
        finally:
            _in_order.reset(token)

    def observed(self, send: Callable[..., Any]) -> Callable[..., Any]:
        """`send` of a `requests` adapter, with a span for each request of a run."""

        def sent(request: Any, **options: Any) -> Any:
            if _in_order.get() is None:
                return send(request, **options)
            address = urlsplit(request.url)
            template = route(address.path)
            facts = {
                "http.request.method": request.method,
                "server.address": address.hostname or "",
                "url.template": template,
            }
            name = f"{request.method} {template}"
            with self._span(name, kind=self._call, attributes=facts) as span:
                try:
                    response = send(request, **options)
                except Exception as error:
                    span.set_attribute("error.type", type(error).__name__)
                    span.set_status(self._failed)
                    raise
                span.set_attribute("http.response.status_code", response.status_code)
                if response.status_code >= 400:
                    span.set_status(self._failed)
                return response

        return sent

    def _span(self, name: str, **options: Any) -> Any:
        # An exception's text may quote a buyer's data, so that no span has it.
        return self._tracer.start_as_current_span(
            name, record_exception=False, set_status_on_exception=False, **options
        )


def _named(facts: Mapping[str, str | int | None]) -> dict[str, str | int]:
    return {f"orderbridge.{name}": value for name, value in facts.items() if value is not None}
