"""`orderbridge simulate`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    NOTHING_DONE,
    NotFound,
    Unusable,
    clear_errors,
    columns,
    on_one_line,
    print_json,
)

if TYPE_CHECKING:
    from pipeline.operations.preview.simulate import Parcel, Simulated, Step, StepEnd
    from pipeline.operations.preview.simulate_shop import Known
    from pipeline.settings.model import Settings

T = TypeVar("T")

_FILE = click.Path(exists=True, dir_okay=False, allow_dash=True)
_CONFIG = "ORDERBRIDGE_CONFIG"
_BY_MAGENTO = ("ups", "usps", "fedex", "dhl")
_EXIT_STATUS = f"{EXIT_STATUS} Here 1 means that an order would not be created in Magento."


@dataclass(frozen=True, slots=True)
class _Assumed:
    """The account whose settings apply, and the assumptions about values that were not given."""

    settings: Settings
    account: str
    lines: Sequence[str]


@click.command(epilog=_EXIT_STATUS)
@click.argument("file", type=_FILE)
@click.option("--account", metavar="NAME", help="The selling account whose settings apply.")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The configuration file; by default that of the installation, if there is one.",
)
@click.option(
    "--products",
    type=_FILE,
    help="CSV with sku, type, enabled, weight, qty, or a saved reply of GET /V1/products.",
)
@click.option(
    "--shop",
    "replies",
    type=_FILE,
    help='Saved replies of your shop: {"/store/storeConfigs": [...], ...}.',
)
@click.option("--carrier", help="Simulate the parcel too: dhl, ups, or a carrier's name.")
@click.option(
    "--tracking",
    default="TRACKING-NUMBER",
    show_default=True,
    metavar="NUMBER",
    help="The parcel's tracking number.",
)
@click.option("--show-buyer", is_flag=True, help="Print names and addresses too.")
@AS_JSON
@click.pass_obj
def simulate(
    steps: Callable[[], Mapping[str, Step]],
    file: str,
    account: str | None,
    config: Path | None,
    products: str | None,
    replies: str | None,
    carrier: str | None,
    tracking: str,
    show_buyer: bool,
    as_json: bool,
) -> None:
    """Show what would be sent to Magento for the Amazon order in FILE.

    FILE is a reply of getOrder or searchOrders of the Orders API 2026-01-01, a single order of such
    a reply, or a list of orders; - is standard input. Nothing is called, stored or sent: no
    network, database or secrets are needed. The simulated shop has every SKU as a simple product in
    stock, and refuses nothing.
    """
    from pipeline.base.clock import utc_now
    from pipeline.operations.preview.simulate import Simulator
    from pipeline.operations.preview.simulate_orders_file import orders_in

    assumed = _assumed(config, account)
    known = _known(products, replies)
    orders = _read(file, orders_in)
    if not orders:
        raise NotFound(f"{_named(file)} holds no order")

    simulator = Simulator(assumed.settings, steps(), known, utc_now(), _parcel(carrier, tracking))
    played = [simulator.play(assumed.account, raw) for raw in orders]
    lines = [*assumed.lines, *_about_the_shop(known), *([] if show_buyer else [_MASKED])]
    if as_json:
        print_json({"assumed": lines, "orders": [_as_json(order, show_buyer) for order in played]})
    else:
        for order in played:
            click.echo("\n".join([*_as_text(order, show_buyer), ""]))
        click.echo("\n".join(lines))
    if not all(order.is_created for order in played):
        raise click.exceptions.Exit(NOTHING_DONE)


_MASKED = "The buyer's data is masked; --show-buyer shows it."


def _assumed(config: Path | None, account: str | None) -> _Assumed:
    from pipeline.settings.file import load_without_secrets

    named = config or (Path(os.environ[_CONFIG]) if os.environ.get(_CONFIG) else None)
    path = named or Path("orderbridge.toml")
    if named is None and not path.exists():
        if account is not None:
            raise Unusable(f"there is no orderbridge.toml that has an account {account}")
        return _Assumed(
            _defaults(), "default", ["Settings: the defaults, since there is no orderbridge.toml."]
        )
    with clear_errors():
        settings = load_without_secrets(path)
    names = sorted(settings.accounts)
    if account is None and len(names) > 1:
        raise Unusable(f"choose an account with --account: {', '.join(names)}")
    account = account or names[0]
    if account not in settings.accounts:
        raise Unusable(f"there is no [accounts.{account}] in {path}")
    return _Assumed(settings, account, [f"Settings: account {account} of {path}."])


def _defaults() -> Settings:
    """An account and a shop with all settings at their defaults."""
    from pipeline.settings.model import Settings

    return Settings.model_validate(
        {
            "database_url": "",
            "redis_url": "",
            "master_keys": (bytes(32),),
            "shops": {"default": {"base_url": "https://offline.invalid"}},
            "accounts": {
                "default": {"region": "EU", "shop": "default", "start_from": "1970-01-01T00:00:00Z"}
            },
        }
    )


def _known(products: str | None, replies: str | None) -> Known:
    from pipeline.operations.preview.simulate_products_file import products_in
    from pipeline.operations.preview.simulate_replies_file import replies_in
    from pipeline.operations.preview.simulate_shop import Known

    return Known(
        _read(products, products_in) if products else None,
        _read(replies, replies_in) if replies else {},
    )


def _read(file: str, understand: Callable[[bytes], T]) -> T:
    """The parsed content of a file; an unusable file becomes a sentence."""
    from pipeline.base.http import MAX_BODY_BYTES
    from pipeline.operations.preview import simulate_orders_file

    try:
        with click.open_file(file, "rb") as opened:
            return understand(opened.read(MAX_BODY_BYTES + 1))
    except simulate_orders_file.Unusable as error:
        raise Unusable(f"{_named(file)}: {error}") from error


def _named(file: str) -> str:
    return "standard input" if file == "-" else file


def _parcel(carrier: str | None, tracking: str) -> Parcel | None:
    from pipeline.operations.preview.simulate import Parcel

    if carrier is None:
        return None
    code = carrier.lower() if carrier.lower() in _BY_MAGENTO else "custom"
    return Parcel(code, carrier, tracking)


def _about_the_shop(known: Known) -> list[str]:
    if known.products is None:
        goods = "it has every SKU as a simple product in stock, with an invented id"
    else:
        goods = f"it has the {len(known.products)} products of --products"
    replies = ", ".join(sorted(known.replies))
    rest = (
        f"; {replies} as given by --shop"
        if replies
        else "; its store views have the order's currency"
    )
    return [
        f"The shop is simulated: {goods}{rest}.",
        "SKUs mapped by hand and overrides are in the database, and do not apply here.",
    ]


def _as_text(order: Simulated, show_buyer: bool) -> list[str]:
    fate = "would be created in Magento" if order.is_created else "would not be created in Magento"
    named = on_one_line(f"{order.number or '(no number)'} ({order.marketplace or '-'})")
    lines = [f"Order {named} {fate}"]
    if order.note:
        lines.append(f"  {order.note}")
    rows = columns([(end.step, _end(end)) for end in order.steps], indent="  ")
    for end, line in zip(order.steps, rows, strict=True):
        lines.append(line)
        for request in end.requests:
            where = f"{request.remote}: {request.method} {request.path}"
            lines.append(f"    {request.what}: {on_one_line(where)}")
            if request.body is not None:
                body = json.dumps(_shown(request.body, show_buyer), indent=2, ensure_ascii=False)
                lines += [f"      {on_one_line(text)}" for text in body.split("\n")]
    return lines


def _end(end: StepEnd) -> str:
    facts = ", ".join(f"{name} {value}" for name, value in end.facts.items())
    text = ": ".join(part for part in (end.end, end.code, end.reason) if part)
    return f"{text} ({facts})" if facts else text


def _as_json(order: Simulated, show_buyer: bool) -> dict[str, Any]:
    result = asdict(order)
    for step in result["steps"]:
        for request in step["requests"]:
            request["body"] = _shown(request["body"], show_buyer)
    return result


def _shown(body: Any, show_buyer: bool) -> Any:
    from pipeline.operations.preview.simulate_masking import masked

    return body if show_buyer else masked(body)
