"""`orderbridge alerts`."""

from __future__ import annotations

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    NOTHING_DONE,
    NotFound,
    clear_errors,
    columns,
    print_json,
)


@click.group(epilog=EXIT_STATUS)
def alerts() -> None:
    """Test the alerts that go out by webhook and by mail."""


@alerts.command(
    "test", epilog=f"{EXIT_STATUS} Here 1 means that a channel failed or none is configured."
)
@AS_JSON
def test(as_json: bool) -> None:
    """Send a test alert by webhook and mail, as configured, and show whether it was accepted."""
    with clear_errors():
        from pipeline.base.clock import utc_now
        from pipeline.monitoring.alert_channels import Alert, Undelivered, channels_of
        from pipeline.settings import file

        channels = channels_of(file.load().alerts)
        if not channels:
            raise NotFound(
                "neither webhook nor mail is configured: see [alerts] in docs/settings.md"
            )
        alert = Alert(
            f"test-{utc_now():%Y%m%d%H%M%S}", "Orderbridge: this is a test, nothing is wrong"
        )
        results: dict[str, str] = {}
        has_failed = False
        for name, send in channels.items():
            try:
                send(alert)
            except Undelivered as error:
                results[name] = f"failed: {error}"
                has_failed = True
            else:
                results[name] = "taken"
    if as_json:
        print_json(results)
    else:
        for line in columns([*results.items()]):
            click.echo(line)
    if has_failed:
        raise click.exceptions.Exit(NOTHING_DONE)
