"""When no invoice of an account is sent. The open incidents are the record of it."""

from __future__ import annotations

from datetime import datetime, timedelta

from pipeline.amazon.invoice_feed import ROLE
from pipeline.base.incidents import Incidents

TRY_ROLE_AGAIN = timedelta(hours=6)


class Pauses:
    """An account's two reasons not to send: Amazon takes no invoices, or the role is missing."""

    def __init__(self, incidents: Incidents, account: str) -> None:
        self._incidents = incidents
        self._account = account
        self._off = f"invoices:{account}"
        self._role = f"invoice-role:{account}"
        self._lacking = False

    def stop(self, now: datetime) -> bool:
        """Whether nothing may be sent. Without the role, an invoice is tried every six hours."""
        open_now = {each.key: each for each in self._incidents.all_open(self._account)}
        role = open_now.get(self._role)
        self._lacking = role is not None
        waits = role is not None and now < role.last_seen_at + TRY_ROLE_AGAIN
        return waits or self._off in open_now

    def takes_none(self, trouble: str, code: int | None, now: datetime) -> None:
        """Amazon takes no invoices of the account: stop until a person resumes."""
        text = (
            f"account {self._account}: no invoice is sent to Amazon any more. {trouble} (code "
            f'{code}). Set invoices_to_amazon = "off", or change the account and run '
            f"`orderbridge invoices resume {self._account}`"
        )
        self._incidents.open(self._off, text, now, account=self._account)

    def lacks_role(self, now: datetime) -> None:
        """Amazon refuses the feed: the application lacks the role."""
        text = (
            f"account {self._account}: Amazon refuses invoices. Add the role {ROLE} to the "
            "application in Seller Central and authorise it again; orders go on meanwhile, and an "
            "invoice is tried every six hours"
        )
        self._incidents.open(self._role, text, now, account=self._account)

    def has_role(self, now: datetime) -> None:
        """Amazon took an invoice."""
        if self._lacking:
            self._incidents.close(self._role, now)

    def resume(self, now: datetime) -> bool:
        """Send again from now on. False when nothing was stopped."""
        closed = [self._incidents.close(key, now) for key in (self._off, self._role)]
        return any(closed)
