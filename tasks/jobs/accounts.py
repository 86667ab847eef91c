"""Beat's job that looks after the accounts. It is safe to run twice at once, and to lose."""

from __future__ import annotations

from pipeline.monitoring.account_checks import check_account, close_unknown
from tasks.engine.runtime import Runtime


def check_accounts(parts: Runtime) -> None:
    """Tell of secrets that expire and of accounts of which nothing has been read, and no longer of
    what is not configured any more."""
    close_unknown(parts.sessions, parts.settings, parts.clients.now())
    for name, account in parts.settings.accounts.items():
        check_account(parts.sessions, name, account, parts.settings.timing, parts.clients.now())
