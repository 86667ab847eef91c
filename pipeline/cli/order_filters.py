"""The filters of the list of orders as options of a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline.operations.lists.filters import Filters
    from pipeline.settings.model import Settings

# The filters of the page by their names in its address, each with what the value is.
_FILTERS = {
    "number": ("TEXT", "Numbers, parts of them, or SKUs: what the page's search takes."),
    "sku": ("SKU", "Only orders with this SKU."),
    "account": ("NAME", "Only orders of this account."),
    "marketplace": ("COUNTRY", "Only orders of this marketplace, by country or id."),
    "amazon": ("STATUS", "Only orders with this status at Amazon, such as UNSHIPPED."),
    "channel": ("FBM|FBA", "Only orders that you ship, or that Amazon ships."),
    "program": ("NAME", "Only orders of this program, such as PRIME."),
    "store": ("CODE", "Only orders of this store view."),
    "reason": ("CODE", "Only orders held with this code."),
    "from": ("DAY", "Purchased on this day or later."),
    "until": ("DAY", "Purchased on this day or earlier."),
    "ship_by": ("WHEN", "Only orders still to ship that are overdue, today or (within a) day."),
    "ship_from": ("DAY", "With a ship-by time on this day or later."),
    "ship_until": ("DAY", "With a ship-by time on this day or earlier."),
    "assigned": ("nobody", "Only orders that nobody looks after."),
    "returns": ("WHICH", "Only orders with any return, or with an unrefunded one that arrived."),
    "currency": ("CODE", "Only orders in this currency."),
    "min": ("AMOUNT", "With this total or more; needs --currency."),
    "max": ("AMOUNT", "With this total or less; needs --currency."),
    "sort": (
        "KEY",
        "Sort by purchased, ship_by, total, number, magento or updated; -KEY turns it.",
    ),
}


def filter_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each filter."""
    for name, (value, help_) in reversed(_FILTERS.items()):
        option = f"--{name.replace('_', '-')}"
        command = click.option(option, name, metavar=value, default="", help=help_)(command)
    return command


def filters_of(query: Mapping[str, str], settings: Settings) -> Filters:
    """The filters that the options name, as the page reads them. Raises BadParameter."""
    from pipeline.operations.lists.filter_values import MINE
    from pipeline.operations.lists.filters import read
    from pipeline.operations.lists.stores import stores

    asked = read(query, stores(settings))
    if asked.filters.assigned == MINE:
        raise click.BadParameter("a command has no reader: say nobody", param_hint="--assigned")
    for name, sentence in asked.mistakes.items():
        raise click.BadParameter(sentence, param_hint=f"--{name.replace('_', '-')}")
    return asked.filters
