"""`/refunds`: the refunds to Amazon that need a person. Those of an order are on its page."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, render_template

from pipeline.base.db import Sessions
from pipeline.operations.lists import made_at_amazon
from pipeline.operations.lists.refunds import count_waiting, refunds_of, waiting


def refund_views(sessions: Sessions) -> Blueprint:
    """The page, and what the order's page and Today show of refunds."""
    views = Blueprint("refunds", __name__)

    @views.app_context_processor
    def _for_all_templates() -> dict[str, object]:
        return {
            "refunds_of": partial(refunds_of, sessions),
            "refunds_waiting": partial(made_at_amazon.count_in_all, sessions),
            "made_at_amazon": partial(made_at_amazon.made_of, sessions),
        }

    @views.get("/refunds")
    def page() -> str:
        return render_template(
            "refunds.html",
            refunds=waiting(sessions),
            number=count_waiting(sessions),
            made=made_at_amazon.waiting(sessions),
        )

    return views
