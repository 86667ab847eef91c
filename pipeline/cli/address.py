"""`orderbridge orders address`: a person corrects an order's shipping address."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    NotFound,
    open_installation,
    print_json,
    private_text,
    refuse_arguments,
    signature,
    titled,
)
from pipeline.cli.orders import unique_order_id

if TYPE_CHECKING:
    from pipeline.operations.acts.address import Addresses, Corrections
    from pipeline.orders.channel_order import Address

_HELP = {
    "name": "The recipient's name.",
    "company": "The company at the address.",
    "line1": "Street and number.",
    "line2": "The second line.",
    "line3": "The third line.",
    "district": "The district; it is printed below the lines.",
    "city": "The city.",
    "postcode": "The postcode.",
    "region": "The state, province or county, in any spelling that the shop knows.",
    "country": "The two-letter country code.",
    "phone": "The phone number, with its extension.",
}


def _field_options(command: Any) -> Any:
    for name, text in reversed(_HELP.items()):
        command = click.option(f"--{name}", is_flag=True, help=text)(command)
    return command


@click.command(epilog=EXIT_STATUS)
@click.argument("number")
@click.argument("texts", nargs=-1, metavar="")
@_field_options
@click.option("--withdraw", is_flag=True, help="Use Amazon's address again.")
@click.option("--show", is_flag=True, help="Print the address; the security log records it.")
@AS_JSON
def address(
    number: str,
    texts: tuple[str, ...],
    withdraw: bool,
    show: bool,
    as_json: bool,
    **fields: bool,
) -> None:
    """Correct the shipping address of an order that is not in Magento yet, by Amazon NUMBER or our
    id.

    Only the fields that you name change, as in --line1 --phone. Their texts are asked for, or read
    from standard input, a line each in the order of this help; an empty line empties a field. The
    command line takes no text, since all users of the machine can read it.

    The corrected address replaces
    Amazon's until the order is in Magento. If Amazon reports another address meanwhile, the order
    is held and sent to neither.
    """
    refuse_arguments(texts, "an address")
    named = [name for name in _HELP if fields[name]]
    if bool(named) + withdraw > 1 or not (named or withdraw or show):
        raise click.UsageError("name the fields to change, or give --withdraw, or --show")
    changes = {name: private_text(name) for name in named}
    with open_installation() as installation:
        from pipeline.base.vault import Vault
        from pipeline.clients import parse_report
        from pipeline.operations.acts.address import Corrections
        from pipeline.operations.acts.one_order import NotPossible
        from pipeline.operations.lists.orders import Listing

        order_id = unique_order_id(Listing(installation.sessions), number)
        vault = Vault(*installation.settings.master_keys)
        corrections = Corrections(installation.sessions, vault, parse_report, signature())
        try:
            done = _done(corrections, order_id, changes, withdraw)
            shown = corrections.show(order_id) if show else None
        except NotPossible as error:
            raise NotFound(f"{number}: {error}") from error
    if as_json:
        print_json({"order": number, **done, **(asdict(shown) if shown else {})})
        return
    if done:
        corrected = ", ".join(done.get("corrected_fields", ()))
        act = f"address corrected ({corrected})" if corrected else "corrected address withdrawn"
        click.echo(f"{number}: {act}; the order is retried now")
    if shown:
        click.echo("\n".join(_as_text(shown)))


def _done(
    corrections: Corrections, order_id: int, changes: dict[str, str], withdraw: bool
) -> dict[str, Any]:
    if withdraw:
        corrections.withdraw(order_id)
        return {"done": "withdrawn"}
    if changes:
        return {
            "done": "corrected",
            "corrected_fields": list(corrections.correct(order_id, changes)),
        }
    return {}


def _as_text(shown: Addresses) -> list[str]:
    if shown.corrected is None:
        return ["Amazon's address:", *_lines(shown.reported)]
    lines = ["Corrected address:", *_lines(shown.corrected)]
    lines += ["Amazon's address:", *_lines(shown.reported)]
    if shown.overtaken:
        lines.append(f"Amazon has changed since the correction: {', '.join(shown.overtaken)}")
    return lines


def _lines(address: Address) -> list[str]:
    from pipeline.operations.acts.address import FIELDS, field_of

    return [f"  {line}" for line in titled({name: field_of(address, name) for name in FIELDS})]
