"""What a span says, what it never says, and that nothing is loaded where tracing is off."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import amazon, magento
from pipeline.base import http
from pipeline.base.errors import Transient
from pipeline.base.http import Http
from pipeline.base.tracing import Tracing, route, trace_id
from tests.otlp import Collected, collecting
from tests.remote import Remote as Stub
from tests.remote import answer, silence

CANARY = "canary-berta-buyer"


@pytest.fixture
def collected() -> Iterator[Collected]:
    with collecting() as collector:
        yield collector


@pytest.fixture
def tracing(collected: Collected) -> Iterator[Tracing]:
    tracing = Tracing(collected.url)
    http.observe(tracing.observed)
    yield tracing
    http.observe(None)
    tracing.provider.shutdown()


def test_the_id_is_the_orders_own_and_the_same_each_time() -> None:
    first = trace_id("eu", "028-0000000-0000001")
    assert re.fullmatch(r"[0-9a-f]{32}", first)
    assert first == trace_id("eu", "028-0000000-0000001")
    assert first not in (
        trace_id("us", "028-0000000-0000001"),
        trace_id("eu", "028-0000000-0000002"),
    )


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/rest/V1/orders/17/comments", "/rest/V1/orders/{}/comments"),
        ("/rest/german/V1/orders", "/rest/{}/V1/orders"),
        ("/rest/V1/stockItems/MUG%20BLUE", "/rest/V1/stockItems/{}"),
        ("/orders/2026-01-01/orders/028-0000000-0000001", "/orders/2026-01-01/orders/{}"),
        ("/orders/v0/orders/028/shipmentConfirmation", "/orders/v0/orders/{}/shipmentConfirmation"),
        ("/berta@example.com", "/{}"),
        ("", ""),
    ],
)
def test_a_route_is_told_without_what_fills_it(path: str, template: str) -> None:
    assert route(path) == template


def test_every_route_of_ours_is_told_whole() -> None:
    places = [Path(str(room.__file__)).parent for room in (amazon, magento)]
    files = [file for place in places for file in place.rglob("*.py")]
    written = {
        re.sub(r"\{[^{}]*\}", "{}", path).rstrip("/")
        for file in files
        for path in re.findall(r'f?"(/[A-Za-z][^"\s]*)"', file.read_text(encoding="utf-8"))
    }
    assert len(written) > 25
    whole = {path for path in written if not path.endswith("V1{}")}  # without the route's own part
    assert {path for path in whole if route(path) != path} == set()


def test_a_run_and_its_calls_are_spans_of_the_orders_trace(
    tracing: Tracing, collected: Collected
) -> None:
    with Stub(answer({}), answer({}, status=404)) as remote:
        client = Http(remote.url)
        with tracing.run("eu", "028-1", "create_order", {"order": 7, "tries": 2}) as ended:
            client.call("GET", "/rest/V1/orders/17", query="searchCriteria=x")
            client.call("POST", "/rest/V1/orders/create", body={"id": 1})
            ended(is_failure=True, outcome="hold", code="remote_refused", request_id=None)
    tracing.provider.force_flush()
    get, post, run = collected.spans
    assert {span.trace for span in collected.spans} == {trace_id("eu", "028-1")}
    assert (run.name, run.parent, run.is_failure) == ("create_order", "", True)
    assert run.attributes == {
        "orderbridge.account": "eu",
        "orderbridge.order": 7,
        "orderbridge.tries": 2,
        "orderbridge.outcome": "hold",
        "orderbridge.code": "remote_refused",
    }
    assert (get.name, get.parent, get.is_failure) == ("GET /rest/V1/orders/{}", run.own, False)
    assert get.attributes == {
        "http.request.method": "GET",
        "server.address": "127.0.0.1",
        "url.template": "/rest/V1/orders/{}",
        "http.response.status_code": 200,
    }
    assert (post.name, post.parent, post.is_failure) == (
        "POST /rest/V1/orders/create",
        run.own,
        True,
    )
    assert post.attributes["http.response.status_code"] == 404


def test_a_call_without_an_answer_tells_only_the_kind_of_its_error(
    tracing: Tracing, collected: Collected
) -> None:
    with (
        Stub(silence) as remote,
        tracing.run("eu", "028-1", "create_order", {}),
        pytest.raises(Transient),
    ):
        Http(remote.url, read_timeout_s=0.05).call("GET", "/rest/V1/orders")
    tracing.provider.force_flush()
    (call, _) = collected.spans
    assert (call.is_failure, call.attributes["error.type"]) == (True, "ReadTimeout")


def test_a_call_outside_of_a_run_is_none(tracing: Tracing, collected: Collected) -> None:
    with Stub(answer({})) as remote:
        Http(remote.url).call("GET", "/rest/V1/orders")
    tracing.provider.force_flush()
    assert collected.spans == []


def test_nothing_that_is_sent_or_answered_is_in_a_span(
    tracing: Tracing, collected: Collected
) -> None:
    behaviour = answer({"message": CANARY}, status=400)
    with Stub(behaviour, behaviour) as remote, pytest.raises(ValueError, match=CANARY):  # noqa: PT012
        client = Http(remote.url, {"X-Common": CANARY})
        with tracing.run("eu", CANARY, "create_order", {"order": 7}):
            client.call(
                *("POST", f"/rest/V1/products/{CANARY}"),
                query=f"email={CANARY}",
                body={"name": CANARY},
                headers={"X-Own": CANARY},
            )
            client.transfer("PUT", f"{remote.url}/{CANARY}/x?{CANARY}", content=CANARY.encode())
            raise ValueError(CANARY)
    tracing.provider.force_flush()
    assert [span.name for span in collected.spans] == [
        "POST /rest/V1/products/{}",
        "PUT /{}/{}",
        "create_order",
    ]
    assert all(CANARY.encode() not in body for body in collected.bodies)


def test_a_collector_that_is_away_takes_nothing_but_the_spans() -> None:
    tracing = Tracing("http://127.0.0.1:1")
    with tracing.run("eu", "028-1", "create_order", {}) as ended:
        ended(is_failure=False, outcome="done")
    tracing.provider.shutdown()


_LOADS = """
import sys
import tasks.app, tasks.engine.runtime, pipeline.console.app
# redis-py itself loads the API, where that is installed.
ours = ("opentelemetry.sdk.trace", "opentelemetry.exporter", "opentelemetry.proto")
sys.exit(", ".join(name for name in sys.modules if name.startswith(ours)))
"""
_LACKS = """
import sys
sys.modules["opentelemetry.sdk.trace"] = None
from pipeline.base.tracing import NotInstalled, Tracing
try:
    Tracing("http://127.0.0.1:1")
except NotInstalled as error:
    sys.exit(str(error))
"""


def test_a_process_without_tracing_loads_none_of_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LOADS], capture_output=True, text=True, check=False
    )
    assert done.stderr.strip() == ""


def test_without_its_packages_tracing_says_what_to_install() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LACKS], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (
        1,
        "[tracing] needs packages that are not installed: pip install 'orderbridge[tracing]'\n",
    )
