"""`/sku-map`: the products of the shop for Amazon's SKUs. The workers read the same rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from pipeline.base.db import Sessions
from pipeline.base.row_ids import row_id
from pipeline.console.guard import current_person
from pipeline.console.languages import gettext as _
from pipeline.operations.acts.map_sku import LONGEST_SKU, Doubtful, SkuDecisions
from pipeline.operations.acts.one_order import NotPossible
from pipeline.operations.acts.shop_product import HasProduct
from pipeline.operations.lists.mapped_skus import MappedSkus, files
from pipeline.settings.model import Settings

_FIELDS = ("account", "amazon_sku", "magento_sku")
Answer = Response | tuple[str, int]


def sku_map_views(
    settings: Settings,
    sessions: Sessions,
    now: Callable[[], datetime],
    has_product: HasProduct | None,
) -> Blueprint:
    """The page and its forms; forms of other pages are sent here as well."""
    views = Blueprint("sku_map", __name__)

    def page(sku: str = "", refusal: str = "", *, is_doubtful: bool = False) -> str:
        after, freed = row_id(request.args.get("after", "")), row_id(request.args.get("freed", ""))
        mapped = MappedSkus(sessions)
        rows, following = mapped.page(sku, after)
        return render_template(
            "sku_map.html",
            mapped=rows,
            following=following,
            is_first=after is None,
            earlier=mapped.earlier(sku) if sku else [],
            files=list(files(settings)),
            accounts=list(settings.accounts),
            sku=sku,
            freed=freed,
            refusal=refusal,
            is_doubtful=is_doubtful,
            back=request.form.get("back", ""),
            longest_sku=LONGEST_SKU,
            typed={name: request.form.get(name, "") for name in _FIELDS},
        )

    def decide(act: Callable[[SkuDecisions, str, str], int]) -> Answer:
        account, amazon_sku = request.form.get("account", ""), request.form.get("amazon_sku", "")
        hand = SkuDecisions(sessions, settings.accounts, current_person().name, now(), has_product)
        try:
            freed = act(hand, account, amazon_sku)
        except Doubtful as error:
            sentence = _(
                "Nothing was saved: %(why)s. Tick “all the same” below to save it.", why=error
            )
            return page(refusal=sentence, is_doubtful=True), 409
        except NotPossible as error:
            return page(refusal=_("Nothing was changed: %(why)s.", why=error)), 409
        if request.form.get("back") == "held":
            return redirect(url_for("board.held", freed=freed), 303)
        return redirect(url_for("sku_map.table", sku=amazon_sku.strip(), freed=freed), 303)

    @views.get("/sku-map")
    def table() -> str:
        return page(request.args.get("sku", "").replace("\x00", "").strip())

    @views.post("/sku-map/set")
    def sell_as() -> Answer:
        magento_sku, anyway = request.form.get("magento_sku", ""), "anyway" in request.form
        return decide(
            lambda hand, account, sku: hand.sell_as(account, sku, magento_sku, anyway=anyway)
        )

    @views.post("/sku-map/unset")
    def take_back() -> Answer:
        return decide(lambda hand, account, sku: hand.take_back(account, sku))

    return views
