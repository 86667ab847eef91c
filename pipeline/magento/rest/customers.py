"""Find or create customer accounts of the shop. An existing account is never changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.base.errors import Rejected
from pipeline.magento.order import addresses, names
from pipeline.magento.records import StoreView
from pipeline.magento.rest import json_records, replies, search
from pipeline.magento.rest.connection import Connection
from pipeline.magento.rest.directory import Directory
from pipeline.orders.channel_order import Address, ChannelOrder


@dataclass(frozen=True, slots=True)
class Customer:
    """The fields of an account that an order needs."""

    id: int
    group_id: int


class Customers:
    """Look-up and creation of customers."""

    def __init__(self, api: Connection, directory: Directory) -> None:
        self._api = api
        self._directory = directory

    def find(self, email: str, website_id: int) -> Customer | None:
        """The website's customer with this e-mail address in any case, or None.

        Raises Transient or Rejected. Source: GET /V1/customers/search.
        """
        customers = self._api.search(
            "/customers/search",
            [search.equals("email", email), search.equals("website_id", website_id)],
            _customer,
            sort="entity_id",
            fields="id,group_id",
        )
        return customers[0] if customers else None

    def get(self, customer_id: int) -> Customer | None:
        """The customer with this id, or None if it was deleted.

        Raises Transient or Rejected. Source: GET /V1/customers/:id.
        """
        try:
            return self._api.get(f"/customers/{customer_id}", _customer)
        except Rejected as error:
            if error.code != replies.NOT_FOUND:
                raise
            return None

    def body(
        self, order: ChannelOrder, email: str, store: StoreView, group_id: int
    ) -> dict[str, Any]:
        """The body of the buyer's account for `create`, without a password.

        The postal address is left out unless it passes the rules for address books of every version
        of Magento, which are stricter than the rules for orders. Raises Transient or Rejected,
        since the country's regions are read.
        """
        address = order.address or Address()
        first, last = names.for_customer(order.buyer_name or address.name)
        customer: dict[str, Any] = {
            "email": email,
            "firstname": first,
            "lastname": last,
            "website_id": store.website_id,
            "store_id": store.id,
            "group_id": group_id,
        }
        country = addresses.country_of(address)
        if country and self._directory.sells_to(country, store.code):
            entry = addresses.for_address_book(
                address, self._directory.regions(country, store.code)
            )
            if entry is not None:
                customer["addresses"] = [entry]
        return customer

    def create(self, body: Mapping[str, Any], store: str) -> Customer:
        """Create an account from the result of `body`.

        **Magento sends a welcome mail to the address**, which no call can prevent. Raises Rejected
        (also when the e-mail address is taken: look it up again; its message quotes nothing that
        was sent), Transient, OutcomeUnknown. Source: POST /V1/customers.
        """
        return self._api.send("POST", "/customers", _customer, body={"customer": body}, store=store)


def _customer(row: dict[str, Any]) -> Customer:
    return Customer(json_records.identifier(row, "id"), json_records.integer(row, "group_id"))
