"""`orderbridge settings show`, `turn`, `turn-back` and `turned`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    NOTHING_DONE,
    NotFound,
    Unusable,
    columns,
    open_installation,
    print_json,
    signature,
    when,
)

if TYPE_CHECKING:
    from pipeline.cli.common import Installation
    from pipeline.operations.preview.setting import Preview
    from pipeline.settings.origin import Place
    from pipeline.settings.overrides import PastOverride

_account = click.option("--account", required=True, help="The account's name in the file.")
_marketplace = click.option(
    "--marketplace", help="A marketplace, by country or id; by default the whole account."
)
_why = click.option("--why", default="", help="The reason, kept in the history.")
_dry_run = click.option("--dry-run", is_flag=True, help="Only show what would change.")


@click.command(epilog=EXIT_STATUS)
@click.option("--account", help="Only this account.")
@click.option("--marketplace", help="Only this marketplace, by country or id.")
@click.option("--differing", is_flag=True, help="Only values that differ from the default.")
@AS_JSON
def show(account: str | None, marketplace: str | None, differing: bool, as_json: bool) -> None:
    """Print the effective settings of each marketplace and the origin of each value.

    Marketplaces are those that are configured, overridden, or seen in the orders of the last 30
    days.
    """
    with open_installation() as installation, _refusals():
        from pipeline.base.clock import utc_now
        from pipeline.operations.lists.marketplaces_met import met_in_orders
        from pipeline.operations.preview.setting import WINDOW
        from pipeline.settings.origin import marketplace_named, places
        from pipeline.settings.overrides import turns

        if account is not None and account not in installation.settings.accounts:
            raise NotFound(f"there is no account {account} in the configuration")
        with installation.sessions() as session:
            met = met_in_orders(session, utc_now() - WINDOW)
            shown = [
                place
                for place in places(installation.settings, turns(session), met)
                if account in (None, place.account)
            ]
        if marketplace is not None:
            wanted = {
                marketplace_named(installation.settings, met, name, marketplace)
                for name in {place.account for place in shown}
            }
            shown = [place for place in shown if place.marketplace_id in wanted]
        if as_json:
            print_json([_as_json(place, differing) for place in shown])
        else:
            click.echo("\n\n".join("\n".join(_as_text(place, differing)) for place in shown))
        if not shown:
            raise click.exceptions.Exit(NOTHING_DONE)


@click.command(epilog=EXIT_STATUS)
@click.argument("name")
@click.argument("value")
@_account
@_marketplace
@_why
@_dry_run
@AS_JSON
def turn(
    name: str,
    value: str,
    account: str,
    marketplace: str | None,
    why: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Override the setting NAME with VALUE from now on, without a restart.

    Prints what would change for the orders of the last 30 days; with --dry-run it saves nothing. A
    setting that only the file can change may be tried with --dry-run.
    """
    _turn(name, value, account, marketplace, why, dry_run, as_json)


@click.command("turn-back", epilog=EXIT_STATUS)
@click.argument("name")
@_account
@_marketplace
@_why
@_dry_run
@AS_JSON
def turn_back(
    name: str, account: str, marketplace: str | None, why: str, dry_run: bool, as_json: bool
) -> None:
    """Remove the override of the setting NAME: the file's value applies again."""
    _turn(name, None, account, marketplace, why, dry_run, as_json)


@click.command(epilog=EXIT_STATUS)
@AS_JSON
def turned(as_json: bool) -> None:
    """Print the history of overrides, newest first."""
    with open_installation() as installation:
        from pipeline.settings.overrides import history

        with installation.sessions() as session:
            past = history(session)
        if as_json:
            print_json([_past_as_json(override) for override in past])
        elif past:
            for line in columns(_past(past)):
                click.echo(line)
        else:
            click.echo("There has been no override yet.")
        if not past:
            raise click.exceptions.Exit(NOTHING_DONE)


