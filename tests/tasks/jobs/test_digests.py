"""Beat's job of the daily mail: to a real mail server, once a day, with counts and links alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from email.policy import default

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from pipeline.access.people import People
from pipeline.access.work_preferences import WorkPreferences
from pipeline.operations.acts.assign import assign
from pipeline.settings.alerts import AlertSettings
from pipeline.settings.console import ConsoleSettings
from pipeline.settings.roles import Role
from tasks.engine.runtime import Runtime, build
from tasks.jobs.digests import send_digests
from tests.builders import NOW, an_order, settings, signed, stored
from tests.console.signing_in import PASSWORD
from tests.monitoring.test_alert_channels import a_free_port
from tests.tasks.conftest import close


class Box:
    """Keeps what arrives; refuses everybody while it is `full`."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], str, str]] = []
        self.full = False

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.full:
            return "452 full"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        mail = message_from_bytes(envelope.content or b"", policy=default)  # type: ignore[arg-type]
        text = mail.get_content().replace("\r\n", "\n")
        self.mails.append((envelope.rcpt_tos, str(mail["Subject"]), text))
        return "250 OK"


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def parts(box: Box, database_url: str, redis_url: str) -> Iterator[Runtime]:
    controller = Controller(box, hostname="127.0.0.1", port=a_free_port())
    controller.start()
    mail = {"host": "127.0.0.1", "port": controller.port, "security": "none"}
    alerts = AlertSettings.model_validate(
        {"mail": {**mail, "sender": "bridge@example.com", "to": ["all@example.com"]}}
    )
    console = ConsoleSettings(url="https://bridge.example")
    given = settings(database_url=database_url, redis_url=redis_url).model_copy(
        update={"alerts": alerts, "console": console}
    )
    built = build(given, lambda: NOW + timedelta(days=1))
    yield built
    close(built)
    controller.stop()


def _anna(parts: Runtime, hour: int) -> int:
    people = People(parts.sessions)
    people.add("anna", Role.VIEWER, PASSWORD, signed(), is_own=True)
    anna = people.named("anna").id
    WorkPreferences(parts.sessions).send_digest(anna, "anna@example.com", hour, "UTC", NOW)
    return anna


def test_it_is_sent_once_to_its_person_alone(parts: Runtime, box: Box) -> None:
    anna = _anna(parts, 0)
    order_id = stored(parts.sessions, an_order(shown=True))
    assign(parts.sessions, [order_id], anna, author="otto", now=NOW)
    for _ in range(2):
        send_digests(parts)
    [(to, subject, text)] = box.mails
    assert to == ["anna@example.com"]
    assert subject.startswith("Orderbridge: 0 held, ")
    assert "1 assigned to you\n  https://bridge.example/mine" in text
    assert "https://bridge.example/account#digest" in text
    assert "028-" not in text


def test_a_mail_that_is_not_taken_is_gone_until_the_next_day(parts: Runtime, box: Box) -> None:
    _anna(parts, 0)
    box.full = True
    send_digests(parts)
    box.full = False
    send_digests(parts)
    assert box.mails == []


def test_nobody_gets_what_they_did_not_ask_for(parts: Runtime, box: Box) -> None:
    anna = _anna(parts, 0)
    WorkPreferences(parts.sessions).send_digest(anna, "", None, "", NOW)
    send_digests(parts)
    assert box.mails == []
