"""`orderbridge audit`: the security log."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    NOTHING_DONE,
    Unusable,
    columns,
    moment,
    open_installation,
    print_json,
    signature,
    tell,
    when,
)

if TYPE_CHECKING:
    from pipeline.access.audit import Head
    from pipeline.base.security_log import Action
    from pipeline.base.tables import SecurityLogRow


def _action(_: click.Context, __: click.Parameter, text: str | None) -> Action | None:
    from pipeline.base.security_log import Action

    try:
        return None if text is None else Action(text)
    except ValueError as error:
        raise click.BadParameter(f"choose one of {', '.join(Action)}") from error


def _heads(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> list[Head]:
    from pipeline.access.audit import Head

    try:
        return [Head.parse(text) for text in texts]
    except ValueError as error:
        raise click.BadParameter("a head looks like 120:5f3a…, as verify prints it") from error


@click.group(epilog=EXIT_STATUS)
def audit() -> None:
    """Show, check, export and prune the security log.

    It records sign-ins, changes of people, personal data that was shown or exported, searches for
    buyers, purges and changes of settings. Rows are never changed.
    """


@audit.command("list", epilog=EXIT_STATUS)
@click.option("--person", default="", help="Only acts of this person.")
@click.option("--action", callback=_action, metavar="ACTION", help="Only acts of this kind.")
@click.option("--object", "object_", default="", help="Only acts on this object, as it is listed.")
@click.option("--since", callback=moment, metavar="TIME", help="Only from this day or time on.")
@click.option("--until", callback=moment, metavar="TIME", help="Only before this day or time.")
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    help="Show at most this many.",
)
@AS_JSON
def list_(
    person: str,
    action: Action | None,
    object_: str,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """List the security log, newest first. Times are UTC."""
    with open_installation() as installation:
        from pipeline.access.audit import Wanted, newest

        wanted = Wanted(person, action, object_, since, until)
        rows = newest(installation.sessions, wanted, limit)
    if as_json:
        print_json([_as_json(row) for row in rows])
    elif rows:
        table = [("NUMBER", "TIME", "PERSON", "ADDRESS", "ACTION", "OBJECT", "FACTS")]
        click.echo("\n".join(columns([*table, *map(_as_row, rows)])))
    if not rows:
        click.echo("There is no such row.", err=True)
        raise click.exceptions.Exit(NOTHING_DONE)


@audit.command(epilog=f"{EXIT_STATUS} Here 1 means that the log was tampered with.")
@click.option(
    "--head",
    "heads",
    multiple=True,
    callback=_heads,
    metavar="HEAD",
    help="A head that you kept elsewhere; may be repeated.",
)
@AS_JSON
def verify(heads: list[Head], as_json: bool) -> None:
    """Check that no row of the security log was changed or removed, and print its head.

    The check names the first wrong row. Rows removed at the end, and a log that was written anew as
    a whole, show only by a HEAD that was kept outside of this server: keep what this prints.
    """
    with open_installation() as installation:
        from pipeline.access import audit

        verdict = audit.verify(installation.sessions, heads)
    if as_json:
        print_json(
            {
                "rows": verdict.rows,
                "head": str(verdict.head),
                "is_unbroken": not verdict.broken,
                "broken": verdict.broken,
            }
        )
    elif verdict.broken:
        click.echo(f"Broken: {verdict.broken}. Right until then: {verdict.rows} rows.", err=True)
    else:
        click.echo(f"Unbroken: {verdict.rows} rows. Keep this head elsewhere:\n{verdict.head}")
    if verdict.broken:
        raise click.exceptions.Exit(NOTHING_DONE)


@audit.command(epilog=EXIT_STATUS)
@click.option("--since", callback=moment, metavar="TIME", help="Only from this day or time on.")
@click.option("--until", callback=moment, metavar="TIME", help="Only before this day or time.")
def export(since: datetime | None, until: datetime | None) -> None:
    """Write the security log to standard output, oldest first, as a JSON object per line."""
    with open_installation() as installation:
        from pipeline.access.audit import Wanted, oldest_first

        for row in oldest_first(installation.sessions, Wanted(since=since, until=until)):
            line = {**_as_json(row), "at": row.at.isoformat()}
            click.echo(json.dumps(line, ensure_ascii=False, separators=(",", ":")))


@audit.command(epilog=EXIT_STATUS)
@click.option("--dry-run", is_flag=True, help="Only count the rows.")
@AS_JSON
def prune(dry_run: bool, as_json: bool) -> None:
    """Delete rows of the security log that are older than security_log_days, 366 at least.

    Only the owner of the tables may: run it where `orderbridge migrate` runs. A row of the pruning
    keeps the log checkable. Export the rows before.
    """
    with open_installation() as installation:
        from sqlalchemy.exc import ProgrammingError

        from pipeline.access import audit
        from pipeline.base.clock import utc_now

        days = installation.settings.security_log_days
        before = utc_now() - timedelta(days=days)
        try:
            if dry_run:
                count = audit.prunable(installation.sessions, before)
            else:
                count = audit.prune(installation.sessions, before, signature())
        except ProgrammingError as error:
            if getattr(error.orig, "sqlstate", "") != "42501":
                raise
            raise Unusable(
                "only the owner of the tables may prune the security log: run this with the "
                "ORDERBRIDGE_DATABASE_URL of `orderbridge migrate`"
            ) from error
    rows = "1 row" if count == 1 else f"{count} rows"
    done = "would be deleted" if dry_run else "deleted"
    tell(f"{rows} older than {days} days {done}.", as_json, rows=count, pruned=not dry_run)
    if not count:
        raise click.exceptions.Exit(NOTHING_DONE)


def _facts(row: SecurityLogRow) -> str:
    return ", ".join(f"{name} {value}" for name, value in row.facts.items() if value is not None)


def _as_row(row: SecurityLogRow) -> tuple[str, ...]:
    named = (row.person or "-", row.address or "-", row.action, row.object or "-")
    return (str(row.id), when(row.at), *named, _facts(row))


def _as_json(row: SecurityLogRow) -> dict[str, Any]:
    from pipeline.access.audit import content

    return {**content(row), "previous_hash": row.previous_hash.hex(), "hash": row.hash.hex()}
