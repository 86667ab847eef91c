"""What can go wrong at a remote, cut by the only question a caller has: may I send it again?

The messages carry codes and ids, never a buyer's data: they end in logs and on the timeline.
"""

from __future__ import annotations

from collections.abc import Mapping

_LONGEST_WORD = 200


class RemoteError(Exception):
    """A call to Amazon or Magento that did not end well.

    `code` is the remote's own error code or a short word of ours, `request_id` what its support
    asks for, `retry_after_s` what the remote told us to wait, in seconds.
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


class Transient(RemoteError):
    """Nothing happened there: send it again, later."""


class NotSent(Transient):
    """Not sent, on purpose: come back after `retry_after_s`."""


class OverQuota(NotSent):
    """Not sent, because the remote's quota is used up."""


class AccountPaused(NotSent):
    """Not sent, because the remote refuses this account for now."""


class WritesStopped(NotSent):
    """Not sent, because nothing may be written for now: this installation is read-only."""


class Rejected(RemoteError):
    """The remote read it and said no: never send the same again by itself."""


class OutcomeUnknown(RemoteError):
    """It was sent and no usable answer came: look before sending again."""


class AccountStopped(Rejected):
    """The remote no longer accepts this account's credentials: a person has to act."""


class CannotMap(Exception):
    """An order that can be read but not carried over; becomes a hold with this code."""

    def __init__(self, code: str, reason: str, facts: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.facts = dict(facts or {})
