"""`/`: Today, the first page."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response


def today_views() -> Blueprint:
    """The first page."""
    views = Blueprint("today", __name__)

    @views.get("/")
    def page() -> Response | str:
        """Today. The list of orders was here once: its bookmarks lead to it still."""
        if request.args.keys() - {"fragment"}:
            return redirect(f"{url_for('orders.tab')}?{request.query_string.decode()}")
        return render_template("today.html")

    return views
