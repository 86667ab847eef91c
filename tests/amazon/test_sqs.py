"""Our side of the queue, against a server that speaks SQS's protocol."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.amazon.sqs import Depth, Message, Queue
from pipeline.base.errors import Rejected, Transient
from pipeline.settings.model import AccountSettings
from tests.amazon.scripted import Answer, Server, an_account
from tests.queues import TestQueue, a_queue


def opened(queue: TestQueue, **changes: Any) -> Queue:
    account: AccountSettings = an_account("http://127.0.0.1:1", **queue.settings())
    assert account.notifications is not None
    return Queue(account, account.notifications.model_copy(update=changes))


def test_messages_come_in_batches_and_are_gone_when_deleted(queue: TestQueue) -> None:
    queue.send(*(f"body {number}" for number in range(12)))
    ours = opened(queue)
    batches = [ours.receive(1), ours.receive(1)]
    assert sorted(len(batch) for batch in batches) == [2, 10]
    together = [message for batch in batches for message in batch]
    assert sorted(one.body for one in together) == sorted(f"body {n}" for n in range(12))
    assert {one.times for one in together} == {1}
    assert ours.depth() == Depth(waiting=0, in_hand=12)
    assert [ours.delete(batch) for batch in batches] == [[], []]
    assert queue.left() == (0, 0)


def test_an_empty_queue_gives_nothing(queue: TestQueue) -> None:
    assert opened(queue).receive(0) == []
    assert opened(queue).depth() == Depth(0, 0)


def test_what_is_not_deleted_comes_again_and_is_counted(sqs_url: str) -> None:
    queue = a_queue(sqs_url, visibility_s=0)
    queue.send("body")
    ours = opened(queue)
    found = [ours.receive(0)[0] for _ in range(3)]
    assert [message.times for message in found] == [1, 2, 3]
    assert len({message.message_id for message in found}) == 1


def test_what_sqs_did_not_delete_is_told_one_by_one(queue: TestQueue) -> None:
    queue.send("body")
    ours = opened(queue)
    [good] = ours.receive(1)
    bad = Message("id", "no-such-receipt", "body", 1)
    assert ours.delete([bad, good]) == [bad]
    assert queue.left() == (0, 0)


def test_a_dead_letter_queue_is_noticed(queue: TestQueue, sqs_url: str) -> None:
    assert opened(queue).has_redrive() is False
    dead = a_queue(sqs_url)
    policy = f'{{"deadLetterTargetArn": "{dead.arn}", "maxReceiveCount": 3}}'
    queue.configure(RedrivePolicy=policy)
    assert opened(queue).has_redrive() is True


def test_a_queue_that_is_not_there_is_a_refusal(queue: TestQueue) -> None:
    ours = opened(queue, queue_url=f"{queue.url}-gone")
    with pytest.raises(Rejected) as caught:
        ours.receive(0)
    assert caught.value.code in ("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue")
    assert caught.value.status == 400


def test_a_server_that_is_not_there_is_trouble(queue: TestQueue) -> None:
    ours = opened(queue, endpoint_url="http://127.0.0.1:1", queue_url="http://127.0.0.1:1/1/x")
    with pytest.raises(Transient) as caught:
        ours.receive(0)
    assert caught.value.code == "EndpointConnectionError"


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (503, "ServiceUnavailable", Transient),
        (500, "InternalFailure", Transient),
        (403, "AccessDenied", Rejected),
        (403, "InvalidClientTokenId", Rejected),
        (400, "ThrottlingException", Transient),
        (400, "com.amazonaws.sqs#RequestThrottled", Transient),
    ],
)
def test_a_refusal_is_told_from_trouble(
    server: Server, queue: TestQueue, status: int, code: str, error: type[Exception]
) -> None:
    server.answers = [Answer(status, {"__type": code, "message": "words with Berta in them"})]
    ours = opened(queue, endpoint_url=server.url, queue_url=f"{server.url}/1/x")
    with pytest.raises(error) as caught:
        ours.receive(0)
    assert type(caught.value) is error
    assert caught.value.code == code.rpartition("#")[2]  # type: ignore[attr-defined]
    assert "Berta" not in str(caught.value)
    assert len(server.calls) == 1
