"""Examines a shop before the first order comes: one small function per check.

Nothing here changes the shop except `prove_stock`, which a person starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from pipeline.base.errors import CannotMap, OutcomeUnknown, Rejected, RemoteError
from pipeline.magento.client import Magento
from pipeline.magento.order.save_again import rewritten
from pipeline.magento.stock.holding_order import trial_order
from pipeline.magento.stock.reserve_by_cancelling import Phase, marked, phase, unmarked
from pipeline.settings.marketplace import MarketplaceSettings
from pipeline.settings.model import Settings, ShopSettings

_ONE = 1


class Verdict(StrEnum):
    """The result of a check."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer of a check: a sentence, and a remedy where a person has to act.

    `about` is a shop's name, or the name of whatever else was checked.
    """

    about: str
    check: str
    verdict: Verdict
    sentence: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """A shop with all its settings; marketplaces with equal settings count once."""

    name: str
    settings: ShopSettings
    shop: Magento
    marketplaces: tuple[MarketplaceSettings, ...]

    def ok(self, check: str, sentence: str) -> Finding:
        """A finding that needs no action."""
        return Finding(self.name, check, Verdict.OK, sentence)

    def warning(self, check: str, sentence: str, remedy: str) -> Finding:
        """A finding that stops no order but deserves attention."""
        return Finding(self.name, check, Verdict.WARNING, sentence, remedy)

    def failed(self, check: str, sentence: str, remedy: str) -> Finding:
        """A finding that holds orders until it is put right."""
        return Finding(self.name, check, Verdict.FAILED, sentence, remedy)


def patient_of(settings: Settings, name: str, shop: Magento) -> Patient:
    """A shop of the settings, as the checks need it."""
    each_settings: list[MarketplaceSettings] = []
    for account in settings.accounts.values():
        if account.shop == name:
            each_settings += [account.settings, *account.marketplaces.values()]
    alike = {settings.model_dump_json(): settings for settings in each_settings}
    return Patient(name, settings.shops[name], shop, tuple(alike.values()))


def examine(patient: Patient) -> Iterator[Finding]:
    """Every finding about a shop. When the sign-in fails, the other checks are left out."""
    if not patient.marketplaces:
        yield patient.ok("accounts", "no account sells into this shop")
        return
    entry = signs_in(patient)
    yield entry
    if entry.verdict is Verdict.FAILED:
        return
    for check in CHECKS:
        try:
            yield from check(patient)
        except (RemoteError, CannotMap) as error:
            name = check.__name__.replace("_", " ")
            yield patient.failed(name, f"the check failed: {error}", "look at the shop's log")


def signs_in(patient: Patient) -> Finding:
    """Whether the shop lets the integration sign in."""
    way = "bearer token" if patient.settings.auth == "bearer" else "OAuth 1.0a"
    try:
        patient.shop.inventory.stocks()
    except RemoteError as error:
        remedy = "see docs/connect-magento.md: address, keys, resources and clock"
        return patient.failed("sign in", f"the shop cannot be reached with {way}: {error}", remedy)
    return patient.ok(
        "sign in", f"the shop at {patient.settings.base_url} accepts the sign-in ({way})"
    )


def store_views(patient: Patient) -> Iterator[Finding]:
    """Whether every configured store view exists, and in which currency it sells."""
    codes = {marketplace.magento_store for marketplace in patient.marketplaces}
    codes |= {
        marketplace.fba_store
        for marketplace in patient.marketplaces
        if marketplace.fba_store is not None
    }
    for code in sorted(codes):
        try:
            store = patient.shop.directory.store_view(code)
        except CannotMap as error:
            yield patient.failed("store view", str(error), "correct magento_store or fba_store")
        else:
            yield patient.ok("store view", f"{code} exists; its currency is {store.base_currency}")


def rights(patient: Patient) -> Iterator[Finding]:
    """Whether the integration may read what the workers read. Only the first order tests writes."""
    reads: tuple[tuple[str, Callable[[], object]], ...] = (
        ("orders (Magento_Sales::actions_view)", lambda: patient.shop.orders.find("none")),
        ("invoices (Magento_Sales::sales_invoice)", lambda: patient.shop.invoices.of_orders([0])),
        ("shipments (Magento_Sales::shipment)", lambda: patient.shop.shipments.of_orders([0])),
        (
            "credit memos (Magento_Sales::sales_creditmemo)",
            lambda: patient.shop.credit_memos.newest(0),
        ),
        (
            "products (Magento_Catalog::products)",
            lambda: patient.shop.catalog.products(["none"], ""),
        ),
    )
    missing = []
    for name, read in reads:
        try:
            read()
        except Rejected:
            missing.append(name)
    if missing:
        remedy = "give the integration these resources in System > Integrations, and save it"
        yield patient.failed("rights", f"the integration may not read {', '.join(missing)}", remedy)
    else:
        detail = "the integration may read orders, invoices, shipments, credit memos, products"
        yield patient.ok("rights", detail)


def inventory(patient: Patient) -> Iterator[Finding]:
    """Whether the shop has multi-source inventory, which reservations need."""
    stocks = patient.shop.inventory.stocks()
    if stocks:
        yield patient.ok("inventory", f"multi-source inventory, {len(set(stocks.values()))} stock")
    elif any(marketplace.stock == "seed" for marketplace in patient.marketplaces):
        yield patient.warning(
            "inventory",
            "the shop has no multi-source inventory, so nothing can be reserved",
            'set stock = "none"',
        )
    else:
        yield patient.ok("inventory", "no multi-source inventory, and none is needed")


def version(patient: Patient) -> Iterator[Finding]:
    """Whether the shop is as new as the settings say; its refusal of an unknown field shows it."""
    try:
        patient.shop.probes.send_nonsense()
    except Rejected as error:
        is_new = error.status == 400
    except OutcomeUnknown as error:
        if error.status != 500:
            raise
        is_new = False
    is_set_new = patient.settings.release.refuses_unknown_fields
    shown = "2.4.7 or later" if is_new else "before 2.4.7"
    if is_new is is_set_new:
        yield patient.ok("version", f"the shop is {shown}, as set ({patient.settings.version})")
    else:
        remedy = (
            f"set shops.{patient.name}.version to the version in the footer of the shop's admin"
        )
        sentence = f"the shop is {shown}, the settings say {patient.settings.version}"
        yield patient.failed("version", sentence, remedy)


def limits(patient: Patient) -> Iterator[Finding]:
    """Whether the shop limits the size of a request."""
    most = patient.shop.probes.largest_page(301)
    if most is None:
        yield patient.ok("limits", "no limit on the rows of a page was seen")
    elif most >= 100:
        yield patient.ok("limits", f"a page has at most {most} rows, which is enough")
    else:
        yield patient.warning(
            "limits",
            f"a page has at most {most} rows, so reading takes more calls; orders of more than 20 "
            "lines may be refused too",
            "see Stores > Configuration > Services > Magento Web API > Web API Input Limiting",
        )


def mails(patient: Patient) -> Iterator[Finding]:
    """Whether the shop would send mails to a buyer."""
    if any(marketplace.customers == "create" for marketplace in patient.marketplaces):
        yield patient.warning(
            "mails",
            "each new customer gets the shop's welcome mail, at an address of Amazon's; no REST "
            "call can prevent that",
            'set customers = "guest", or disable the template of that mail in the shop',
        )
    else:
        yield patient.ok("mails", "nothing makes the shop send mail to a buyer")


def stock_mode(patient: Patient) -> Iterator[Finding]:
    """What each way to hold stock means for the shop."""
    modes = {marketplace.stock for marketplace in patient.marketplaces}
    if "seed" in modes:
        yield patient.ok(
            "stock",
            "stock = seed: for a moment each new order is cancelled in the shop; an ERP or a "
            "webhook that reacts to cancellations may see it. Test it with --prove-stock SKU",
        )
    if "server" in modes:
        yield patient.ok("stock", "stock = server: a job on the shop's server must reserve")
    if "none" in modes:
        yield patient.warning(
            "stock", "stock = none: the shop may sell the same unit twice", 'set stock = "seed"'
        )


def sku_map(patient: Patient) -> Iterator[Finding]:
    """Whether the file of the SKU map can be read."""
    for path in sorted(
        {
            marketplace.sku_map
            for marketplace in patient.marketplaces
            if marketplace.sku_map is not None
        }
    ):
        if Path(path).is_file():
            yield patient.ok("SKU map", f"{path} exists; `orderbridge sku-map check` reads it")
        else:
            yield patient.failed("SKU map", f"{path} is not a file", "correct sku_map")


CHECKS: tuple[Callable[[Patient], Iterator[Finding]], ...] = (
    store_views,
    rights,
    inventory,
    version,
    limits,
    mails,
    stock_mode,
    sku_map,
)


def prove_stock(patient: Patient, sku: str, number: str) -> Finding:
    """Reserve one piece of a product with a test order, and release it again.

    The order has a total of zero and stays in the shop, cancelled. Raises RemoteError, or CannotMap
    when the shop's answer has no figure.
    """
    shop, store = patient.shop, patient.marketplaces[0].magento_store
    stock_id = shop.inventory.stock_of(store)
    product = shop.catalog.products([sku], store).get(sku)
    if stock_id is None or product is None:
        missing = (
            f"{sku} is not in the catalogue"
            if stock_id
            else "the shop has no multi-source inventory"
        )
        return patient.failed("prove stock", missing, "choose a SKU that is in stock")
    figures: list[Decimal] = [shop.inventory.salable_quantity(product.sku, stock_id)]
    body = marked(trial_order(number, [(product, _ONE)], shop.directory.store_view(store)))
    entity_id = shop.orders.create(body, store).entity_id
    shop.orders.cancel(entity_id)
    now = shop.orders.get(entity_id)
    if phase(now) is Phase.HIDDEN:
        lines = unmarked(now)
        shop.orders.save(rewritten(now, state="new", status="pending", lines=lines))
    figures.append(shop.inventory.salable_quantity(product.sku, stock_id))
    shop.orders.cancel(entity_id)
    figures.append(shop.inventory.salable_quantity(product.sku, stock_id))
    before, held, after = figures
    quantities = (
        f"salable quantity of {product.sku}: {before:f} before, {held:f} with the test order, "
        f"{after:f} after it was cancelled; order {number} stays in the shop"
    )
    if held == before - _ONE and after == before:
        return patient.ok("prove stock", f"stock is reserved and released: {quantities}")
    remedy = (
        "retry, since a sale or a delivery in between has the same effect; if it fails again, set "
        'stock = "server" or "none", and check with `bin/magento '
        "inventory:reservation:list-inconsistencies` whether stock is still reserved"
    )
    return patient.failed("prove stock", f"the quantities are wrong: {quantities}", remedy)
