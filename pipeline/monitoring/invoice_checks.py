"""Whether the folders of invoices are there, and each is a single shop's on the disk as well."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from pipeline.monitoring.doctor_checks import Finding, Verdict
from pipeline.settings.model import Settings

_CHECK = "invoices"


def examine_invoices(settings: Settings, name: str) -> Iterator[Finding]:
    """What is wrong with an account's folders of invoices; nothing where it has none."""
    shop = settings.accounts[name].shop
    about, others = f"account {name}", _others(settings, shop)
    for place in sorted(_folders(settings, name)):
        if (other := others.get(os.path.realpath(place))) is not None:
            yield Finding(
                about,
                _CHECK,
                Verdict.FAILED,
                f"the folder {place} of the shop {shop} is that of the shop {other} under another "
                "name: a buyer would get another's PDF",
                "give each shop its own folder (invoice_source), and stop the worker until then",
            )
        elif not os.access(place, os.R_OK | os.X_OK) or not Path(place).is_dir():
            yield Finding(
                about,
                _CHECK,
                Verdict.WARNING,
                f"the folder {place} cannot be read here",
                "make it, or mount it where the worker runs, readable for the worker's user",
            )
        else:
            sentence = f"the folder {place} can be read, and is the shop {shop}'s alone"
            yield Finding(about, _CHECK, Verdict.OK, sentence)


def _folders(settings: Settings, name: str) -> set[str]:
    account = settings.accounts[name]
    return {
        place
        for own in (account.settings, *account.marketplaces.values())
        if own.invoices_to_amazon == "folder" and (place := own.invoices_of(account.shop))
    }


def _others(settings: Settings, shop: str) -> dict[str, str]:
    """The real paths of the other shops' folders, and the shop of each."""
    return {
        os.path.realpath(place): account.shop
        for name, account in settings.accounts.items()
        if account.shop != shop
        for place in _folders(settings, name)
    }
