"""Who receives alerts, and by webhook or by mail."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, SecretStr, model_validator

from pipeline.settings.marketplace import SettingsModel

# The unquoted form of RFC 5322, in ASCII: what a mail's header takes as it is.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_ADDRESS = rf"^{_ATOM}(\.{_ATOM})*@{_LABEL}(\.{_LABEL})*$"
_LONGEST_ADDRESS = 254
MailAddress = Annotated[str, Field(pattern=_ADDRESS, max_length=_LONGEST_ADDRESS)]


def is_mail_address(text: str) -> bool:
    """Whether a mail can be sent to it."""
    return len(text) <= _LONGEST_ADDRESS and re.fullmatch(_ADDRESS, text) is not None


class MailSettings(SettingsModel):
    """The mail server and the recipients. Without `user` no sign-in to the server is made."""

    host: str = Field(min_length=1)
    port: int = Field(default=587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    sender: MailAddress
    to: tuple[MailAddress, ...] = Field(min_length=1)
    password: SecretStr = SecretStr("")

    @model_validator(mode="after")
    def _passwords_are_not_sent_in_clear(self) -> MailSettings:
        if self.user and self.security == "none":
            raise ValueError('user needs security = "starttls" or "tls"')
        return self


class AlertSettings(SettingsModel):
    """`ship_by_hours`: an unshipped order raises an alert so many hours before its ship-by time.

    `names_per_day`: a person who is shown the buyers of more orders within a day raises an alert.
    """

    webhook: bool = False
    mail: MailSettings | None = None
    names_per_day: int = Field(default=1_000, ge=1, le=1_000_000)
    ship_by_hours: int = Field(default=6, ge=1, le=72)
    webhook_url: SecretStr = SecretStr("")
