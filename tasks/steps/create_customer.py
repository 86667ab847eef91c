"""Step 4 of 7. Find or create the buyer's Magento account, or follow the guest process.

Creating an account makes Magento send a mail. The settings ask for consent: they refuse
`customers = "create"` without `welcome_mail = "accept"`.
"""

from __future__ import annotations

from pipeline.base.errors import Rejected
from pipeline.clients import Clients
from pipeline.magento.order.body import email_of
from pipeline.magento.records import StoreView
from pipeline.magento.rest.customers import Customer
from pipeline.orders.channel_order import ChannelOrder, FulfilledBy
from pipeline.orders.outcome import Done, HoldCode, Outcome, Skipped
from pipeline.orders.states import EffectKind
from pipeline.orders.tables import Order
from tasks.placing.store_view import store_code


def create_customer(order: Order, clients: Clients) -> Outcome:
    """Use the same account for an e-mail address and website, also for concurrent orders."""
    if clients.marketplace(order).customers == "guest":
        return Skipped("guest order")
    if order.fulfilled_by == FulfilledBy.AMAZON:
        return Skipped("guest order: Amazon fulfils it and does not name the buyer")
    placed = clients.placed(order)
    email = placed.buyer_email.strip().lower()
    if not email:
        return Skipped("guest order: Amazon gave no e-mail address")
    if email_of(placed).lower() != email:
        return Skipped("guest order: Amazon's e-mail address of the buyer cannot be used")
    store = clients.shop(order).directory.store_view(store_code(order, clients))
    customer = clients.shop(order).customers.find(email, store.website_id)
    if customer is None:
        customer = _created(order, clients, placed, email, store)
    if customer is None:
        order.magento_customer_id = order.magento_customer_group = None
        return Skipped("guest order: the buyer's account was deleted in the shop")
    order.magento_customer_id = customer.id
    order.magento_customer_group = customer.group_id
    return Done()


def _created(
    order: Order, clients: Clients, placed: ChannelOrder, email: str, store: StoreView
) -> Customer | None:
    """The account that this or an earlier order created for the buyer; None when it was deleted."""
    shop = clients.shop(order)
    body = shop.customers.body(placed, email, store, clients.marketplace(order).customer_group)

    def find() -> str | None:
        customer = shop.customers.find(email, store.website_id)
        return None if customer is None else str(customer.id)

    def send() -> Customer:
        try:
            return shop.customers.create(body, store.code)
        except Rejected:
            # The buyer may have registered since the search.
            if (customer := shop.customers.find(email, store.website_id)) is None:
                raise
            return customer

    ledger, buyer = clients.ledger_of(order), clients.pseudonym(email)
    account = ledger.shop_trace(
        "customer", store.website_id, buyer, kind=EffectKind.CUSTOMER, find=find
    )
    made = ledger.once(
        account.write(send, HoldCode.CUSTOMER_REFUSED, id_of=lambda customer: str(customer.id))
    )
    return made.answer or shop.customers.get(int(made.remote_id))
