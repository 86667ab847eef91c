"""Step 4 of 7. Find or create the buyer's Magento account, or follow the guest process."""

from __future__ import annotations

from pipeline.clients import Clients
from pipeline.effects import Write
from pipeline.models import Order
from pipeline.outcome import Done, HoldCode, Outcome, Skipped
from tasks.steps.gate import stopped
from tasks.steps.store import store_code


def create_customer(order: Order, clients: Clients) -> Outcome:
    """One account per e-mail address and website, however many orders come at once."""
    if (outcome := stopped(order, clients)) is not None:
        return outcome
    if clients.marketplace(order).customers == "guest":
        return Skipped("guest order")
    placed = clients.placed(order)
    email = placed.buyer_email.strip().lower()
    if not email:
        return Skipped("guest order: Amazon gave no e-mail address")
    shop = clients.shop(order)
    store = shop.store_view(store_code(order, clients))

    def find() -> str | None:
        customer_id = shop.find_customer(email, store.website_id)
        return None if customer_id is None else str(customer_id)

    def send() -> str:
        # Looking first is not for retries here: the buyer may have had an account for years.
        return find() or str(shop.create_customer(placed, email, store))

    account = clients.settings.accounts[order.account]
    customer_id = clients.ledger.once(
        order.id,
        Write(
            key=f"customer:{account.shop}:{store.website_id}:{clients.pseudonym(email)}",
            kind="customer",
            send=send,
            find=find,
            settles_after=clients.settles_after(order),
            refused_as=HoldCode.CUSTOMER_REFUSED,
        ),
    )
    order.magento_customer_id = int(customer_id)
    return Done()
