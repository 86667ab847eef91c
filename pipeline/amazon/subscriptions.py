"""Subscribes an account to Amazon's notifications of changed orders and of posted money, with a
destination queue.

Destinations belong to the application and subscriptions to the seller: hence two connections.
Source: Notifications API v1.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import quote

from pipeline.amazon.connection import Connection, usable
from pipeline.amazon.json_fields import blocks, look, text
from pipeline.amazon.replies import Operation
from pipeline.base.errors import Rejected
from pipeline.base.http import Method
from pipeline.base.quota import Lane, Plan
from pipeline.settings.model import AccountSettings

SCOPE = "sellingpartnerapi::notifications"
AMAZONS_PRINCIPAL = "437568002678"
"""The AWS account that sends Amazon's notifications."""

_DESTINATIONS = "/notifications/v1/destinations"
_SUBSCRIPTIONS = "/notifications/v1/subscriptions"
_NOT_THERE, _CONFLICT = 404, 409


def _operation(name: str, *, is_read: bool) -> Operation:
    return Operation(Plan(name, 1.0, 5), success=200, is_read=is_read)


_GET_DESTINATIONS = _operation("getDestinations", is_read=True)
_CREATE_DESTINATION = _operation("createDestination", is_read=False)
_DELETE_DESTINATION = _operation("deleteDestination", is_read=False)
_GET_SUBSCRIPTION = _operation("getSubscription", is_read=True)
_CREATE_SUBSCRIPTION = _operation("createSubscription", is_read=False)
_DELETE_SUBSCRIPTION = _operation("deleteSubscriptionById", is_read=False)

T = TypeVar("T")


class Topic(StrEnum):
    """What Amazon tells of: its type of notification."""

    ORDER_CHANGE = "ORDER_CHANGE"
    TRANSACTION_UPDATE = "TRANSACTION_UPDATE"

    @property
    def path(self) -> str:
        return f"{_SUBSCRIPTIONS}/{self}"


# Amazon refuses a directive without the type of its filter; money has no filter.
_DIRECTIVES = {Topic.ORDER_CHANGE: {"eventFilter": {"eventFilterType": "ORDER_CHANGE"}}}


@dataclass(frozen=True, slots=True)
class Destination:
    """A queue that is registered at Amazon."""

    destination_id: str
    name: str
    arn: str


@dataclass(frozen=True, slots=True)
class Subscription:
    """An account's subscription to a topic."""

    subscription_id: str
    destination_id: str


class Notifications:
    """Manages an account's subscriptions. The methods raise the errors of `Connection`."""

    def __init__(
        self,
        account_name: str,
        account: AccountSettings,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._seller = Connection(account_name, account, sleep=sleep)
        self._application = Connection(account_name, account, scope=SCOPE, sleep=sleep)

    def destination(self, arn: str) -> Destination | None:
        """The application's destination for a queue. Source: getDestinations, grantless."""
        known = self._application.read(_GET_DESTINATIONS, _DESTINATIONS, {}, _listed, Lane.NEW)
        return next((destination for destination in known if destination.arn == arn), None)

    def create_destination(self, name: str, arn: str) -> Destination:
        """Register a queue at Amazon; a destination that exists already is returned unchanged.

        Source: createDestination, grantless.
        """
        body = {"name": name, "resourceSpecification": {"sqs": {"arn": arn}}}
        try:
            return self._post(
                self._application, _CREATE_DESTINATION, _DESTINATIONS, body, _destination_of
            )
        except Rejected as error:
            known = self.destination(arn) if error.status == _CONFLICT else None
            if known is None:
                raise
            return known

    def delete_destination(self, destination_id: str) -> None:
        """Remove a queue from Amazon. Raises Rejected while a subscription uses it.

        Source: deleteDestination, grantless.
        """
        self._delete(_DELETE_DESTINATION, f"{_DESTINATIONS}/{quote(destination_id, safe='')}")

    def subscription(self, topic: Topic = Topic.ORDER_CHANGE) -> Subscription | None:
        """The account's subscription to the topic. Source: getSubscription."""
        try:
            return self._seller.read(_GET_SUBSCRIPTION, topic.path, {}, _subscription_of, Lane.NEW)
        except Rejected as error:
            if error.status == _NOT_THERE:
                return None
            raise

    def create_subscription(
        self, destination_id: str, topic: Topic = Topic.ORDER_CHANGE
    ) -> Subscription:
        """Subscribe the account; a subscription that exists already is returned unchanged.

        Source: createSubscription.
        """
        body: dict[str, Any] = {"payloadVersion": "1.0", "destinationId": destination_id}
        if topic in _DIRECTIVES:
            body["processingDirective"] = _DIRECTIVES[topic]
        try:
            return self._post(
                self._seller, _CREATE_SUBSCRIPTION, topic.path, body, _subscription_of
            )
        except Rejected as error:
            known = self.subscription(topic) if error.status == _CONFLICT else None
            if known is None:
                raise
            return known

    def delete_subscription(self, subscription_id: str, topic: Topic = Topic.ORDER_CHANGE) -> None:
        """End a subscription. Source: deleteSubscriptionById, grantless."""
        self._delete(_DELETE_SUBSCRIPTION, f"{topic.path}/{quote(subscription_id, safe='')}")

    def _post(
        self,
        access: Connection,
        operation: Operation,
        path: str,
        body: Mapping[str, Any],
        shape: Callable[[Any], T | None],
    ) -> T:
        return usable(operation, access.write(operation, "POST", path, Lane.NEW, body), shape)

    def _delete(self, operation: Operation, path: str) -> None:
        method: Method = "DELETE"
        try:
            self._application.write(operation, method, path, Lane.NEW)
        except Rejected as error:
            # It is deleted already, perhaps by this call when its first answer got lost.
            if error.status != _NOT_THERE:
                raise


def queue_policy(arn: str) -> str:
    """The access policy, as JSON, that lets Amazon deliver to a queue."""
    statement = {
        "Sid": "AmazonNotifications",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{AMAZONS_PRINCIPAL}:root"},
        "Action": ["sqs:GetQueueAttributes", "sqs:SendMessage"],
        "Resource": arn,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=2)


def _destination(row: Mapping[str, Any]) -> Destination | None:
    destination_id = text(row, "destinationId")
    arn = text(row, "resource", "sqs", "arn")
    return Destination(destination_id, text(row, "name"), arn) if destination_id else None


def _destination_of(body: Any) -> Destination | None:
    payload = look(body, "payload")
    return _destination(payload) if isinstance(payload, Mapping) else None


def _listed(body: Any) -> list[Destination] | None:
    if not isinstance(look(body, "payload"), list):
        return None
    return [
        destination
        for row in blocks(body, "payload")
        if (destination := _destination(row)) is not None
    ]


def _subscription_of(body: Any) -> Subscription | None:
    payload = look(body, "payload")
    subscription_id = text(payload, "subscriptionId")
    if not subscription_id:
        return None
    return Subscription(subscription_id, text(payload, "destinationId"))
