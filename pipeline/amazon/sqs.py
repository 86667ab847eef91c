"""The SQS queue to which Amazon reports changed orders. Only this module knows boto3.

boto3 is slow to import, so the first use of a queue imports it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pipeline.base.errors import Rejected, RemoteError, Transient, code_of
from pipeline.settings.model import AccountSettings, NotificationSettings

BATCH = 10
"""The most messages that SQS delivers or deletes in a call."""

_CONNECT_TIMEOUT_S = 5
_READ_TIMEOUT_S = 15
# SQS refuses with these codes for a while, whatever the request.
_PASSING = ("RequestThrottled", "ThrottlingException", "OverLimit", "RequestTimeout")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Message:
    """A delivered message; `times` counts its deliveries, this one included."""

    message_id: str
    receipt: str
    body: str
    times: int


@dataclass(frozen=True, slots=True)
class Depth:
    """Roughly how many messages wait, and how many are delivered but not yet deleted."""

    waiting: int
    in_hand: int


class Queue:
    """One account's queue. Safe to share between threads.

    Every method raises Transient when SQS is not available, and Rejected when SQS refuses.
    """

    def __init__(self, account: AccountSettings, notifications: NotificationSettings) -> None:
        self._account = account
        self._settings = notifications
        self._opening = threading.Lock()
        self._opened: Any = None

    def receive(self, wait_s: int) -> list[Message]:
        """Up to ten messages; when the queue is empty, SQS waits up to `wait_s` seconds.

        Source: ReceiveMessage. SQS delivers a message again unless it is deleted within the queue's
        visibility time-out.
        """
        reply = self._call(
            lambda sqs: sqs.receive_message(
                QueueUrl=self._settings.queue_url,
                MaxNumberOfMessages=BATCH,
                WaitTimeSeconds=wait_s,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
        )
        return [
            Message(
                message["MessageId"],
                message["ReceiptHandle"],
                message["Body"],
                int(message.get("Attributes", {}).get("ApproximateReceiveCount", 1)),
            )
            for message in reply.get("Messages", [])
        ]

    def delete(self, messages: Sequence[Message]) -> list[Message]:
        """Delete up to ten messages; return those that SQS failed to delete and will deliver again.

        Source: DeleteMessageBatch.
        """
        reply = self._call(
            lambda sqs: sqs.delete_message_batch(
                QueueUrl=self._settings.queue_url,
                Entries=[
                    {"Id": str(place), "ReceiptHandle": message.receipt}
                    for place, message in enumerate(messages)
                ],
            )
        )
        return [messages[int(failure["Id"])] for failure in reply.get("Failed", [])]

    def has_redrive(self) -> bool:
        """Whether SQS moves messages that nobody deletes to a dead-letter queue."""
        return bool(self._attributes("RedrivePolicy").get("RedrivePolicy"))

    def depth(self) -> Depth:
        """The number of messages in the queue. Source: GetQueueAttributes."""
        waiting = "ApproximateNumberOfMessages"
        in_hand = "ApproximateNumberOfMessagesNotVisible"
        counts = self._attributes(waiting, in_hand)
        return Depth(int(counts.get(waiting, 0)), int(counts.get(in_hand, 0)))

    def _attributes(self, *names: str) -> dict[str, str]:
        reply = self._call(
            lambda sqs: sqs.get_queue_attributes(
                QueueUrl=self._settings.queue_url, AttributeNames=list(names)
            )
        )
        return dict(reply.get("Attributes", {}))

    def _call(self, ask: Callable[[Any], dict[str, T]]) -> dict[str, T]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return ask(self._client())
        except (BotoCoreError, ClientError) as error:
            raise _meaning(error) from None

    def _client(self) -> Any:
        with self._opening:
            if self._opened is None:
                import boto3.session
                from botocore.config import Config

                self._opened = boto3.session.Session().client(
                    "sqs",
                    region_name=self._settings.aws_region,
                    endpoint_url=self._settings.endpoint_url,
                    aws_access_key_id=self._account.aws_access_key_id.get_secret_value() or None,
                    aws_secret_access_key=(
                        self._account.aws_secret_access_key.get_secret_value() or None
                    ),
                    config=Config(
                        connect_timeout=_CONNECT_TIMEOUT_S,
                        read_timeout=_READ_TIMEOUT_S,
                        # The reading job runs again in seconds.
                        retries={"total_max_attempts": 1},
                    ),
                )
            return self._opened


def _meaning(error: Exception) -> RemoteError:
    """Our error for an error of boto3. Its text is left out: it may quote the request."""
    answer = getattr(error, "response", {})
    details = answer.get("Error", {})
    metadata = answer.get("ResponseMetadata", {})
    # With the JSON protocol the short code follows the full name of the error.
    code = code_of(str(details.get("Code", "")).rpartition("#")[2]) or type(error).__name__
    status = metadata.get("HTTPStatusCode")
    request_id = str(metadata.get("RequestId", ""))
    if isinstance(status, int) and 400 <= status < 500 and code not in _PASSING:
        return Rejected(
            f"SQS refused the call ({code}): check the queue's URL and region, and that the "
            "credentials may receive and delete its messages",
            code=code,
            status=status,
            request_id=request_id,
        )
    return Transient(
        f"SQS does not answer at present ({code})", code=code, status=status, request_id=request_id
    )
