"""Beat's job that checks the accounts. A concurrent or lost run does no harm."""

from __future__ import annotations

from pipeline.monitoring.account_checks import check_all, close_unknown
from tasks.engine.runtime import Runtime


def check_accounts(parts: Runtime) -> None:
    """Report expiring secrets and accounts whose orders are no longer read, and close the incidents
    of accounts and shops that are no longer configured."""
    close_unknown(parts.sessions, parts.settings, parts.clients.now())
    check_all(parts.sessions, parts.settings, parts.clients.now())
