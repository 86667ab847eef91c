"""Errors of the remotes, divided by the only question a caller has: may I send it again?

Their messages are sentences of ours with codes and ids: logs, pages and the timeline show them.
What a remote says may quote the buyer: it is in `words` alone, which `str` and `repr` never show.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pydantic import SecretStr

LONGEST_WORDS = 1000
NO_WORDS = SecretStr("")
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.:/-]{0,79}|[0-9]{1,6}[A-Za-z]{0,3}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9=_.:-]{0,99}")


def code_of(text: str) -> str:
    """A remote's code, if it is written like one; else "", since it may be a sentence."""
    return text if _CODE.fullmatch(text) else ""


class RemoteError(Exception):
    """A call to Amazon or Magento failed.

    `message` is a sentence of ours. `code` is the remote's error code or a short word of ours.
    `request_id` is the id that the remote's support asks for. `retry_after_s` is the pause that the
    remote demands, in seconds. `words` are the remote's own, which are kept sealed or not at all.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        status: int | None = None,
        request_id: str = "",
        retry_after_s: float | None = None,
        words: str = "",
    ) -> None:
        super().__init__(message)
        self.code = code_of(code)
        self.status = status
        self.request_id = request_id if _REQUEST_ID.fullmatch(request_id) else ""
        self.retry_after_s = retry_after_s
        self.words = SecretStr(words[:LONGEST_WORDS])

    @property
    def told(self) -> str:
        """What jobs keep and alerts tell of the error."""
        return f"{self.code}: {self}" if self.code else str(self)


class Transient(RemoteError):
    """The remote did nothing: send the request again later."""


class NotSent(Transient):
    """The request was deliberately not sent: try again after `retry_after_s`."""


class OverQuota(NotSent):
    """The request was not sent, because the remote's quota is used up."""


class AccountPaused(NotSent):
    """The request was not sent, because the remote refuses this account for now."""


class WritesStopped(NotSent):
    """The request was not sent, because this installation is read-only for now."""


class Rejected(RemoteError):
    """The remote refused the request: never send the same request again automatically."""


class OutcomeUnknown(RemoteError):
    """The request was sent and no usable answer came: look before sending it again."""


class AccountStopped(Rejected):
    """The remote no longer accepts this account's credentials: a person has to act."""


class CannotMap(Exception):
    """The order can be read but not mapped to Magento; its step holds it with this code."""

    def __init__(self, code: str, reason: str, facts: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.facts = dict(facts or {})
