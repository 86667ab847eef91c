"""When no invoice of an account is sent. The open incidents are the record of it."""

from __future__ import annotations

from datetime import datetime, timedelta

from pipeline.amazon.invoice_feed import ROLE
from pipeline.base.incidents import Incidents

TRY_ROLE_AGAIN = timedelta(hours=6)


class Pauses:
    """An account's two reasons not to send: Amazon refuses each invoice, or the role is missing."""

    def __init__(self, incidents: Incidents, account: str) -> None:
        self._incidents = incidents
        self._account = account
        self._off = f"invoices:{account}"
        self._role = f"invoice-role:{account}"
        self._lacking = False

    def stop(self, now: datetime) -> bool:
        """Whether nothing may be sent."""
        return self.waits_for_role(now) or self._off in self._open()

    def waits_for_role(self, now: datetime) -> bool:
        """Whether Amazon is not even to be asked. Without the role it is asked every six hours."""
        seen_at = self._open().get(self._role)
        self._lacking = seen_at is not None
        return seen_at is not None and now < seen_at + TRY_ROLE_AGAIN

    def _open(self) -> dict[str, datetime]:
        return {each.key: each.last_seen_at for each in self._incidents.all_open(self._account)}

    def takes_none(self, count: int, trouble: str, code: int | None, now: datetime) -> None:
        """Amazon refused so many invoices in succession: stop until a person resumes."""
        named = "" if code is None else f" (code {code})"
        text = (
            f"account {self._account}: Amazon refused {count} invoices in succession, and no more "
            f"are sent. The last: {trouble}{named}. Put it right, or set invoices_to_amazon = "
            f'"off"; then run `orderbridge invoices resume {self._account}`'
        )
        self._incidents.open(self._off, text, now, account=self._account)

    def resumed_at(self) -> datetime | None:
        """When a person last had invoices sent again; refusals before count no more."""
        return self._incidents.closed_at(self._off)

    def lacks_role(self, now: datetime) -> None:
        """Amazon refuses the feed, or to tell of it: the application lacks the role."""
        text = (
            f"account {self._account}: Amazon refuses invoices. Add the role {ROLE} to the "
            "application in Seller Central, authorise it again, and run `orderbridge invoices "
            f"resume {self._account}`; orders go on meanwhile, and Amazon is asked every six hours"
        )
        self._incidents.open(self._role, text, now, account=self._account)

    def has_role(self, now: datetime) -> None:
        """Amazon took an invoice, or told of one."""
        if self._lacking:
            self._incidents.close(self._role, now)

    def resume(self, now: datetime) -> bool:
        """Send again from now on. False when nothing was stopped."""
        closed = [self._incidents.close(key, now) for key in (self._off, self._role)]
        return any(closed)
