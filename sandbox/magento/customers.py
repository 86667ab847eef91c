"""Customers: a new one is written to by the shop, unless it came in by the back door (PUT 0)."""

from __future__ import annotations

import json
import re
import sqlite3
from typing import Any

from flask import Flask, Response

from sandbox.core import next_number
from sandbox.magento.directory import region_of
from sandbox.magento.errors import Refused, required
from sandbox.magento.search import Column, Table, page_of
from sandbox.magento.shop import STORES, Doc, Shop, customer_mail, dump
from sandbox.magento.web import answer, body, identifier, part, search_criteria, store_id

_TEXTS = (
    "email", "firstname", "lastname", "middlename", "prefix", "suffix", "taxvat", "dob",
    "created_at", "updated_at", "created_in",
)  # fmt: skip
_NUMBERS = ("group_id", "store_id", "website_id", "gender")
_NAME = re.compile(r"[\w\s,\-.'’`&\u0300-\u036f]{1,255}")
_TAKEN = "A customer with the same email address already exists in an associated website."
_GROUPS: tuple[Doc, ...] = tuple(
    {"id": n, "code": code, "tax_class_id": 3, "tax_class_name": "Retail Customer"}
    for n, code in enumerate(("NOT LOGGED IN", "General", "Wholesale", "Retailer"))
)
_ZIP_OPTIONAL = ("HK", "IE", "MO", "PA", "GB")


def _column(name: str) -> Column | None:
    if name in ("entity_id", "id"):
        return Column("entity_id", numeric=True)
    if name in ("email", "website_id"):
        return Column(name, numeric=name == "website_id")
    if name in _TEXTS or name in _NUMBERS:
        return Column(f"json_extract(doc, '$.{name}')", name in _NUMBERS)
    return None


CUSTOMERS = Table("customers", "doc", "entity_id", _column)


def _check(customer: Doc) -> None:
    for name, label in (("firstname", "First Name"), ("lastname", "Last Name")):
        value = customer.get(name)
        if not value:
            raise Refused(400, f'"{label}" is a required value.')
        if not _NAME.fullmatch(value):
            raise Refused(400, f"{label} is not valid!")
    email = customer.get("email") or ""
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", email):
        raise Refused(400, '"Email" is not a valid email address.')


def _check_address(address: Doc) -> None:
    needed = ["firstname", "lastname", "street", "city", "telephone"]
    if address.get("country_id") not in _ZIP_OPTIONAL:
        needed.append("postcode")
    missing = [name for name in (*needed, "country_id") if not address.get(name)]
    if len(missing) == 1:
        raise required(missing[0])
    if missing:
        raise Refused(400, "One or more input exceptions have occurred.")


def _address(db: sqlite3.Connection, sent: Doc, customer_id: int) -> Doc:
    _check_address(sent)
    region = sent.get("region") or {}
    if not isinstance(region, dict):
        region = {"region": region}
    region_id = sent.get("region_id") or region.get("region_id") or 0
    known = region_of(sent.get("country_id"), region_id)
    code, name = known or (region.get("region"), region.get("region"))
    address: Doc = {"id": sent.get("id") or next_number(db, "customer address")}
    address |= {"customer_id": customer_id}
    address |= {"region": {"region_code": code, "region": name, "region_id": region_id}}
    if region or region_id:
        address["region_id"] = region_id
    copied = ("country_id", "street", "company", "telephone", "fax", "postcode", "city",
              "firstname", "lastname", "middlename", "prefix", "suffix", "vat_id")  # fmt: skip
    address |= {key: sent[key] for key in copied if sent.get(key)}
    flags = ("default_shipping", "default_billing")
    return address | {key: True for key in flags if sent.get(key)}


