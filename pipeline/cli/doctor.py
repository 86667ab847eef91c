"""`orderbridge doctor`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    NOTHING_DONE,
    NotFound,
    Unusable,
    clear_errors,
    columns,
    print_json,
)
from pipeline.cli.terminal import BAD, BUSY, GOOD, print_lines

if TYPE_CHECKING:
    from pipeline.monitoring.doctor_checks import Finding
    from pipeline.settings.model import Settings

_COLOURS = {"OK": GOOD, "WARNING": BUSY, "FAILED": BAD}


@click.command(epilog=f"{EXIT_STATUS} Here 1 means that a check failed.")
@click.option("--shop", "shop_name", metavar="NAME", help="Check only this shop; by default all.")
@click.option(
    "--prove-stock",
    "sku",
    metavar="SKU",
    help="Reserve one piece of SKU with a test order, then release it.",
)
@click.option("--yes", is_flag=True, help="Make the test order without asking.")
@AS_JSON
def doctor(shop_name: str | None, sku: str | None, yes: bool, as_json: bool) -> None:
    """Check this installation, its accounts and its shops before the first order meets a fault.

    Nothing is changed, except by --prove-stock: it leaves a cancelled test order in the shop.
    """
    with clear_errors():
        from pipeline.base.clock import utc_now
        from pipeline.base.errors import CannotMap, RemoteError
        from pipeline.magento.client import Magento
        from pipeline.monitoring.doctor_checks import Verdict, examine, patient_of, prove_stock
        from pipeline.settings import file

        settings = file.load()
        if shop_name is not None and shop_name not in settings.shops:
            raise NotFound(f"there is no [shops.{shop_name}] in the configuration")
        names = [shop_name] if shop_name is not None else list(settings.shops)
        if sku is not None and len(names) > 1:
            raise Unusable("--prove-stock needs --shop NAME, since there are several shops")
        findings: list[Finding] = []
        if shop_name is None:
            findings += _about_all_but_shops(settings)
        for name in names:
            patient = patient_of(settings, name, Magento(name, settings.shops[name], now=utc_now))
            findings += examine(patient)
            failed = any(
                finding.verdict is Verdict.FAILED and finding.about == name for finding in findings
            )
            if sku is None or failed or not patient.marketplaces:
                continue
            if settings.read_only or settings.shops[name].read_only:
                raise Unusable(f"shop {name} is read_only: no test order can be made")
            if not yes:
                click.confirm(
                    f"This creates an order for one {sku} in shop {name}, without amounts, and "
                    "cancels it. The cancelled order stays in the shop. Continue?",
                    abort=True,
                    err=True,
                )
            number = f"STOCK-TEST-{utc_now():%Y%m%d%H%M%S}"
            try:
                findings.append(prove_stock(patient, sku, number))
            except (RemoteError, CannotMap) as error:
                findings.append(
                    patient.failed(
                        "prove stock",
                        f"the shop refused or did not answer: {error}",
                        f"look for order {number} in the shop and cancel it",
                    )
                )
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        print_lines(_as_text(findings), _COLOURS)
    if any(finding.verdict is Verdict.FAILED for finding in findings):
        raise click.exceptions.Exit(NOTHING_DONE)


def _about_all_but_shops(settings: Settings) -> list[Finding]:
    from pipeline.base import db
    from pipeline.monitoring.examination import installation_and_accounts

    engine = db.engine_for(settings.database_url.get_secret_value())
    with settings.broker.client() as broker:
        try:
            parts = installation_and_accounts(settings, db.sessions_for(engine), broker)
            return [finding for part in parts for finding in part.findings()]
        finally:
            engine.dispose()


def _as_text(findings: list[Finding]) -> list[str]:
    rows = []
    for finding in findings:
        rows.append((finding.verdict.upper(), finding.about, finding.check, finding.sentence))
        if finding.remedy:
            rows.append(("", "", "", f"-> {finding.remedy}"))
    return columns(rows)
