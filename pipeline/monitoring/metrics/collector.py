"""Collects the metrics for a scrape: within bounded time, and all that can be had.

A part that fails is missing from the scrape, which says so, and leaves the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import func, select

from pipeline.base.clock import elapsed
from pipeline.base.db import Sessions
from pipeline.base.log import log
from pipeline.monitoring.metrics import families, parts
from pipeline.monitoring.metrics.families import Figure
from pipeline.settings.model import Settings

# Prometheus gives up after ten seconds: a part that begins in time takes three statements at most,
# or as long as it takes to find that the database is away, which is five seconds.
BEGINS_WITHIN_S = 3.0
STATEMENT_TIMEOUT = "2s"
_BROKER_TIMEOUT_S = 1.0


class Metrics(Collector):
    """The collector of all metrics. It keeps nothing from scrape to scrape."""

    def __init__(
        self,
        settings: Settings,
        sessions: Sessions,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = elapsed,
    ) -> None:
        self._settings = settings
        self._sessions = sessions
        self._now = now
        self._monotonic = monotonic
        self._broker = settings.broker.client(_BROKER_TIMEOUT_S)
        # A scrape has no time for a second try, and the next scrape is one.
        self._broker.set_retry(Retry(NoBackoff(), 0))

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """All metrics, also those without a value now."""
        gauges = {
            family: GaugeMetricFamily(family.name, family.meaning, labels=family.labels)
            for family in families.FAMILIES
        }
        for figure in self._figures():
            gauges[figure.family].add_metric(figure.labels, figure.value)
        yield from gauges.values()

    def _figures(self) -> Iterator[Figure]:
        begun = self._monotonic()
        yield from self._part("broker", begun, lambda: parts.broker(self._settings, self._broker))
        for name, part in parts.OF_THE_DATABASE.items():
            yield from self._part(name, begun, partial(self._ask_database, part))

    def _part(
        self, name: str, begun: float, compute: Callable[[], Iterable[Figure]]
    ) -> Iterator[Figure]:
        """The figures of a part, whether it succeeded and how long it took."""
        figures: list[Figure] = []
        started, is_done = self._monotonic(), False
        try:
            if started - begun <= BEGINS_WITHIN_S:
                figures = list(compute())
                is_done = True
        except Exception as error:  # noqa: BLE001 - a fault of one part must not take the others along
            log.warning("metrics.part_failed", code=name, exc_info=error)
        yield from figures
        yield families.SUCCESS(is_done, name)
        yield families.DURATION(self._monotonic() - started, name)

    def _ask_database(self, part: parts.Part) -> list[Figure]:
        with self._sessions() as session, session.begin():
            session.execute(select(func.set_config("statement_timeout", STATEMENT_TIMEOUT, True)))
            return list(part(self._settings, session, self._now()))
