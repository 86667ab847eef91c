"""`orderbridge health`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    NOTHING_DONE,
    columns,
    open_installation,
    print_json,
    titled,
    when,
)
from pipeline.cli.terminal import print_lines

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from pipeline.monitoring.health import Health


@click.command(epilog=f"{EXIT_STATUS} Here 1 means that there is an open problem.")
@AS_JSON
def health(as_json: bool) -> None:
    """Show the state of accounts, shops, queues and workers, and open problems. Times are UTC."""
    with open_installation() as installation:
        from pipeline.base.clock import utc_now
        from pipeline.monitoring.health import health as look

        with installation.settings.broker.client(timeout_s=2) as broker:
            shown = look(installation.settings, installation.sessions, broker, utc_now())
    if as_json:
        print_json(_as_json(shown))
    else:
        print_lines(_as_text(shown))
    if not shown.is_well:
        raise click.exceptions.Exit(NOTHING_DONE)


def _as_json(shown: Health) -> dict[str, object]:
    facts = {"is_well": shown.is_well, **asdict(shown)}
    facts["oldest_personal_data_s"] = facts.pop("oldest_personal_data")
    for account in facts["accounts"]:
        account["lag_s"] = account.pop("lag")
    return facts


def _as_text(shown: Health) -> list[str]:
    lines: list[str] = []
    for account in shown.accounts:
        quota = {name: left for name, left in account.quota_left.items() if left is not None}
        facts = {
            "state": account.state,
            "last import": when(account.last_import_at),
            "last error": account.trouble,
            "orders": _counts(account.orders),
            "due": f"{account.due}, the oldest since {when(account.oldest_due_at)}"
            if account.due
            else "0",
            "to be fetched": str(account.to_fetch),
            "confirmations": f"{account.unconfirmed} queued, {account.refused} refused",
            "quota left": ", ".join(f"{name} {left:.0f}" for name, left in quota.items()),
            "client secret": f"expires {account.client_secret_expires}"
            if account.client_secret_expires
            else "",
        }
        lines += [f"account {account.name}", *(f"  {line}" for line in titled(facts)), ""]
    for shop in shown.shops:
        facts = {"orders": _counts(shop.orders), "due": str(shop.due)}
        lines += [f"shop {shop.name}", *(f"  {line}" for line in titled(facts)), ""]
    queues = _counts(shown.queues) if shown.queues is not None else "unknown"
    lines += titled(
        {
            "queues": queues,
            "rejected messages": "unknown"
            if shown.rejected_messages is None
            else str(shown.rejected_messages),
            "last beat": when(shown.last_beat_at),
            "oldest personal data": _age(shown.oldest_personal_data),
        }
    )
    if shown.untold_alerts:
        lines.append(f"{shown.untold_alerts} alerts could not be delivered yet")
    if shown.read_only:
        lines.append(shown.read_only)
    if shown.is_well:
        return [*lines, "", "all is well"]
    return [*lines, "", "attention", *columns([*shown.problems.items()], "  ")]


def _age(age: timedelta | None) -> str:
    if age is None:
        return "none"
    return f"{age.days} days after the delivery" if age.days >= 0 else "not delivered yet"


def _counts(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counted.items()) or "none"
