"""`orderbridge webhooks`."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    NOTHING_DONE,
    Installation,
    columns,
    moment,
    open_installation,
    print_json,
    signature,
    tell,
    when,
)

if TYPE_CHECKING:
    from pipeline.base.vault import Vault
    from pipeline.webhooks.endpoints import Endpoints

_WORDS = ("placed", "held", "shipped", "confirmed", "cancelled", "refunded")
_EVENTS = click.Choice([f"order.{word}" for word in _WORDS])


@click.group(epilog=EXIT_STATUS)
def webhooks() -> None:
    """Manage the endpoints that are told what happens to orders."""


@webhooks.command(epilog=EXIT_STATUS)
@click.argument("name")
@click.argument("url")
@click.option("--event", "events", type=_EVENTS, multiple=True, help="Leave it out for all.")
@AS_JSON
def add(name: str, url: str, events: tuple[str, ...], as_json: bool) -> None:
    """Tell the endpoint NAME at URL from now on, and print its secret once.

    The URL begins with https://, or is of this machine. The receiver checks each message by the
    secret, as docs/api.md shows.
    """
    with _endpoints() as (endpoints, _):
        from pipeline.webhooks.tables import EventType

        chosen = [EventType(event) for event in events] or list(EventType)
        secret = endpoints.add(name, url, chosen, signature())
    if as_json:
        print_json({"name": name, "url": url, "events": chosen, "secret": secret})
    else:
        click.echo(secret)
        click.echo("Keep it now: it cannot be shown again.", err=True)


@webhooks.command("list", epilog=EXIT_STATUS)
@AS_JSON
def list_endpoints(as_json: bool) -> None:
    """List the endpoints, and how many events wait for each or were given up."""
    with _endpoints() as (endpoints, installation):
        from pipeline.webhooks.sending import counts

        every, counted = endpoints.all(), counts(installation.sessions)
    if as_json:
        print_json(
            [
                {
                    "name": endpoint.name,
                    "url": endpoint.url,
                    "events": endpoint.events,
                    "active": endpoint.active,
                    "failures": endpoint.failures,
                    "paused_until": endpoint.paused_until,
                    "waiting": counted.get(endpoint.name, (0, 0))[0],
                    "given_up": counted.get(endpoint.name, (0, 0))[1],
                }
                for endpoint in every
            ]
        )
    elif every:
        rows = [("NAME", "URL", "WAITING", "GIVEN UP", "STATE")]
        rows += [
            (
                endpoint.name,
                endpoint.url,
                str(counted.get(endpoint.name, (0, 0))[0]),
                str(counted.get(endpoint.name, (0, 0))[1]),
                _state(endpoint.active, endpoint.failures, endpoint.paused_until),
            )
            for endpoint in every
        ]
        click.echo("\n".join(columns(rows)))
    if not every:
        click.echo("There is no endpoint yet.", err=True)
        raise click.exceptions.Exit(NOTHING_DONE)


@webhooks.command(epilog=EXIT_STATUS)
@click.option("--endpoint", default="", metavar="NAME", help="Of this endpoint only.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many."
)
@AS_JSON
def deliveries(endpoint: str, limit: int, as_json: bool) -> None:
    """List the newest deliveries. Times are UTC."""
    with _endpoints() as (_, installation):
        from pipeline.webhooks.replaying import deliveries as newest

        found = newest(installation.sessions, endpoint, limit)
    if as_json:
        print_json(
            [
                {
                    "event": delivery.event_id,
                    "type": delivery.type,
                    "endpoint": name,
                    "order_id": delivery.order_id,
                    "happened_at": delivery.happened_at,
                    "outcome": delivery.outcome,
                    "ended_at": delivery.ended_at,
                    "tries": delivery.tries,
                    "trouble": delivery.trouble,
                }
                for delivery, name in found
            ]
        )
    elif found:
        rows = [("EVENT", "TYPE", "ENDPOINT", "ORDER", "HAPPENED", "OUTCOME", "TRIES", "TROUBLE")]
        rows += [
            (
                delivery.event_id,
                delivery.type,
                name,
                str(delivery.order_id or "-"),
                when(delivery.happened_at),
                delivery.outcome or "waits",
                str(delivery.tries),
                delivery.trouble or "",
            )
            for delivery, name in found
        ]
        click.echo("\n".join(columns(rows)))
    if not found:
        click.echo("Nothing was queued.", err=True)
        raise click.exceptions.Exit(NOTHING_DONE)


@webhooks.command(epilog=f"{EXIT_STATUS} Here 1 also means that the endpoint did not take it.")
@click.argument("name")
@AS_JSON
def test(name: str, as_json: bool) -> None:
    """Send the event `test` to the endpoint NAME now."""
    with _endpoints() as (endpoints, installation):
        from pipeline.base.clock import utc_now
        from pipeline.webhooks.sending import Sending

        event = f"evt_{secrets.token_hex(16)}"
        delivery = endpoints.queue_test(name, event, utc_now())
        sending = Sending(installation.sessions, _vault(installation), utc_now)
        trouble = sending.test(name, delivery)
    words = f"The endpoint {name} did not take it: {trouble}" if trouble else f"{name} took it."
    tell(words, as_json, endpoint=name, event=event, trouble=trouble or None)
    if trouble:
        raise click.exceptions.Exit(NOTHING_DONE)


@webhooks.command(epilog=EXIT_STATUS)
@click.argument("name")
@AS_JSON
def pause(name: str, as_json: bool) -> None:
    """Tell the endpoint NAME nothing for now. What happens meanwhile is not queued for it."""
    with _endpoints() as (endpoints, _):
        endpoints.set_active(name, False, signature())
    tell(f"{name} is told nothing.", as_json, endpoint=name, done="paused")


@webhooks.command(epilog=EXIT_STATUS)
@click.argument("name")
@AS_JSON
def resume(name: str, as_json: bool) -> None:
    """Tell the endpoint NAME again, at once also if it did not answer lately."""
    with _endpoints() as (endpoints, _):
        endpoints.set_active(name, True, signature())
    tell(f"{name} is told again.", as_json, endpoint=name, done="resumed")


@webhooks.command(epilog=EXIT_STATUS)
@click.argument("name")
@AS_JSON
def remove(name: str, as_json: bool) -> None:
    """Remove the endpoint NAME, with all events that wait for it."""
    with _endpoints() as (endpoints, _):
        endpoints.remove(name, signature())
    tell(f"{name} is removed.", as_json, endpoint=name, done="removed")


@webhooks.command(epilog=EXIT_STATUS)
@click.option("--endpoint", default="", metavar="NAME", help="All events of this endpoint.")
@click.option("--since", callback=moment, metavar="TIME", help="Those that happened since.")
@click.option("--event", default="", metavar="ID", help="This event only.")
@AS_JSON
def replay(endpoint: str, since: datetime | None, event: str, as_json: bool) -> None:
    """Send events again that were delivered or given up, of the last thirty days.

    They keep their ids, by which a receiver knows what it has already.
    """
    if not event and (not endpoint or since is None):
        raise click.UsageError("give --endpoint and --since, or --event")
    with _endpoints() as (_, installation):
        from pipeline.webhooks.replaying import replay as send_again

        count = send_again(
            installation.sessions, signature(), endpoint=endpoint, since=since, event=event
        )
    tell(f"{count} event(s) are sent again.", as_json, events=count)
    if not count:
        raise click.exceptions.Exit(NOTHING_DONE)


@contextmanager
def _endpoints() -> Iterator[tuple[Endpoints, Installation]]:
    with open_installation() as installation:
        from pipeline.webhooks.endpoints import Endpoints, NotPossible

        try:
            yield Endpoints(installation.sessions, _vault(installation)), installation
        except NotPossible as error:
            raise click.ClickException(str(error)) from error  # its exit status is NOTHING_DONE


def _vault(installation: Installation) -> Vault:
    from pipeline.base.vault import Vault

    return Vault(*installation.settings.master_keys)


def _state(active: bool, failures: int, paused_until: datetime | None) -> str:
    if not active:
        return "paused"
    if failures:
        return f"did not answer {failures} times, next try {when(paused_until)}"
    return "works"
