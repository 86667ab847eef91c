"""Sends an alert to a Slack-compatible webhook or by mail. Only this module uses smtplib."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import EmailMessage

from pipeline.base.errors import RemoteError
from pipeline.base.http import Http
from pipeline.settings.alerts import AlertSettings, MailSettings

TIMEOUT_S = 15.0
_SUBJECT_LENGTH = 120


class Undelivered(Exception):
    """The alert was probably not delivered; the message is a code without addresses."""


@dataclass(frozen=True, slots=True)
class Alert:
    """The content of an alert, or of another message of ours. `name` is the same when the same
    alert is sent again. Without a `subject` a mail's is the beginning of its text."""

    name: str
    text: str
    subject: str = ""


Send = Callable[[Alert], None]


def channels_of(settings: AlertSettings) -> Mapping[str, Send]:
    """The configured channels, by name. Each raises Undelivered."""
    channels: dict[str, Send] = {}
    if settings.webhook:
        channels["webhook"] = Webhook(settings.webhook_url.get_secret_value())
    if settings.mail is not None:
        channels["mail"] = Mail(settings.mail)
    return channels


class Webhook:
    """Posts {"text": ...}. Source: Slack's incoming webhooks, which Mattermost and others take."""

    def __init__(self, url: str) -> None:
        self._http = Http(url)

    def __call__(self, alert: Alert) -> None:
        """Post the alert. Raises Undelivered unless the answer is a success."""
        try:
            reply = self._http.call("POST", "", body={"text": _as_slack_reads(alert.text)})
        except RemoteError as error:
            raise Undelivered(error.code) from error
        if not 200 <= reply.status < 300:
            raise Undelivered(f"HTTP {reply.status}")


class Mail:
    """Sends one mail to all recipients. `context` holds the trusted certificates; without it the
    system's certificates are used."""

    def __init__(self, settings: MailSettings, context: ssl.SSLContext | None = None) -> None:
        self._settings = settings
        self._context = context

    def __call__(self, alert: Alert) -> None:
        """Send the mail. Raises Undelivered unless the server accepted at least one recipient."""
        try:
            with self._connected() as server:
                if self._settings.user:
                    server.login(self._settings.user, self._settings.password.get_secret_value())
                server.send_message(self._message(alert))
        except smtplib.SMTPResponseException as error:
            raise Undelivered(f"{type(error).__name__} {error.smtp_code}") from None
        except (smtplib.SMTPException, OSError) as error:
            raise Undelivered(type(error).__name__) from None

    def _connected(self) -> smtplib.SMTP:
        where = self._settings
        if where.security == "none":
            return smtplib.SMTP(where.host, where.port, timeout=TIMEOUT_S)
        context = self._context or ssl.create_default_context()
        if where.security == "tls":
            return smtplib.SMTP_SSL(where.host, where.port, timeout=TIMEOUT_S, context=context)
        server = smtplib.SMTP(where.host, where.port, timeout=TIMEOUT_S)
        try:
            server.starttls(context=context)
        except BaseException:
            server.close()
            raise
        return server

    def _message(self, alert: Alert) -> EmailMessage:
        domain = self._settings.sender.rpartition("@")[2]
        message = EmailMessage()
        line = " ".join((alert.subject or alert.text).split())
        message["Subject"] = line[:_SUBJECT_LENGTH]
        message["From"] = self._settings.sender
        message["To"] = ", ".join(self._settings.to)
        message["Message-ID"] = f"<{alert.name}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(alert.text)
        return message


def _as_slack_reads(text: str) -> str:
    """Escape the text, so that Slack sees no link and no mention of the whole channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
