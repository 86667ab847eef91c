"""The settings of a notification queue, and what is wrong with some of them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.settings.model import NotificationSettings
from tests.builders import ACCOUNT, settings

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/orders"
GOOD = {"queue_url": URL, "aws_region": "eu-west-1"}


def test_a_queue_is_named_by_its_url() -> None:
    given = settings(account={"notifications": GOOD}).accounts[ACCOUNT]
    assert given.notifications is not None
    assert given.notifications.queue_arn == "arn:aws:sqs:eu-west-1:123456789012:orders"
    assert given.notifications.endpoint_url is None
    assert settings().accounts[ACCOUNT].notifications is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"queue_url": f"{URL}.fifo"}, "FIFO queue, to which Amazon delivers nothing"),
        ({"queue_url": "https://sqs.eu-west-1.amazonaws.com"}, "queue_url must look like"),
        ({"queue_url": "arn:aws:sqs:eu-west-1:1:orders"}, "must be a URL"),
        ({"aws_region": "Europe"}, "pattern"),
        ({"queue": "x"}, "Extra inputs"),
    ],
)
def test_a_queue_that_cannot_work_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        NotificationSettings.model_validate({**GOOD, **changes})


def test_two_accounts_cannot_read_one_queue() -> None:
    data = settings(account={"notifications": GOOD}).model_dump(exclude_unset=True)
    data["accounts"]["us"] = data["accounts"][ACCOUNT]
    with pytest.raises(ValidationError, match="is the queue of account eu"):
        type(settings()).model_validate(data)