def _turn(
    name: str,
    value: str | None,
    account: str,
    marketplace: str | None,
    why: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    with open_installation() as installation, _refusals():
        from pipeline.settings.overrides import save

        preview = _tried(installation, name, value, account, marketplace)
        if not dry_run:
            save(installation.sessions, preview.turn, why=why, by=signature())
        if as_json:
            print_json({**_preview_as_json(preview), "saved": not dry_run})
        else:
            for line in _preview_as_text(preview):
                click.echo(line)
            click.echo("Not saved." if dry_run else "Saved: it applies in all workers within 5 s.")


def _tried(
    installation: Installation, name: str, value: str | None, account: str, marketplace: str | None
) -> Preview:
    from pipeline.base.clock import utc_now
    from pipeline.operations.lists.marketplaces_met import met_in_orders
    from pipeline.operations.preview.setting import WINDOW, preview
    from pipeline.settings.origin import marketplace_named
    from pipeline.settings.overrides import wanted

    now = utc_now()
    with installation.sessions() as session:
        marketplace_id = None
        if marketplace is not None:
            met = met_in_orders(session, now - WINDOW)
            marketplace_id = marketplace_named(installation.settings, met, account, marketplace)
        asked = wanted(installation.settings, account, marketplace_id, name, value)
        return preview(session, installation.settings, asked, now)


@contextmanager
def _refusals() -> Iterator[None]:
    from pipeline.settings.overrides import NotChangeable, NothingToChange

    try:
        yield
    except NothingToChange as error:
        raise NotFound(str(error)) from error
    except NotChangeable as error:
        raise Unusable(str(error)) from error


def _as_json(place: Place, differing: bool) -> dict[str, Any]:
    return {
        "account": place.account,
        "marketplace": place.marketplace_id,
        "settings": {
            value.name: {"value": value.value, "from": value.origin, "is_default": value.is_default}
            for value in place.values
            if not (differing and value.is_default)
        },
    }


def _as_text(place: Place, differing: bool) -> list[str]:
    from pipeline.settings.origin import written

    rows = [
        (value.name, written(value.value), value.origin)
        for value in place.values
        if not (differing and value.is_default)
    ]
    title = f"account {place.account}, {_where(place.marketplace_id, 'every other marketplace')}"
    return [title, *(columns(rows, "  ") if rows else ["  all values are the default"])]


def _where(marketplace_id: str | None, otherwise: str) -> str:
    from pipeline.operations.lists.order_facts import country

    if marketplace_id is None:
        return otherwise
    return f"marketplace {marketplace_id} ({country(marketplace_id)})"


def _preview_as_json(preview: Preview) -> dict[str, Any]:
    return {
        "account": preview.turn.account,
        "marketplace": preview.turn.marketplace_id,
        "name": preview.turn.name,
        "before": preview.before,
        "after": preview.after,
        "since": preview.since,
        "orders": preview.looked_at,
        "changes": [
            {
                "what": change.what,
                "orders": change.orders,
                "under_way": change.under_way,
                "totals": change.totals,
                "examples": [number for _, number in change.examples],
            }
            for change in preview.changes
        ],
        "rests_on": preview.rests_on,
        "unknown": preview.unknown,
    }


def _preview_as_text(preview: Preview) -> Iterator[str]:
    from pipeline.operations.lists.order_facts import price
    from pipeline.settings.origin import written

    place = _where(preview.turn.marketplace_id, "all marketplaces")
    yield f"{preview.turn.name}: {written(preview.before)} -> {written(preview.after)}"
    yield f"  account {preview.turn.account}, {place}"
    yield f"Of {preview.looked_at} orders since {when(preview.since)}:"
    for change in preview.changes:
        worth = ", ".join(price(total, currency) for currency, total in change.totals.items())
        under_way = f"{change.under_way} of them under way"
        yield f"  {change.orders}, {under_way}: {change.what} ({worth or '-'})"
        yield f"    {', '.join(number for _, number in change.examples)}"
    if not preview.changes:
        yield "  no change that the stored data shows"
    yield f"Based on: {preview.rests_on}"
    if preview.unknown:
        yield f"Not shown: {preview.unknown}"


def _past_as_json(override: PastOverride) -> dict[str, Any]:
    row = override.row
    return {
        **{"account": row.account, "marketplace": row.marketplace_id, "name": row.name},
        **{"before": override.before, "after": row.value, "author": row.author},
        **{"at": row.at, "why": row.why},
    }


def _past(past: Sequence[PastOverride]) -> list[tuple[str, ...]]:
    from pipeline.settings.origin import written

    def of(value: object) -> str:
        return "as in the file" if value is None else written(value)

    return [
        (
            when(override.row.at),
            override.row.author,
            f"{override.row.account}, {_where(override.row.marketplace_id, 'whole account')}",
            f"{override.row.name}: {of(override.before)} -> {of(override.row.value)}",
            override.row.why,
        )
        for override in past
    ]
