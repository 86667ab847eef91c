from __future__ import annotations

import pytest

from pipeline.base.db import Sessions
from pipeline.monitoring.metrics.collector import Metrics
from tests.builders import NOW, settings


@pytest.fixture
def metrics(sessions: Sessions, redis_url: str) -> Metrics:
    """The collector of one account, `eu`, at NOW."""
    return Metrics(settings(redis_url=redis_url), sessions, lambda: NOW)
