"""Customer accounts of the shop."""

from __future__ import annotations

from typing import Any

from pipeline.channel import Address, ChannelOrder
from pipeline.magento import addresses, names, reading, search
from pipeline.magento.directory import Directory
from pipeline.magento.records import StoreView


class Customers(Directory):
    """Look-up and creation of customers."""

    def find_customer(self, email: str, website_id: int) -> int | None:
        """The id of the website's customer with this e-mail address, in any case; None without.

        Raises Transient or Rejected. Source: GET /V1/customers/search.
        """
        found = self._search(
            "/customers/search",
            [search.equals("email", email), search.equals("website_id", website_id)],
            lambda row: reading.identifier(row, "id"),
            sort="entity_id",
            fields="id",
        )
        return found[0] if found else None

    def create_customer(self, order: ChannelOrder, email: str, store: StoreView) -> int:
        """Create the buyer's account in a store view, without a password, and return its id.

        **Magento sends a welcome mail to the address**, which no call can prevent. The postal
        address is left out unless it passes Magento's rules for address books, which are stricter
        than those for orders. Raises Rejected (also for an e-mail address that is taken: look it up
        again), Transient, OutcomeUnknown. Source: POST /V1/customers.
        """
        address = order.address or Address()
        first, last = names.for_customer(order.buyer_name or address.name)
        customer: dict[str, Any] = {
            "email": email,
            "firstname": first,
            "lastname": last,
            "website_id": store.website_id,
            "store_id": store.id,
        }
        country = addresses.country_of(address)
        regions = self.regions(country, store.code) if country else ()
        entry = addresses.for_address_book(address, regions)
        if entry is not None:
            customer["addresses"] = [entry]
        return self._send(
            "POST",
            "/customers",
            lambda body: reading.identifier(body, "id"),
            body={"customer": customer},
            store=store.code,
            is_private=True,
        )
