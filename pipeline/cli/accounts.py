"""`orderbridge accounts`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    NOTHING_DONE,
    Installation,
    NotFound,
    columns,
    open_installation,
    print_json,
    tell,
    titled,
    when,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from pipeline.amazon.tables import AccountAccess
    from pipeline.intake.tables import Watermark
    from pipeline.settings.model import AccountSettings


@dataclass(frozen=True, slots=True)
class _Account:
    """The state of an account."""

    name: str
    settings: AccountSettings
    refused: AccountAccess | None
    cursor: Watermark | None
    attention: Mapping[str, str]


@click.group(invoke_without_command=True, epilog=EXIT_STATUS)
@AS_JSON
@click.pass_context
def accounts(context: click.Context, as_json: bool) -> None:
    """Show the state of each selling account and its open problems. Times are UTC."""
    if context.invoked_subcommand is not None:
        if as_json:
            raise click.UsageError("give --json after the subcommand")
        return
    with open_installation() as installation:
        from pipeline.amazon.access import standing
        from pipeline.base.clock import utc_now
        from pipeline.base.incidents import Incidents
        from pipeline.monitoring.account_checks import alarms_of, cursor_of

        now = utc_now()
        incidents = Incidents(installation.sessions)
        shown = []
        for name, account in installation.settings.accounts.items():
            alarms = alarms_of(
                installation.sessions, name, account, installation.settings.timing, now
            )
            shown.append(
                _Account(
                    name,
                    account,
                    standing(installation.sessions, name),
                    cursor_of(installation.sessions, name),
                    # Incidents are checked anew, so that they are right even if no worker runs.
                    {incident.key: incident.text for incident in incidents.all_open(name)}
                    | {key: alarm.text for key, alarm in alarms.items()},
                )
            )
        if as_json:
            print_json([_as_json(row) for row in shown])
            return
        for row in shown:
            click.echo("\n".join([f"account {row.name}", *_as_text(row, now), ""]))


@accounts.command(epilog=EXIT_STATUS)
@click.argument("name")
@AS_JSON
def retry(name: str, as_json: bool) -> None:
    """Let the stopped account NAME call Amazon again, after you have set its new secrets.

    The account's next call, at the latest the next poll, shows whether Amazon accepts them.
    """
    with open_installation() as installation:
        from pipeline.amazon.access import probe_now
        from pipeline.base.clock import utc_now

        _must_exist(name, installation)
        if not probe_now(installation.sessions, name, utc_now()):
            tell(f"Account {name} is not stopped.", as_json, account=name, is_tried=False)
            raise click.exceptions.Exit(NOTHING_DONE)
    tell(
        f"Account {name} calls Amazon again with its next job.",
        as_json,
        account=name,
        is_tried=True,
    )


def _must_exist(name: str, installation: Installation) -> None:
    if name not in installation.settings.accounts:
        raise NotFound(f"there is no [accounts.{name}] in the configuration")


def _state(row: _Account) -> str:
    if row.refused is None:
        return "works"
    if row.refused.stopped_at is None:
        return f"refused by Amazon since {when(row.refused.refused_since)}, still retried"
    stopped, probe = when(row.refused.stopped_at), when(row.refused.probe_at)
    return f"stopped since {stopped}, next retry from {probe}"


def _as_text(row: _Account, now: datetime) -> list[str]:
    account, cursor = row.settings, row.cursor
    expires = account.client_secret_expires
    facts = {
        "state": _state(row),
        "region": account.region,
        "address": account.api_url.rpartition("@")[2],
        "marketplaces": _marketplaces(account),
        "orders read up to": when(cursor.position) if cursor else "-",
        "last read": when(cursor.read_at) if cursor else "-",
        "last error": (cursor.trouble or "") if cursor else "",
        "client secret": f"expires {expires}, {(expires - now.date()).days} days left"
        if expires
        else "",
    }
    attention = [("  attention", text) for text in row.attention.values()]
    return [*(f"  {line}" for line in titled(facts)), *(columns(attention) if attention else [])]


def _marketplaces(account: AccountSettings) -> str:
    from pipeline.settings.marketplaces import country_of

    named = [country_of(name) or name for name in account.marketplaces]
    return ", ".join([*named, "all others"]) if named else "all"


def _as_json(row: _Account) -> dict[str, Any]:
    from pipeline.settings.marketplaces import of_region

    account, cursor, refused = row.settings, row.cursor, row.refused
    return {
        "account": row.name,
        "state": "works" if refused is None else "stopped" if refused.stopped_at else "refused",
        "refused_since": refused and refused.refused_since,
        "stopped_at": refused and refused.stopped_at,
        "tried_again_at": refused and refused.probe_at,
        "reason": refused and refused.reason,
        "region": account.region,
        "address": account.api_url.rpartition("@")[2],
        "marketplaces": [
            {**marketplace._asdict(), "has_own_settings": marketplace.id in account.marketplaces}
            for marketplace in of_region(account.region)
        ],
        "read_up_to": cursor and cursor.position,
        "last_read_at": cursor and cursor.read_at,
        "trouble": cursor and cursor.trouble,
        "client_secret_expires": account.client_secret_expires,
        "attention": row.attention,
    }
