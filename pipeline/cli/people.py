"""`orderbridge people`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    NOTHING_DONE,
    RowId,
    columns,
    open_installation,
    print_json,
    private_text,
    signature,
    tell,
    when,
)
from pipeline.cli.people_review import review
from pipeline.settings.roles import Role

if TYPE_CHECKING:
    from pipeline.access.people import People
    from pipeline.access.tables import PersonRecord, SignIn

_ROLES = click.Choice([role.value for role in Role])


@click.group(epilog=EXIT_STATUS)
def people() -> None:
    """Manage who may sign in to the console, and what they may do.

    A viewer sees the orders without the buyers' data. An operator acts on orders. An admin may do
    everything.
    """


@people.command("list", epilog=EXIT_STATUS)
@AS_JSON
def list_people(as_json: bool) -> None:
    """List all people. Times are UTC."""
    with _people() as people:
        everyone = people.everyone()
    if as_json:
        print_json([_as_json(person) for person in everyone])
    elif everyone:
        rows = [("NAME", "ROLE", "SIGNS IN WITH", "LAST SIGNED IN", "")]
        rows += [
            (
                person.name,
                person.role,
                _way(person),
                when(person.signed_in_at),
                "locked" if person.locked else "",
            )
            for person in everyone
        ]
        click.echo("\n".join(columns(rows)))
    if not everyone:
        click.echo("Nobody may sign in yet.", err=True)
        raise click.exceptions.Exit(NOTHING_DONE)


@people.command(epilog=EXIT_STATUS)
@click.argument("name")
@click.option("--role", type=_ROLES, required=True, help="What the person may do.")
@AS_JSON
def add(name: str, role: str, as_json: bool) -> None:
    """Add the person NAME. The password is asked for, or read from standard input.

    It lets them in once, within 72 hours; then they choose their own. The name is refused when
    somebody has it, had it, or has one that looks like it.
    """
    with _people() as people:
        people.add(name, Role(role), private_text("Password", hidden=True), signature())
    tell(f"{name} may sign in as {role}.", as_json, person=name, done="added", role=role)


@people.command("role", epilog=EXIT_STATUS)
@click.argument("name")
@click.argument("role", type=_ROLES)
@AS_JSON
def set_role(name: str, role: str, as_json: bool) -> None:
    """Give the person NAME the role ROLE. It applies at once."""
    with _people() as people:
        people.set_role(name, Role(role), signature())
    tell(f"{name} is {role} now.", as_json, person=name, done="role changed", role=role)


@people.command(epilog=EXIT_STATUS)
@click.argument("name")
@AS_JSON
def password(name: str, as_json: bool) -> None:
    """Give the person NAME another password, which is asked for or read from standard input.

    They are signed out everywhere. The password lets them in once, within 72 hours; then they
    choose their own.
    """
    with _people() as people:
        people.set_password(name, private_text("Password", hidden=True), signature())
    tell(f"{name} has a new password.", as_json, person=name, done="password changed")


@people.command(epilog=EXIT_STATUS)
@click.argument("name")
@AS_JSON
def lock(name: str, as_json: bool) -> None:
    """Sign the person NAME out and refuse every further sign-in."""
    with _people() as people:
        people.set_locked(name, True, signature())
    tell(f"{name} is locked.", as_json, person=name, done="locked")


@people.command(epilog=EXIT_STATUS)
@click.argument("name")
@AS_JSON
def unlock(name: str, as_json: bool) -> None:
    """Let the person NAME sign in again, also after too many wrong passwords."""
    with open_installation() as installation, _clear_refusals():
        from pipeline.access.password_attempts import PasswordAttempts
        from pipeline.access.people import People
        from pipeline.base.vault import Vault

        People(installation.sessions).set_locked(name, False, signature())
        PasswordAttempts(installation.sessions, Vault(*installation.settings.master_keys)).forgive(
            name
        )
    tell(f"{name} may sign in.", as_json, person=name, done="unlocked")


@people.command(epilog=EXIT_STATUS)
@click.argument("name")
@AS_JSON
def remove(name: str, as_json: bool) -> None:
    """Remove the person NAME. The timelines of orders keep the name, and nobody gets it again.

    The last admin is not removed. A person who signs in by OpenID is added again at the next
    sign-in: lock them instead.
    """
    with _people() as people:
        people.remove(name, signature())
    tell(f"{name} is removed.", as_json, person=name, done="removed")


@people.command("reset-second-factor", epilog=EXIT_STATUS)
@click.argument("name")
@AS_JSON
def reset_second_factor(name: str, as_json: bool) -> None:
    """Delete the second factor of the person NAME, who has lost phone and recovery codes.

    Whoever has to have one sets up another at the next sign-in.
    """
    with open_installation() as installation, _clear_refusals():
        from pipeline.access.second_factor import SecondFactors
        from pipeline.base.vault import Vault

        factors = SecondFactors(installation.sessions, Vault(*installation.settings.master_keys))
        factors.reset(name, signature())
    sentence = f"{name} has no second factor any more."
    tell(sentence, as_json, person=name, done="second factor reset")


@people.command(epilog=EXIT_STATUS)
@click.argument("name")
@click.option("--end", "end_id", type=RowId(), metavar="ID", help="End this sign-in.")
@click.option("--end-all", is_flag=True, help="End all of them.")
@AS_JSON
def sessions(name: str, end_id: int | None, end_all: bool, as_json: bool) -> None:
    """List where the person NAME is signed in, or end that. Times are UTC."""
    if end_id is not None and end_all:
        raise click.UsageError("--end and --end-all exclude each other")
    with open_installation() as installation, _clear_refusals():
        from pipeline.access.people import People
        from pipeline.access.sign_ins import SignIns

        by = signature()
        person = People(installation.sessions).named(name)
        sign_ins = SignIns(installation.sessions, installation.settings.console)
        ended = None
        if end_all:
            ended = sign_ins.end_all(person.id, by)
        elif end_id is not None:
            ended = sign_ins.end_one(person.id, end_id, by)
        found = sign_ins.of(person.id, by.at)
    if ended is not None:
        tell(f"{ended} ended, {len(found)} left.", as_json, ended=ended, left=len(found))
    elif as_json:
        print_json([_sign_in_as_json(one) for one in found])
    elif found:
        rows = [("ID", "SINCE", "LAST SEEN", "ADDRESS", "BROWSER")]
        rows += [
            (
                str(one.id),
                when(one.started_at),
                when(one.seen_at),
                one.address or "-",
                one.browser or "-",
            )
            for one in found
        ]
        click.echo("\n".join(columns(rows)))
    if ended == 0 or (ended is None and not found):
        click.echo(f"{name} has no such sign-in.", err=True)
        raise click.exceptions.Exit(NOTHING_DONE)


people.add_command(review)


@contextmanager
def _people() -> Iterator[People]:
    with open_installation() as installation, _clear_refusals():
        from pipeline.access.people import People

        yield People(installation.sessions)


@contextmanager
def _clear_refusals() -> Iterator[None]:
    from pipeline.access.errors import NotAllowed

    try:
        yield
    except NotAllowed as error:
        raise click.ClickException(str(error)) from error  # its exit status is NOTHING_DONE


def _way(person: PersonRecord) -> str:
    return "password" if person.subject is None else "OpenID"


def _as_json(person: PersonRecord) -> dict[str, object]:
    return {
        "name": person.name,
        "role": person.role,
        "signs_in_with": _way(person).lower(),
        "locked": person.locked,
        "created_at": person.created_at,
        "signed_in_at": person.signed_in_at,
    }


def _sign_in_as_json(one: SignIn) -> dict[str, object]:
    return {
        "id": one.id,
        "started_at": one.started_at,
        "seen_at": one.seen_at,
        "address": one.address,
        "browser": one.browser,
    }