def save_customer(
    db: sqlite3.Connection, sent: Doc, url_store: int, stamp: str, known: Doc | None = None
) -> Doc:
    """Create a customer, or merge what was sent onto a known one.

    Addresses replace the known ones when they are sent at all. E-mail is unique per website,
    whatever its case.
    """
    customer = (known or {}) | {key: value for key, value in sent.items() if value is not None}
    _check(customer)
    website = customer.setdefault("website_id", 1)
    store = customer.setdefault("store_id", url_store or 1)
    if store not in STORES or website != 1:
        raise Refused(400, "The store view is not in the associated website.")
    customer.setdefault("group_id", 1)
    try:
        if known is None:
            entity_id = next_number(db, "customer")
            db.execute(
                "INSERT INTO customers VALUES (?, ?, ?, '{}')",
                (entity_id, website, customer["email"]),
            )
        else:
            entity_id = known["id"]
            db.execute(
                "UPDATE customers SET website_id = ?, email = ? WHERE entity_id = ?",
                (website, customer["email"], entity_id),
            )
    except sqlite3.IntegrityError:
        raise Refused(400, _TAKEN) from None
    shown: Doc = {"id": entity_id, "group_id": customer["group_id"]}
    addresses = [_address(db, address, entity_id) for address in customer.get("addresses") or []]
    for flag in ("default_billing", "default_shipping"):
        chosen = next((address["id"] for address in addresses if address.get(flag)), None)
        if chosen is not None:
            shown[flag] = str(chosen)
    shown["created_at"] = customer.get("created_at") or stamp
    shown["updated_at"] = stamp
    shown["created_in"] = STORES[store][1]
    names = ("email", "firstname", "lastname", "middlename", "prefix", "suffix", "taxvat", "dob")
    shown |= {key: customer[key] for key in names if customer.get(key)}
    shown |= {"store_id": store, "website_id": website, "addresses": addresses}
    shown |= {"disable_auto_group_change": 0, "extension_attributes": {"is_subscribed": False}}
    db.execute("UPDATE customers SET doc = ? WHERE entity_id = ?", (dump(shown), entity_id))
    return shown


def _no_such(field: str, value: int) -> Refused:
    return Refused(
        404,
        "No such entity with %fieldName = %fieldValue",
        {"fieldName": field, "fieldValue": value},
    )


def find_customer(db: sqlite3.Connection, customer_id: int) -> Doc:
    row = db.execute("SELECT doc FROM customers WHERE entity_id = ?", (customer_id,)).fetchone()
    if row is None:
        raise _no_such("customerId", customer_id)
    customer: Doc = json.loads(row["doc"])
    return customer


def register(app: Flask, shop: Shop) -> None:
    """Add the customer routes."""

    @app.get("/rest/V1/customers/search")
    def customers_search() -> Response:
        criteria = search_criteria()
        with shop.store.transaction() as db:
            rows, total = CUSTOMERS.find(db, criteria)
        return answer(page_of([json.loads(row["doc"]) for row in rows], total, criteria))

    @app.get("/rest/V1/customers/<segment:customer_id>")
    def customer(customer_id: str) -> Response:
        with shop.store.transaction() as db:
            return answer(find_customer(db, identifier(customer_id)))

    @app.post("/rest/V1/customers")
    def create_customer() -> Response:
        sent, password = part("customer"), body().get("password")
        if password is not None and len(password) < 8:
            raise Refused(
                400,
                "The password needs at least %1 characters. Create a new password and try again.",
                ["8"],
            )
        with shop.store.transaction() as db:
            saved = save_customer(db, _new(sent), store_id(), shop.stamp())
            customer_mail(db, "customer_welcome", saved["id"])
        return answer(saved)

    @app.put("/rest/V1/customers/<segment:customer_id>")
    def update_customer(customer_id: str) -> Response:
        sent, number = part("customer"), identifier(customer_id)
        with shop.store.transaction() as db:
            known = find_customer(db, number) if number > 0 else None
            fresh = sent if known else _new(sent)
            saved = save_customer(db, fresh, store_id(), shop.stamp(), known)
        return answer(saved)

    @app.get("/rest/V1/customerGroups/<segment:group_id>")
    def customer_group(group_id: str) -> Response:
        asked = identifier(group_id)
        group = next((group for group in _GROUPS if group["id"] == asked), None)
        if group is None:
            raise _no_such("id", asked)
        return answer(group)

    @app.get("/rest/V1/customerGroups/search")
    def customer_groups() -> Response:
        return answer(page_of(list(_GROUPS), len(_GROUPS), search_criteria()))


def _new(sent: Any) -> Doc:
    return {key: value for key, value in dict(sent).items() if key not in ("id", "created_at")}
