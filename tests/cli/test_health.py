"""`orderbridge health`: a figure for people, JSON and an exit status for programs."""

from __future__ import annotations

import json
import re

import pytest
import redis

from pipeline.base.clock import utc_now
from pipeline.monitoring.health import REJECTED_MESSAGES, note_beat
from tests.cli.conftest import Run


@pytest.mark.parametrize(("beats", "status"), [(True, 0), (False, 1)])
def test_the_exit_status_says_whether_it_is_well(
    beats: bool, status: int, orderbridge: Run, redis_url: str
) -> None:
    with redis.Redis.from_url(redis_url) as broker:
        broker.set(REJECTED_MESSAGES, 2)
        if beats:
            note_beat(broker, utc_now())
    result = orderbridge("health", "--json", ORDERBRIDGE_REDIS_URL=redis_url)
    shown = json.loads(result.stdout)
    assert (result.exit_code, shown["is_well"]) == (status, beats)
    assert list(shown["problems"]) == ([] if beats else ["beat"])

    text = orderbridge("health", ORDERBRIDGE_REDIS_URL=redis_url)
    assert (text.exit_code, "account eu" in text.stdout) == (status, True)
    assert ("all is well" in text.stdout) is beats
    assert re.search(r"^rejected messages +2$", text.stdout, re.MULTILINE)
