"""Every operation at Amazon, whatever Amazon answers: a value or one of our errors."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.amazon.auth import LoginWithAmazon
from pipeline.amazon.client import Amazon
from pipeline.amazon.feed_documents import CONTENT_TYPE, FeedKind, UnreadableReport, read, write
from pipeline.amazon.feeds import FeedsApi
from pipeline.amazon.subscriptions import Notifications
from pipeline.base.errors import LONGEST_WORDS, CannotMap, RemoteError
from pipeline.orders.channel import Confirmation
from sandbox.amazon.builders import a_line, an_order
from tests.builders import GERMANY, NOW
from tests.fuzz.conftest import LIMITS, Market
from tests.fuzz.spoiling import JUNK, PLANS, SPOILS, Spoil, can_be_kept, looked_for
from tests.fuzz.tape import Recording, Replaying, Tape

SINCE = NOW - timedelta(days=1)
NUMBER = "302-0000000-0000001"
ARN = "arn:aws:sqs:eu-west-1:123456789012:orders"
FEED_TYPE = "POST_ORDER_FULFILLMENT_DATA"
_numbers = itertools.count(2)


class Sent:
    """A feed of a good past."""

    def __init__(self, market: Market) -> None:
        market.control("POST", "clock", {"offset_s": 0})  # whatever an earlier test left
        market.place(an_order(NUMBER, lines=[a_line("MUG-BLUE", 2)], created_at=SINCE))
        channel = market.client()
        self.item_id = channel.order(NUMBER)["orderItems"][0]["orderItemId"]
        api = FeedsApi(channel.connection)
        self.content = write(
            FeedKind.CONFIRMATIONS, "A1SELLER", [(1, channel.feed_message(self.confirmation()))]
        )
        self.feed_id = api.create(FEED_TYPE, [GERMANY], self.document(api))
        market.control("POST", "clock", {"offset_s": 600})
        self.report_id = api.feed(self.feed_id).report_id
        self.report = api.report(self.report_id)
        self.next_document = self.document(api)

    def document(self, api: FeedsApi) -> str:
        document = api.new_document(CONTENT_TYPE)
        api.upload(document, self.content, CONTENT_TYPE)
        return document.document_id

    def confirmation(self) -> Confirmation:
        return Confirmation(
            external_id=NUMBER,
            marketplace_id="A1PA6795UKMFR9",
            reference=str(next(_numbers)),
            carrier_code="dhl",
            carrier_title="DHL",
            tracking_number="00340434161094000000",
            shipped_at=NOW - timedelta(hours=1),
            quantities={self.item_id: 1},
        )


Call = Callable[[Amazon, FeedsApi, Sent], Any]


def _page(amazon: Amazon, *times: Any) -> None:
    page = amazon.changed_orders(*times)
    for raw in page.orders:
        with contextlib.suppress(CannotMap):
            amazon.identify(raw)


CALLS: Mapping[str, Call] = {
    "search": lambda amazon, _, __: _page(amazon, SINCE - timedelta(hours=1), None),
    "placed": lambda amazon, _, __: amazon.placed_orders(SINCE - timedelta(hours=1), NOW, None),
    "order": lambda amazon, _, __: amazon.order(NUMBER),
    "confirm": lambda amazon, _, sent: amazon.confirm_shipment(sent.confirmation()),
    "document": lambda _, api, __: api.new_document(CONTENT_TYPE),
    "upload": lambda _, api, sent: sent.document(api),
    "create": lambda _, api, sent: api.create(FEED_TYPE, [GERMANY], sent.next_document),
    "feed": lambda _, api, sent: api.feed(sent.feed_id),
    "since": lambda _, api, __: api.since(FEED_TYPE, SINCE),
    "report": lambda _, api, sent: api.report(sent.report_id),
}


@pytest.fixture(scope="module")
def sent(market: Market) -> Sent:
    return Sent(market)


@pytest.fixture(scope="module")
def tapes(market: Market, sent: Sent) -> Mapping[str, Tape]:
    """What Amazon answers to each call."""
    kept = {}
    for name, call in CALLS.items():
        http = Recording(market.url, **LIMITS)
        channel = market.client(http)
        with contextlib.suppress(RemoteError, CannotMap):
            call(channel, FeedsApi(channel.connection, http), sent)
        kept[name] = http.tape
    return kept


@pytest.mark.parametrize("name", CALLS)
@looked_for(25)
@given(plan=PLANS)
def test_a_call_ends_in_a_value_or_in_one_of_our_errors(
    name: str,
    plan: tuple[Spoil | None, ...],
    signed_in: Amazon,
    market: Market,
    sent: Sent,
    tapes: Mapping[str, Tape],
) -> None:
    http = Replaying(market.url, tape=tapes[name], plan=plan)
    signed_in.connection._http = http
    try:
        CALLS[name](signed_in, FeedsApi(signed_in.connection, http), sent)
    except (RemoteError, CannotMap) as error:
        can_be_kept(error)


@pytest.fixture
def signed_in(market: Market) -> Amazon:
    channel = market.client()
    channel.order(NUMBER)
    return channel


def test_amazon_answers_every_call(tapes: Mapping[str, Tape]) -> None:
    """Else there would be nothing to spoil."""
    bad = {
        name for name, tape in tapes.items() if any(reply.status > 204 for reply in tape.values())
    }
    assert bad == set()
    assert all(tapes.values())


@looked_for(15)
@given(spoil=SPOILS)
def test_a_sign_in_gives_a_token_or_one_of_our_errors(spoil: Spoil, market: Market) -> None:
    market.spoiler.begin(spoil)
    try:
        token = LoginWithAmazon("main", market.account()).token()
        assert token
        token.encode("latin-1")
    except RemoteError as error:
        can_be_kept(error)
    finally:
        market.spoiler.begin()


@pytest.fixture
def notifications(market: Market) -> Iterator[Notifications]:
    yield Notifications("main", market.account(), sleep=lambda _: None)
    market.spoiler.begin()


ABOUT_NOTIFICATIONS: Mapping[str, Callable[[Notifications], Any]] = {
    "destination": lambda api: api.destination(ARN),
    "create_destination": lambda api: api.create_destination("orders", ARN),
    "create_subscription": lambda api: api.create_subscription("destination-1"),
    "subscription": lambda api: api.subscription(),
    "delete_subscription": lambda api: api.delete_subscription("subscription-1"),
    "delete_destination": lambda api: api.delete_destination("destination-1"),
}


@pytest.mark.parametrize("name", ABOUT_NOTIFICATIONS)
@looked_for(6)
@given(spoil=SPOILS)
def test_a_subscription_ends_in_a_value_or_in_one_of_our_errors(
    name: str, spoil: Spoil, notifications: Notifications, market: Market
) -> None:
    market.spoiler.begin(spoil, only="/notifications/")
    try:
        ABOUT_NOTIFICATIONS[name](notifications)
    except RemoteError as error:
        can_be_kept(error)


@looked_for(200)
@given(spoil=SPOILS, is_whole=st.booleans())
def test_a_report_is_read_or_said_to_be_unreadable(
    spoil: Spoil, is_whole: bool, sent: Sent
) -> None:
    content = _odd_report(sent.report, spoil) if is_whole else spoil.body(sent.report)
    try:
        report = read(content)
    except UnreadableReport as error:
        str(error).encode()
    else:
        assert all(len(result.words) <= LONGEST_WORDS for result in report.results.values())


def _odd_report(report: bytes, spoil: Spoil) -> bytes:
    """The report with something else in one of its elements."""
    places = [found.span(1) for found in re.finditer(rb">([^<>]*)<", report)]
    for where, which in spoil.edits:
        start, end = places[where % len(places)]
        junk = escape(str(JUNK[which])).encode(errors="replace")
        report = report[:start] + junk + report[end:]
    return report
