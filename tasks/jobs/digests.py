"""Beat's job that sends people the daily mail they asked for. A concurrent run does no harm."""

from __future__ import annotations

from pipeline.access.work_preferences import WorkPreferences
from pipeline.base.log import log
from pipeline.monitoring.alert_channels import Mail, Undelivered
from pipeline.operations.lists.digest import digest
from tasks.engine.runtime import Runtime


def send_digests(parts: Runtime) -> None:
    """Send each mail that is due, at most once for its day: it is marked before it is sent.

    Nothing leaves from a copy of the database.
    """
    mail, now = parts.settings.alerts.mail, parts.clients.now()
    if mail is None or parts.settings.read_only or parts.writes.changed():
        return
    url, sent = parts.settings.console.url or "", 0
    for due in WorkPreferences(parts.sessions).claim_digests(now):
        try:
            message = digest(parts.sessions, due.person_id, due.day, url, now)
            Mail(mail.model_copy(update={"to": (due.to,)}))(message)
        except Undelivered as error:
            log.warning("digest.failed", code=str(error))
        except Exception as error:  # noqa: BLE001 - a mail that fails must not cost others theirs
            log.warning("digest.failed", code=type(error).__name__)
        else:
            sent += 1
    if sent:
        log.info("digest.sent", count=sent)
