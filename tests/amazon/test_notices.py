"""What is taken from a notification: two ids. Whatever else it holds may be odd, or missing."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.amazon.notification_messages import MoneyPosted, OrderChange, Other, read
from tests.amazon.orders import patient

NUMBER = "903-8868176-2219830"
NOTIFICATION = "d0e9e693-c3ad-4373-979f-ed4ec98dd746"
MESSAGE = "the-id-of-the-message"
EVENT_AT = datetime(2026, 11, 22, 12, 0, 0, 109_000, tzinfo=UTC)
CHANGE = OrderChange(NOTIFICATION, NUMBER, "A3TH9S8BH6GOGM", EVENT_AT)


def a_notification(**changes: Any) -> dict[str, Any]:
    """An ORDER_CHANGE notification; `changes` replace keys of its OrderChangeNotification."""
    return {
        "NotificationVersion": "1.0",
        "NotificationType": "ORDER_CHANGE",
        "PayloadVersion": "1.0",
        "EventTime": "2026-11-22T12:00:00.109Z",
        "Payload": {
            "OrderChangeNotification": {
                "NotificationLevel": "OrderLevel",
                "SellerId": "A3TH9S8BH6GOGM",
                "AmazonOrderId": NUMBER,
                "OrderChangeType": "OrderStatusChange",
                "OrderChangeTrigger": {"TimeOfOrderChange": None, "ChangeReason": "whatever"},
                "Summary": {
                    "MarketplaceId": "A1PA6795UKMFR9",
                    "OrderStatus": "PartiallyShipped",
                    "PurchaseDate": None,
                    "DestinationPostalCode": "10115",
                    "FulfillmentType": "MFN",
                    "OrderType": "StandardOrder",
                    "OrderItems": [],
                },
                **changes,
            }
        },
        "NotificationMetadata": {
            "ApplicationId": "app-id",
            "SubscriptionId": "subscription-id",
            "PublishTime": "2026-11-22T12:00:01.000Z",
            "NotificationId": NOTIFICATION,
        },
    }


def read_one(message: Any) -> OrderChange | MoneyPosted | Other | None:
    return read(json.dumps(message), MESSAGE)


def in_small_letters(value: Any) -> Any:
    """The same with names that begin with a small letter."""
    if isinstance(value, Mapping):
        return {
            name[0].lower() + name[1:]: in_small_letters(value) for name, value in value.items()
        }
    return value


def without(message: dict[str, Any], *path: str) -> dict[str, Any]:
    part = result = copy.deepcopy(message)
    for name in path[:-1]:
        part = part[name]
    del part[path[-1]]
    return result


def test_an_order_change_names_its_order() -> None:
    assert read_one(a_notification()) == CHANGE


@pytest.mark.parametrize(
    "changes",
    [
        {"OrderChangeType": "SomethingNew"},
        {"OrderChangeTrigger": None},
        {"Summary": None},
        {"Summary": {"OrderStatus": "NeverHeardOf"}},
        {"NotificationLevel": 7, "Summary": []},
    ],
)
def test_what_is_not_needed_may_be_anything(changes: dict[str, Any]) -> None:
    assert read_one(a_notification(**changes)) == CHANGE


def test_names_may_begin_with_a_small_letter() -> None:
    assert read_one(in_small_letters(a_notification())) == CHANGE


@pytest.mark.parametrize("own_id", [None, "", 7, "x" * 101, "with space", "with/slash"])
def test_without_an_id_of_its_own_a_notification_is_known_by_its_messages(own_id: Any) -> None:
    message = a_notification()
    message["NotificationMetadata"]["NotificationId"] = own_id
    assert read_one(message) == OrderChange(MESSAGE, NUMBER, "A3TH9S8BH6GOGM", EVENT_AT)


def test_metadata_and_type_may_be_missing() -> None:
    bare = without(without(a_notification(), "NotificationMetadata"), "NotificationType")
    assert read_one(bare) == OrderChange(MESSAGE, NUMBER, "A3TH9S8BH6GOGM", EVENT_AT)


def test_a_seller_may_be_missing() -> None:
    message = without(a_notification(), "Payload", "OrderChangeNotification", "SellerId")
    assert read_one(message) == OrderChange(NOTIFICATION, NUMBER, "", EVENT_AT)


@pytest.mark.parametrize("kind", ["FEED_PROCESSING_FINISHED", "ANY_OFFER_CHANGED"])
def test_another_type_is_known_as_such(kind: str) -> None:
    message = a_notification()
    message["NotificationType"] = kind
    assert read_one(message) == Other(kind)
    assert read_one({"notificationType": kind}) == Other(kind)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "not JSON",
        "{",
        "null",
        "[]",
        "7",
        '"text"',
        "NaN",
        "[" * 100_000,
        "{}",
        '{"NotificationType": "ORDER_CHANGE"}',
        '{"NotificationType": "ORDER_CHANGE", "Payload": null}',
        '{"NotificationType": "ORDER_CHANGE", "Payload": {"OrderChangeNotification": []}}',
        '{"NotificationType": "Berta Buyer, Lieferweg 7"}',
        '{"NotificationType": 7}',
    ],
)
def test_what_cannot_be_read_is_nothing(body: str) -> None:
    assert read(body, MESSAGE) is None


@pytest.mark.parametrize(
    "number",
    [None, 7, "", "903-8868176", "x" * 19, f" {NUMBER}/..", f"{NUMBER}\n{NUMBER}", "Berta"],
)
def test_what_is_no_order_number_is_never_taken_for_one(number: Any) -> None:
    assert read_one(a_notification(AmazonOrderId=number)) is None


def test_white_space_around_a_number_is_not_part_of_it() -> None:
    assert read_one(a_notification(AmazonOrderId=f" {NUMBER}\n")) == CHANGE


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@patient
@given(st.text() | JSON.map(json.dumps))
def test_nothing_that_comes_is_an_error(body: str) -> None:
    assert read(body, MESSAGE) is None or isinstance(read(body, MESSAGE), OrderChange | Other)


@patient
@given(
    st.sampled_from(
        [
            ("NotificationType",),
            ("Payload",),
            ("Payload", "OrderChangeNotification"),
            ("Payload", "OrderChangeNotification", "AmazonOrderId"),
            ("Payload", "OrderChangeNotification", "SellerId"),
            ("NotificationMetadata",),
            ("NotificationMetadata", "NotificationId"),
        ]
    ),
    JSON,
)
def test_any_part_may_be_of_any_type(path: tuple[str, ...], value: Any) -> None:
    message = a_notification()
    part = message
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    notification = read_one(message)
    # Either it still names the very order, or it names none.
    assert not isinstance(notification, OrderChange) or notification.external_id == NUMBER


def test_the_time_of_the_change_counts_before_that_of_the_event() -> None:
    message = a_notification(OrderChangeTrigger={"TimeOfOrderChange": "2026-11-22T11:59:58Z"})
    notice = read_one(message)
    assert isinstance(notice, OrderChange)
    assert notice.changed_at == datetime(2026, 11, 22, 11, 59, 58, tzinfo=UTC)


def test_a_notification_need_not_tell_when() -> None:
    notice = read_one(without(a_notification(), "EventTime"))
    assert isinstance(notice, OrderChange)
    assert notice.changed_at is None
