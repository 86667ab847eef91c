"""What a person sees instead of the page they asked for: what happened, what to do, and the way
back, under the navigation of whoever is signed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from urllib.parse import urlsplit

from flask import Flask, g, render_template, request
from sqlalchemy.exc import DBAPIError, OperationalError
from werkzeug.exceptions import HTTPException, InternalServerError

from pipeline.base.log import log
from pipeline.console.languages import gettext as _
from pipeline.console.languages import later

LARGEST_FORM = 64 * 1024
"""Bytes. The server itself refuses what is larger than it allows."""
_TITLES: Mapping[int, str] = {
    400: later("That was not understood"),
    403: later("You may not do this"),
    404: later("There is no such page"),
    405: later("This address takes a form"),
    413: later("The form is too large"),
    500: later("Something went wrong here"),
}
_TO_DO: Mapping[int, str] = {
    403: later("Nothing was done. An admin can give you the role, under People."),
    404: later(
        "The address may be mistyped, or what it named was deleted. Search for it in the orders."
    ),
    405: later("Go back to the page that has the form, and send it from there."),
    413: later("Nothing was done. A form may have %(kilobytes)s KB: send less of it at once."),
}


def error_pages(app: Flask, now: Callable[[], datetime]) -> None:
    """Answer every error with a page."""
    app.config["MAX_CONTENT_LENGTH"] = app.config["MAX_FORM_MEMORY_SIZE"] = LARGEST_FORM

    @app.errorhandler(HTTPException)
    def _sorry(error: HTTPException) -> tuple[str, int]:
        code = error.code or 500
        is_ours = code in (400, 403) or type(error).description != error.description
        sentences = [error.description or ""] if is_ours and code != 500 else []
        sentences += [_(_TO_DO[code], kilobytes=LARGEST_FORM // 1024)] if code in _TO_DO else []
        if isinstance(error, InternalServerError):
            time = f"{now():%Y-%m-%d %H:%M:%S}"
            sentences = [
                _(
                    "What you asked for was not done, or not to its end. Look whether it was, then "
                    "try again. If it goes wrong again, tell an admin the time: %(time)s UTC. The "
                    "console’s log says more.",
                    time=time,
                )
            ]
        return _page(_(_TITLES.get(code, error.name)), sentences, code)

    @app.errorhandler(DBAPIError)
    def _no_database(error: DBAPIError) -> tuple[str, int]:
        log.error("console.database", error=type(error).__name__)
        if isinstance(error, OperationalError):
            return _page(
                _("No database"), [_("The database does not answer. Try again soon.")], 503
            )
        refused = _(
            "The database refused the query. Was “orderbridge migrate” run for this version?"
        )
        return _page(_("Database not ready"), [refused], 503)


def _page(title: str, sentences: list[str], status: int) -> tuple[str, int]:
    page = render_template(
        "message.html",
        title=title,
        sentences=sentences,
        back=_way_back(),
        # What went wrong may be the database, which the counts would ask.
        counts_in_navigation=status < 500,
    )
    return page, status


def _way_back() -> str | None:
    """The page of ours that led here, if another page did."""
    if (known := g.get("way_back")) is not None:
        return str(known)
    referrer = urlsplit(request.referrer or "")
    path = referrer.path + (f"?{referrer.query}" if referrer.query else "")
    is_ours = referrer.netloc == request.host and referrer.path != "/login"
    return path if is_ours and path != request.full_path.removesuffix("?") else None
