"""`orderbridge replay`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    NotFound,
    columns,
    open_installation,
    print_json,
    system_user,
)
from pipeline.cli.orders import unique_order_id

if TYPE_CHECKING:
    from pipeline.operations.preview.replay import Preview, Step


def _step(_: click.Context, __: click.Parameter, name: str) -> str:
    from pipeline.orders.machine import STEPS

    if name not in STEPS:
        raise click.BadParameter(f"choose one of {', '.join(STEPS)}")
    return name


@click.command(epilog=EXIT_STATUS)
@click.argument("number")
@click.option(
    "--from", "step", required=True, callback=_step, metavar="STEP", help="The first step to run."
)
@click.option(
    "--dry-run", is_flag=True, help="Show what each step would write; nothing is changed."
)
@AS_JSON
@click.pass_obj
def replay(
    steps: Callable[[], Mapping[str, Step]], number: str, step: str, dry_run: bool, as_json: bool
) -> None:
    """Run an order again from STEP, by its Amazon NUMBER or our id.

    Writes that Magento or Amazon already has are not repeated. The workers run the order within
    seconds. The dry run reads Amazon and Magento as the steps do, and writes nothing.
    """
    with open_installation() as installation:
        from pipeline.base.clock import utc_now
        from pipeline.cli.remotes import remotes
        from pipeline.operations.lists.orders import Listing
        from pipeline.operations.preview.replay import NotPossible, preview
        from pipeline.operations.preview.replay import replay as go_back

        order_id = unique_order_id(Listing(installation.sessions), number)
        try:
            if not dry_run:
                go_back(installation.sessions, order_id, step, author=system_user(), now=utc_now())
                previews: list[Preview] = []
            else:
                with remotes(installation) as reached:
                    previews = preview(
                        installation.sessions,
                        reached.vault,
                        reached.clients,
                        steps(),
                        order_id,
                        step,
                    )
        except NotPossible as error:
            raise NotFound(f"{number}: {error}") from error
    if as_json:
        print_json(
            {
                "order": number,
                "dry_run": dry_run,
                "steps": [asdict(preview) for preview in previews],
            }
        )
    elif dry_run:
        click.echo("\n".join(_as_text(previews)))
    else:
        click.echo(f"{number} runs again from {step}")


def _as_text(previews: list[Preview]) -> list[str]:
    lines: list[str] = []
    for preview in previews:
        lines.append(f"{preview.step}: {preview.end}")
        if preview.calls:
            lines += columns([(call.what, call.verdict) for call in preview.calls], indent="  ")
    return [*lines, "Nothing was changed."]
