"""`orderbridge people review`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    columns,
    open_installation,
    print_json,
    signature,
    when,
)

if TYPE_CHECKING:
    from pipeline.access.review import Change, Review, Reviewed


@click.command(epilog=EXIT_STATUS)
@click.option("--done", is_flag=True, help="Record that access was reviewed; do this last.")
@AS_JSON
def review(done: bool, as_json: bool) -> None:
    """Print what a review of access needs, since the last one. Times are UTC.

    Everybody who may sign in: role, way, second factor, last sign-in, age of the password and who
    added them. Then the changes of people, and to whom buyers' data was shown. Go through it every
    quarter, lock or remove whom nobody needs, and record the review with --done.
    """
    with open_installation() as installation:
        from pipeline.access import review as access

        by = signature()
        found = access.review(installation.sessions, installation.settings.console, by.at)
        if done:
            access.record_review(installation.sessions, len(found.people), by)
    if as_json:
        print_json(_as_json(found, done))
        return
    click.echo("\n".join(_lines(found)))
    if done:
        click.echo("\nThe security log has that access was reviewed.")


def _lines(found: Review) -> list[str]:
    since = f"since {when(found.since)}" if found.since else "since the security log begins"
    people = [
        (
            *("NAME", "ROLE", "SIGNS IN WITH", "SECOND FACTOR", "LAST SIGNED IN", "PASSWORD"),
            *("ADDED BY", "LOOK AT"),
        ),
        *map(_person, found.people),
    ]
    changes = [
        (when(one.at), one.name, one.action, f"by {one.by}", _facts(one)) for one in found.changes
    ]
    shown = [
        (name or "-", f"{one.times} times", f"{one.orders} orders")
        for name, one in found.shown.items()
    ]
    return [
        *columns(people),
        *("", f"Changes of people {since}:"),
        *(columns(changes, "  ") if changes else ["  none"]),
        *("", f"Buyers' data shown or exported {since}:"),
        *(columns(shown, "  ") if shown else ["  none"]),
    ]


def _person(one: Reviewed) -> tuple[str, ...]:
    person = one.person
    way, factor = _way(one)
    age = f"{one.password_age.days} days" if one.password_age is not None else "-"
    return (
        *(person.name, person.role, way, factor, when(person.signed_in_at), age),
        *(person.created_by or "-", ", ".join(one.remarks())),
    )


def _way(one: Reviewed) -> tuple[str, str]:
    if one.person.subject is not None:
        return "OpenID", "the provider's"
    return "password", "yes" if one.has_factor else "no"


def _facts(change: Change) -> str:
    return ", ".join(f"{name} {value}" for name, value in change.facts.items())


def _as_json(found: Review, done: bool) -> Mapping[str, object]:
    return {
        "at": found.at,
        "since": found.since,
        "recorded": done,
        "people": [
            {
                "name": one.person.name,
                "role": one.person.role,
                "signs_in_with": _way(one)[0].lower(),
                "second_factor": _way(one)[1],
                "signed_in_at": one.person.signed_in_at,
                "password_days": None if one.password_age is None else one.password_age.days,
                "created_at": one.person.created_at,
                "created_by": one.person.created_by,
                "look_at": one.remarks(),
            }
            for one in found.people
        ],
        "changes": [
            {
                "at": one.at,
                "name": one.name,
                "action": one.action,
                "by": one.by,
                "facts": one.facts,
            }
            for one in found.changes
        ],
        "shown": [
            {"person": name, "times": one.times, "orders": one.orders}
            for name, one in found.shown.items()
        ],
    }
