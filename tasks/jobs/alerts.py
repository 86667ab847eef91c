"""Beat's job that sends the alerts. A concurrent or lost run does no harm."""

from __future__ import annotations

from redis.exceptions import RedisError

from pipeline.base.log import log
from pipeline.monitoring.alert_channels import channels_of
from pipeline.monitoring.alerts import Alerts
from pipeline.monitoring.health import note_beat
from pipeline.monitoring.installation_checks import watch
from tasks.engine.runtime import Runtime


def alert(parts: Runtime) -> None:
    """Send the alerts for incidents, and note that beat and workers run."""
    try:
        note_beat(parts.broker, parts.clients.now())
    except RedisError:
        log.warning("broker.unavailable")
    watch(parts.settings, parts.sessions, parts.incidents, parts.writes, parts.clients.now())
    channels = channels_of(parts.settings.alerts)
    sent = Alerts(parts.sessions, channels, parts.clients.now).deliver()
    if sent:
        log.info("alert.told", count=sent)
