"""Errors of the remotes, divided by the only question a caller has: may I send it again?

The messages hold codes and ids, never a buyer's data, because logs and the timeline show them.
"""

from __future__ import annotations

from collections.abc import Mapping

_LONGEST_WORD = 200


class RemoteError(Exception):
    """A call to Amazon or Magento failed.

    `code` is the remote's error code or a short word of ours. `request_id` is the id that the
    remote's support asks for. `retry_after_s` is the pause that the remote demands, in seconds.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        status: int | None = None,
        request_id: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code[:_LONGEST_WORD]
        self.status = status
        self.request_id = request_id[:_LONGEST_WORD]
        self.retry_after_s = retry_after_s

    @property
    def in_clear(self) -> str:
        """What jobs keep and alerts tell of the error: the remote's own words may quote a buyer.

        Without a status there was no answer, and the words are ours; so they are of a stopped
        account.
        """
        if self.status is None or isinstance(self, AccountStopped):
            return f"{self.code}: {self}" if self.code else str(self)
        request = f", request {self.request_id}" if self.request_id else ""
        return f"{self.code or type(self).__name__}: status {self.status}{request}"


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
