"""Events arrive at least once, signed, in the sequence of each order; a bad endpoint harms none."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import timedelta

import pytest
from sqlalchemy import update

from pipeline.base.db import Sessions
from pipeline.base.incidents import Incidents
from pipeline.base.security_log import Action
from pipeline.orders.tables import Order, Status
from pipeline.webhooks import replaying
from pipeline.webhooks.endpoints import Endpoints, NotPossible, check_url
from pipeline.webhooks.sending import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    TOLD_AFTER_FAILURES,
    due_endpoints,
)
from pipeline.webhooks.tables import Outcome, WebhookEndpoint
from tests.builders import NOW, a_vault, signed
from tests.colliding import Twins, twins
from tests.remote import Remote, cut
from tests.security_log import logged
from tests.webhooks.conftest import Rig, answering, bodies

OK, BUSY, REFUSED = answering(204), answering(503), answering(400)


def change(sessions: Sessions, order_id: int, code: str) -> None:
    """Hold an order, which is told."""
    with sessions() as session, session.begin():
        session.execute(
            update(Order)
            .where(Order.id == order_id)
            .values(status=Status.HELD, hold_code=code, hold_reason="")
        )


def codes(remote: Remote) -> list[tuple[int, str]]:
    """The order and the hold code of each request."""
    return [
        (body["data"]["order_id"], body["data"]["hold_code"]) for body in bodies(remote.requests)
    ]


def header(request: bytes, name: str) -> str:
    for line in request.partition(b"\r\n\r\n")[0].decode().split("\r\n"):
        key, _, value = line.partition(": ")
        if key.lower() == name:
            return value
    raise AssertionError(f"no {name}")


@pytest.fixture
def two(sessions: Sessions) -> Twins:
    return twins(sessions)


def endpoint(sessions: Sessions) -> WebhookEndpoint:
    with sessions() as session:
        return session.get_one(WebhookEndpoint, 1)


def test_an_event_arrives_signed_as_standard_webhooks_say(
    sessions: Sessions, rig: Rig, two: Twins
) -> None:
    with sessions() as session, session.begin():
        session.execute(update(Order).values(currency="EUR", grand_total=20))
    with Remote(OK) as remote:
        secret = rig.add("erp", remote.url)
        change(sessions, two.ours, "currency")
        assert due_endpoints(sessions, rig.now()) == ["erp"]
        assert rig.sending.run("erp") == 1
    (request,) = remote.requests
    (queued,) = rig.queued()
    assert request.startswith(b"POST /hook HTTP/1.1\r\n")
    assert header(request, "content-type") == "application/json"
    # The receiver's check, from the specification.
    sent = request.partition(b"\r\n\r\n")[2]
    name, at = header(request, "webhook-id"), header(request, "webhook-timestamp")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{name}.{at}.".encode() + sent, hashlib.sha256).digest()
    assert header(request, "webhook-signature") == f"v1,{base64.b64encode(digest).decode()}"
    assert (name, at) == (queued.event_id, str(int(rig.at.timestamp())))
    (body,) = bodies(remote.requests)
    assert body["type"] == "order.held"
    assert body["timestamp"] == queued.happened_at.isoformat()
    assert body["data"]["total"] == {"amount": "20.00", "currency": "EUR"}
    assert (queued.outcome, queued.tries) == (Outcome.DELIVERED, 1)
    assert due_endpoints(sessions, rig.now()) == []


def test_the_secret_is_sealed_and_leaves_once(sessions: Sessions, rig: Rig) -> None:
    secret = rig.add("erp", "https://erp.example")
    kept = endpoint(sessions)
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert secret.encode() not in kept.secret
    assert Endpoints(sessions, a_vault()).secret_of(kept) == secret
    assert logged(sessions) == [("anna", Action.WEBHOOK_ADDED, "webhook erp")]


def test_an_orders_events_arrive_in_sequence_and_another_orders_do_not_wait(
    sessions: Sessions, rig: Rig, two: Twins
) -> None:
    with Remote(REFUSED, OK, OK, OK) as remote:
        rig.add("erp", remote.url)
        change(sessions, two.ours, "currency")
        change(sessions, two.ours, "totals_differ")
        change(sessions, two.others, "out_of_stock")
        assert rig.sending.run("erp") == 1
        assert codes(remote) == [(two.ours, "currency"), (two.others, "out_of_stock")]
        assert rig.sending.run("erp") == 0
        rig.pass_(seconds=FIRST_PAUSE.total_seconds())
        assert rig.sending.run("erp") == 2
        assert codes(remote)[2:] == [(two.ours, "currency"), (two.ours, "totals_differ")]
    # The receiver knows the copy by its id and its body.
    first, _, again, _ = remote.requests
    assert header(first, "webhook-id") == header(again, "webhook-id")
    assert remote.bodies[0] == remote.bodies[2]


@pytest.mark.parametrize(
    "behaviour",
    [
        BUSY,
        cut,
        answering(429),
        answering(404),
        answering(302, "Location: http://127.0.0.1:1/"),
        answering(200, body=b"x" * 100_000),
    ],
    ids=["503", "cut", "429", "404", "redirect", "a large answer"],
)
def test_an_endpoint_that_fails_is_asked_ever_more_rarely(
    sessions: Sessions, rig: Rig, two: Twins, behaviour: object
) -> None:
    with Remote(behaviour, behaviour, OK, OK) as remote:  # type: ignore[arg-type]
        rig.add("erp", remote.url)
        change(sessions, two.ours, "currency")
        change(sessions, two.others, "currency")
        assert rig.sending.run("erp") == 0
        # One try for all that waits.
        assert len(remote.requests) == 1
        assert due_endpoints(sessions, rig.now()) == []
        assert rig.sending.run("erp") == 0
        rig.pass_(seconds=FIRST_PAUSE.total_seconds())
        assert rig.sending.run("erp") == 0
        rig.pass_(seconds=FIRST_PAUSE.total_seconds())
        assert due_endpoints(sessions, rig.now()) == []
        rig.pass_(seconds=FIRST_PAUSE.total_seconds())
        assert due_endpoints(sessions, rig.now()) == ["erp"]
        assert rig.sending.run("erp") == 2
        assert len(remote.requests) == 4
    assert endpoint(sessions).failures == 0
    assert [each.outcome for each in rig.queued()] == [Outcome.DELIVERED] * 2


def test_a_demanded_pause_is_kept(sessions: Sessions, rig: Rig, two: Twins) -> None:
    with Remote(answering(503, "Retry-After: 600")) as remote:
        rig.add("erp", remote.url)
        change(sessions, two.ours, "currency")
        rig.sending.run("erp")
    assert endpoint(sessions).paused_until == rig.at + timedelta(seconds=600)


def test_one_endpoint_that_is_away_does_not_delay_another(
    sessions: Sessions, rig: Rig, two: Twins
) -> None:
    with Remote(BUSY) as bad, Remote(OK) as good:
        rig.add("bad", bad.url)
        rig.add("good", good.url)
        change(sessions, two.ours, "currency")
        assert due_endpoints(sessions, rig.now()) == ["bad", "good"]
        assert (rig.sending.run("bad"), rig.sending.run("good")) == (0, 1)
        assert due_endpoints(sessions, rig.now() + LONGEST_PAUSE) == ["bad"]


def test_what_waits_for_three_days_is_given_up_and_told_and_can_be_replayed(
    sessions: Sessions, rig: Rig, two: Twins
) -> None:
    incidents = Incidents(sessions)
    with Remote(*[BUSY] * TOLD_AFTER_FAILURES, BUSY, OK, OK, OK) as remote:
        rig.add("erp", remote.url)
        change(sessions, two.ours, "currency")
        change(sessions, two.others, "currency")
        for _ in range(TOLD_AFTER_FAILURES):
            assert incidents.all_open() == []
            rig.sending.run("erp")
            rig.pass_(hours=1)
        (incident,) = incidents.all_open()
        assert incident.key == "webhook:erp"
        assert "takes nothing (HTTP 503)" in incident.text
        rig.pass_(days=3)
        rig.sending.run("erp")
        assert [each.outcome for each in rig.queued()] == [Outcome.GIVEN_UP] * 2
        (incident,) = incidents.all_open()
        assert "2 event(s) could not be delivered" in incident.text
        change(sessions, two.ours, "totals_differ")
        rig.pass_(hours=2)
        assert rig.sending.run("erp") == 1
        assert incidents.all_open() == []
        since = min(each.happened_at for each in rig.queued())
        by = signed(at=rig.at)
        assert replaying.replay(sessions, by, endpoint="erp", since=since) == 3
        assert rig.sending.run("erp") == 2  # the remote answers no more
    assert codes(remote)[-4:-1] == [
        (two.ours, "totals_differ"),
        (two.ours, "currency"),
        (two.others, "currency"),
    ]
    assert ("anna", Action.WEBHOOK_REPLAYED, "webhook erp") in logged(sessions)


@pytest.mark.parametrize("act", ["pause", "remove"])
def test_who_pauses_or_removes_an_endpoint_closes_its_incident(
    sessions: Sessions, rig: Rig, two: Twins, act: str
) -> None:
    incidents, endpoints = Incidents(sessions), Endpoints(sessions, a_vault())
    with Remote(*[BUSY] * TOLD_AFTER_FAILURES) as remote:
        rig.add("erp", remote.url)
        rig.add("other", "https://erp.example")
        change(sessions, two.ours, "currency")
        for _ in range(TOLD_AFTER_FAILURES):
            rig.sending.run("erp")
            rig.pass_(hours=1)
    assert [incident.key for incident in incidents.all_open()] == ["webhook:erp"]
    endpoints.remove("other", signed(at=rig.at))
    endpoints.set_active("erp", True, signed(at=rig.at))
    assert [incident.key for incident in incidents.all_open()] == ["webhook:erp"]
    if act == "pause":
        endpoints.set_active("erp", False, signed(at=rig.at))
    else:
        endpoints.remove("erp", signed(at=rig.at))
    assert incidents.all_open() == []


def test_one_event_is_replayed_to_each_endpoint_that_had_it(
    sessions: Sessions, rig: Rig, two: Twins
) -> None:
    with Remote(OK, OK, OK) as one, Remote(OK, OK, OK) as other:
        rig.add("one", one.url)
        rig.add("other", other.url)
        for code in ("currency", "totals_differ"):
            change(sessions, two.ours, code)
        for name in ("one", "other"):
            assert rig.sending.run(name) == 2
        event = rig.queued()[0].event_id
        assert replaying.replay(sessions, signed(), event=event) == 2
        assert replaying.replay(sessions, signed(), event=event, endpoint="one") == 0
        assert [rig.sending.run(name) for name in ("one", "other")] == [1, 1]
        assert codes(one)[2] == codes(other)[2] == (two.ours, "currency")
    with pytest.raises(NotPossible, match="no endpoint is called"):
        replaying.replay(sessions, signed(), endpoint="none")
    with pytest.raises(NotPossible, match="name an endpoint or an event"):
        replaying.replay(sessions, signed())


def test_a_secret_of_another_master_key_sends_nothing(
    sessions: Sessions, rig: Rig, two: Twins
) -> None:
    with Remote(OK) as remote:
        rig.add("erp", remote.url)
        with sessions() as session, session.begin():
            session.execute(update(WebhookEndpoint).values(secret=b"\x01" + b"x" * 40))
        change(sessions, two.ours, "currency")
        assert rig.sending.run("erp") == 0
        assert remote.requests == []
    (queued,) = rig.queued()
    assert queued.trouble == "secret of another master key"


def test_a_paused_endpoint_is_sent_nothing_and_a_removed_one_keeps_nothing(
    sessions: Sessions, rig: Rig, two: Twins
) -> None:
    endpoints = Endpoints(sessions, a_vault())
    rig.add("erp", "https://erp.example")
    change(sessions, two.ours, "currency")
    endpoints.set_active("erp", False, signed())
    assert due_endpoints(sessions, rig.now()) == []
    assert rig.sending.run("erp") == 0
    endpoints.remove("erp", signed())
    assert rig.queued() == []
    for act in (
        lambda: endpoints.remove("erp", signed()),
        lambda: endpoints.set_active("erp", True, signed()),
        lambda: endpoints.queue_test("erp", "evt_1", NOW),
    ):
        with pytest.raises(NotPossible, match="no endpoint is called erp"):
            act()


def test_an_endpoint_is_tested_out_of_turn(sessions: Sessions, rig: Rig, two: Twins) -> None:
    with Remote(OK, REFUSED) as remote:
        rig.add("erp", remote.url)
        change(sessions, two.ours, "currency")
        endpoints = Endpoints(sessions, a_vault())
        assert rig.sending.test("erp", endpoints.queue_test("erp", "evt_1", rig.at)) == ""
        assert rig.sending.test("erp", endpoints.queue_test("erp", "evt_2", rig.at)) == "HTTP 400"
        assert [body["type"] for body in bodies(remote.requests)] == ["test", "test"]
    assert [each.outcome for each in rig.queued()] == [None, "delivered", "given up"]


@pytest.mark.parametrize(
    "url",
    [
        "https://erp.example/hook?a=b",
        "https://10.0.0.7:8443/hook",
        "http://127.0.0.1:9000/hook",
        "http://localhost/hook",
    ],
)
def test_a_url_may_be_in_house(url: str) -> None:
    check_url(url)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://erp.example/hook", "has to be encrypted"),
        ("http://10.0.0.7/hook", "has to be encrypted"),
        ("http://localhost.evil.example/hook", "has to be encrypted"),
        ("https://169.254.169.254/latest/meta-data", "link-local"),
        ("https://[fe80::1]/hook", "link-local"),
        ("https://user:secret@erp.example/hook", "no user, password or fragment"),
        ("https://erp.example/hook#x", "no user, password or fragment"),
        ("ftp://erp.example/hook", "looks like"),
        ("file:///etc/passwd", "looks like"),
        ("https://", "looks like"),
        ("https://[broken", "no URL"),
        ("https://erp.example:port/", "no URL"),
        ("https://erp.example/a b", "no spaces"),
        ("https://erp.example/\n", "no spaces"),
        (f"https://erp.example/{'x' * 500}", "500 ASCII"),
    ],
)
def test_what_nothing_may_be_sent_to_is_refused(url: str, sentence: str) -> None:
    with pytest.raises(NotPossible, match=sentence):
        check_url(url)
