"""Real SQS queues, on moto's server: the protocol that boto3 speaks to Amazon.

Both are slow to import, so that happens when a test needs a queue.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

REGION = "eu-west-1"
OWNER = "123456789012"
_numbers = itertools.count(1)


@contextmanager
def serving_sqs() -> Iterator[str]:
    """The URL of an SQS that runs until the end of the block."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    finally:
        server.stop()


@dataclass(frozen=True)
class TestQueue:
    """A queue as its owner sees it."""

    __test__ = False

    endpoint: str
    name: str
    sqs: Any

    @property
    def url(self) -> str:
        return f"{self.endpoint}/{OWNER}/{self.name}"

    @property
    def arn(self) -> str:
        return f"arn:aws:sqs:{REGION}:{OWNER}:{self.name}"

    def send(self, *bodies: str) -> None:
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.url, MessageBody=body)

    def left(self) -> tuple[int, int]:
        """How many messages wait, and how many are given out."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)[
            "Attributes"
        ]
        waiting, in_hand = (int(attributes[name]) for name in names)
        return waiting, in_hand

    def configure(self, **attributes: str) -> None:
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes=attributes)

    def settings(self) -> dict[str, Any]:
        """What an account needs to read it."""
        return {
            "notifications": {
                "queue_url": self.url,
                "aws_region": REGION,
                "endpoint_url": self.endpoint,
            },
            "aws_access_key_id": "tester",
            "aws_secret_access_key": "tester",
        }


def a_queue(endpoint: str, name: str = "", visibility_s: int = 30) -> TestQueue:
    """A new queue; what is given out comes back after `visibility_s`, 0 at once."""
    sqs = _client(endpoint)
    name = name or f"orders-{next(_numbers)}"
    sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": str(visibility_s)})
    return TestQueue(endpoint, name, sqs)


@cache
def _client(endpoint: str) -> Any:
    """The owner's client: each new one reads the whole description of SQS anew."""
    import boto3.session

    return boto3.session.Session().client(
        "sqs",
        region_name=REGION,
        endpoint_url=endpoint,
        aws_access_key_id="tester",
        aws_secret_access_key="tester",
    )
