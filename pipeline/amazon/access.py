"""Stops an account that Amazon refuses, and probes it until Amazon accepts it again.

Amazon refuses in two ways. A refused sign-in proves that the seller's grant or the application's
secret is invalid: the account stops at once. A refused call proves little, since storms of refusals
over all sellers have ended by themselves within half an hour: an incident opens after ten minutes,
and the account stops only when Amazon has called its token dead for longer than any such storm.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from pipeline.amazon.tables import AccountAccess
from pipeline.base.at_once import at_once
from pipeline.base.db import Sessions
from pipeline.base.errors import AccountPaused, AccountStopped, RemoteError, Transient
from pipeline.base.incidents import Incidents

PROBE_EVERY = timedelta(minutes=15)
TELL_AFTER = timedelta(minutes=10)
LONGEST_STORM = timedelta(minutes=35)
_SOON = timedelta(minutes=1)
# The wait during a storm of refusals, as long as after a refused read.
_STORM_WAIT_S = 300.0
_REFUSED = "SELECT 1 FROM account_access WHERE account = %(account)s"


class Access:
    """One account's refusals, shared by all workers through the database."""

    def __init__(self, sessions: Sessions, account: str, now: Callable[[], datetime]) -> None:
        self._sessions = sessions
        self._account = account
        self._now = now
        self._incidents = Incidents(sessions)
        self._key = f"account:{account}"

    def enter(self) -> AccountAccess | None:
        """Before a call to Amazon: the row of recent refusals, or None when it refused nothing.

        Raises AccountPaused while the account is stopped. Every 15 minutes a single caller may
        pass, and its call shows whether the account works again.
        """
        if not at_once(self._sessions, _REFUSED, {"account": self._account}):
            return None
        now = self._now()
        with self._sessions() as session, session.begin():
            row = session.get(AccountAccess, self._account)
            if row is None or row.stopped_at is None:
                return row
            is_probe = session.scalars(
                update(AccountAccess)
                .where(
                    AccountAccess.account == self._account,
                    AccountAccess.stopped_at.is_not(None),
                    AccountAccess.probe_at <= now,
                )
                .values(probe_at=now + PROBE_EVERY)
                .returning(AccountAccess.account)
                .execution_options(synchronize_session=False)
            ).all()
        if not is_probe:
            left = row.probe_at - now
            is_being_probed = left > PROBE_EVERY - _SOON
            raise self._paused(_SOON if is_being_probed else max(left, timedelta(0)) + _SOON)
        return row

    def works(self, before: AccountAccess) -> None:
        """After a successful call, delete the refusals `before` that `enter` returned."""
        with self._sessions() as session, session.begin():
            ended = session.scalars(
                delete(AccountAccess)
                .where(
                    AccountAccess.account == self._account,
                    # An account that was stopped during this call stays stopped.
                    AccountAccess.stopped_at.is_not_distinct_from(before.stopped_at),
                )
                .returning(AccountAccess.account)
            ).all()
        if ended:
            self._incidents.close(self._key, self._now())

    def probe_again_soon(self) -> None:
        """A probe got no answer: allow the next probe in a minute."""
        with self._sessions() as session, session.begin():
            session.execute(
                update(AccountAccess)
                .where(AccountAccess.account == self._account)
                .values(probe_at=self._now() + _SOON)
            )

    def sign_in_refused(self, error: AccountStopped) -> RemoteError:
        """Stop the account after a refused sign-in. Returns the error for the caller to raise."""
        self._note(error, stops=True)
        self._incidents.open(self._key, str(error), self._now(), account=self._account)
        return self._paused(PROBE_EVERY)

    def call_refused(self, error: RemoteError) -> RemoteError:
        """Record a refused call with a fresh token. Returns the error for the caller to raise."""
        now = self._now()
        since = self._note(error, stops=False)
        is_dead = isinstance(error, AccountStopped)
        if now - since >= TELL_AFTER:
            text = f"account {self._account}: Amazon has refused calls since {since:%H:%M} UTC: "
            self._incidents.open(self._key, text + str(error), now, account=self._account)
        if not is_dead:
            return error
        if now - since >= LONGEST_STORM:
            self._note(error, stops=True)
            return self._paused(PROBE_EVERY)
        return Transient(
            str(error),
            code=error.code,
            status=error.status,
            request_id=error.request_id,
            retry_after_s=_STORM_WAIT_S,
        )

    def _note(self, error: RemoteError, *, stops: bool) -> datetime:
        """Store the refusal; returns the time of the first refusal since the last success."""
        now = self._now()
        row = {
            "account": self._account,
            "refused_since": now,
            "probe_at": now + PROBE_EVERY,
            "stopped_at": now if stops else None,
            "reason": str(error)[:500],
        }
        noting = insert(AccountAccess).values(row)
        with self._sessions() as session, session.begin():
            since: datetime = session.scalars(
                noting.on_conflict_do_update(
                    index_elements=[AccountAccess.account],
                    set_={
                        "probe_at": noting.excluded.probe_at,
                        "stopped_at": func.coalesce(
                            AccountAccess.stopped_at, noting.excluded.stopped_at
                        ),
                        "reason": noting.excluded.reason,
                    },
                ).returning(AccountAccess.refused_since)
            ).one()
        return since

    def _paused(self, wait: timedelta) -> AccountPaused:
        return AccountPaused(
            f"account {self._account} is stopped: Amazon refuses it. The account is retried "
            "automatically every 15 minutes",
            code="account_stopped",
            retry_after_s=wait.total_seconds(),
        )


def standing(sessions: Sessions, account: str) -> AccountAccess | None:
    """The row of an account that Amazon refuses; None when the account works."""
    with sessions() as session:
        return session.scalar(select(AccountAccess).where(AccountAccess.account == account))


def probe_now(sessions: Sessions, account: str, now: datetime) -> bool:
    """Let the next call of a stopped account through. False when it is not stopped."""
    with sessions() as session, session.begin():
        row = session.get(AccountAccess, account, with_for_update=True)
        if row is None or row.stopped_at is None:
            return False
        row.probe_at = now
    return True
