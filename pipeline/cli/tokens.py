"""`orderbridge tokens`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    NOTHING_DONE,
    columns,
    open_installation,
    print_json,
    signature,
    tell,
    when,
)
from pipeline.settings.roles import Role

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline.access.api_tokens import ApiTokens
    from pipeline.access.tables import ApiToken

_SCOPES = click.Choice(["orders:read", "orders:act", "health:read"])


@click.group(epilog=EXIT_STATUS)
def tokens() -> None:
    """Manage the tokens by which other systems use the API."""


@tokens.command(epilog=EXIT_STATUS)
@click.argument("name")
@click.option("--scope", "scopes", type=_SCOPES, multiple=True, help="What it is for.")
@click.option(
    "--role", type=click.Choice(["viewer", "operator"]), help="The scopes of a person's role."
)
@click.option(
    "--days",
    type=click.IntRange(1, 365),
    default=90,
    show_default=True,
    help="After so many days it ends.",
)
@AS_JSON
def add(name: str, scopes: tuple[str, ...], role: str | None, days: int, as_json: bool) -> None:
    """Make a token for the system NAME, and print it once: only its digest is kept.

    orders:read reads orders and their timelines, orders:act releases, holds, notes, ships and
    cancels them, health:read reads the health. The role viewer reads both, operator may do all. No
    scope shows buyers' data.
    """
    if bool(scopes) == bool(role):
        raise click.UsageError("give each --scope, or a --role")
    with _tokens() as tokens:
        from pipeline.access.api_tokens import SCOPES_OF, ApiScope

        wanted = SCOPES_OF[Role(role)] if role else tuple(map(ApiScope, scopes))
        made = tokens.add(name, wanted, days, signature())
    if as_json:
        print_json({"name": name, "token": made, "scopes": wanted, "days": days})
    else:
        click.echo(made)
        click.echo("Keep it now: it cannot be shown again.", err=True)


@tokens.command("list", epilog=EXIT_STATUS)
@AS_JSON
def list_tokens(as_json: bool) -> None:
    """List the tokens, also ended ones. Times are UTC."""
    with _tokens() as tokens:
        from pipeline.base.clock import utc_now

        every, now = tokens.all(), utc_now()
    if as_json:
        print_json([_as_json(token, now) for token in every])
    elif every:
        rows = [("NAME", "BEGINS WITH", "SCOPES", "LAST USED", "EXPIRES", "")]
        rows += [
            (
                token.name,
                token.prefix,
                " ".join(token.scopes),
                when(token.last_used_at),
                when(token.expires_at),
                _ended(token, now),
            )
            for token in every
        ]
        click.echo("\n".join(columns(rows)))
    if not every:
        click.echo("There is no token yet.", err=True)
        raise click.exceptions.Exit(NOTHING_DONE)


@tokens.command(epilog=EXIT_STATUS)
@click.argument("name")
@AS_JSON
def revoke(name: str, as_json: bool) -> None:
    """End the token NAME at once. Its acts stay in the timelines and the security log."""
    with _tokens() as tokens:
        tokens.revoke(name, signature())
    tell(f"The token {name} is revoked.", as_json, token=name, done="revoked")


@contextmanager
def _tokens() -> Iterator[ApiTokens]:
    with open_installation() as installation:
        from pipeline.access.api_tokens import ApiTokens, NotAllowed

        try:
            yield ApiTokens(installation.sessions)
        except NotAllowed as error:
            raise click.ClickException(str(error)) from error  # its exit status is NOTHING_DONE


def _ended(token: ApiToken, now: datetime) -> str:
    if token.revoked_at is not None:
        return "revoked"
    return "expired" if token.expires_at <= now else ""


def _as_json(token: ApiToken, now: datetime) -> dict[str, object]:
    return {
        "name": token.name,
        "prefix": token.prefix,
        "scopes": token.scopes,
        "created_at": token.created_at,
        "created_by": token.created_by,
        "last_used_at": token.last_used_at,
        "expires_at": token.expires_at,
        "ended": _ended(token, now) or None,
    }
