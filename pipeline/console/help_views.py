"""`/help`: the manual, its search, and the links with which every page leads into it."""

from __future__ import annotations

from flask import Blueprint, Response, abort, render_template, request, send_from_directory
from markupsafe import Markup, escape

from pipeline.console.languages import gettext as _
from pipeline.console.languages import later
from pipeline.console.manual_pages import FOLDER, address, names, pages, read, search
from pipeline.settings.anchors import of_marketplace_setting, of_setting

_FIRST = {
    later("Setting up"): (
        *("connect-amazon", "connect-magento", "settings", "install-without-docker", "kubernetes"),
    ),
    later("Every day"): (
        *("operations", "hold-codes", "refunds", "returns", "money", "settlements", "invoices"),
        "commands",
        "cli-json",
    ),
    later("Protecting data"): ("security",),
}
_REST = later("How it works")


def help_views() -> Blueprint:
    """The list of pages with the search, a page, and its pictures."""
    views = Blueprint("help", __name__)

    @views.get("/help")
    def index() -> str:
        sought = request.args.get("q", "")[:200]
        known = pages()
        grouped = {name: [known[page] for page in own] for name, own in _FIRST.items()}
        named = {page.name for group in grouped.values() for page in group}
        grouped[_REST] = [
            page for name, page in known.items() if name not in named and "/" not in name
        ] + [known["decisions/README"]]
        return render_template(
            "help.html", groups=grouped, sought=sought, found=search(sought), pages=known
        )

    @views.get("/help/<path:name>")
    def page(name: str) -> str:
        if name not in names():
            abort(404, _("The manual has no such page."))
        return render_template("help_page.html", page=read(name))

    @views.get("/help/img/<name>")
    def image(name: str) -> Response:
        return send_from_directory(FOLDER / "img", name)

    @views.app_context_processor
    def _for_every_page() -> dict[str, object]:
        return {
            "help_address": address,
            "help_link": help_link,
            "of_marketplace_setting": of_marketplace_setting,
            "of_setting": of_setting,
        }

    return views


def help_link(page: str, anchor: str, about: str) -> Markup:
    """A small question mark that leads to the words about something."""
    words = escape(_("Help: %(about)s", about=about))
    return Markup('<a class="help" href="{}" aria-label="{}" title="{}">?</a>').format(
        address(page, anchor), words, words
    )
