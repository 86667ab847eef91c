"""`/webhooks`: the endpoints that other systems are told at, and their deliveries."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import date, datetime, time
from threading import BoundedSemaphore

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from pipeline.base.db import Sessions
from pipeline.base.vault import Vault
from pipeline.console.guard import role_required, signature
from pipeline.console.languages import gettext as _
from pipeline.console.languages import ngettext
from pipeline.console.reader import reader
from pipeline.monitoring.read_only import Writes
from pipeline.settings.model import Settings
from pipeline.webhooks.endpoints import Endpoints, NotPossible
from pipeline.webhooks.replaying import deliveries, last_results, replay
from pipeline.webhooks.sending import Sending, counts
from pipeline.webhooks.tables import EventType, WebhookEndpoint

NEWEST = 100
TESTS_AT_ONCE = 2
"""Each holds a thread of the console until its endpoint has answered."""
Answer = Response | str | tuple[str, int]


def webhook_views(settings: Settings, sessions: Sessions, now: Callable[[], datetime]) -> Blueprint:
    """The pages and their forms, for admins only."""
    views = Blueprint("webhooks", __name__)
    vault = Vault(*settings.master_keys)
    endpoints = Endpoints(sessions, vault)
    sending = Sending(sessions, vault, now)
    writes = Writes(settings, sessions, now)
    places = BoundedSemaphore(TESTS_AT_ONCE)

    @views.before_request
    @role_required("admin")
    def _admins_alone() -> None:
        """Every view of this blueprint requires the role."""

    def shown(sentence: str = "", made: tuple[str, str] | None = None) -> str:
        return render_template(
            "webhooks.html",
            endpoints=endpoints.all(),
            counted=counts(sessions),
            last=last_results(sessions),
            events=list(EventType),
            sentence=sentence,
            made=made,
        )

    def known(endpoint_id: int) -> WebhookEndpoint:
        for endpoint in endpoints.all():
            if endpoint.id == endpoint_id:
                return endpoint
        abort(404, _("There is no such endpoint."))

    def one(endpoint: WebhookEndpoint, sentence: str = "", *, is_good: bool = False) -> str:
        failed = "failed" in request.args
        return render_template(
            "webhook.html",
            endpoint=endpoint,
            counted=counts(sessions).get(endpoint.name, (0, 0)),
            deliveries=[
                row for row, _name in deliveries(sessions, endpoint.name, NEWEST, failed=failed)
            ],
            failed=failed,
            newest=NEWEST,
            sentence=sentence,
            is_good=is_good,
        )

    @views.get("/webhooks")
    def page() -> str:
        return shown()

    @views.post("/webhooks/add")
    def add() -> Answer:
        """Add an endpoint; only this answer shows its secret."""
        given = request.form
        name = given.get("name", "").strip()
        try:
            events = [EventType(event) for event in given.getlist("event")]
            secret = endpoints.add(name, given.get("url", "").strip(), events, signature(now()))
        except ValueError:
            return shown(_("Nothing was changed: there is no such event.")), 400
        except NotPossible as error:
            return shown(_("Nothing was changed: %(why)s.") % {"why": error}), 400
        return shown(made=(name, secret))

    @views.get("/webhooks/<row_id:endpoint_id>")
    def endpoint(endpoint_id: int) -> str:
        return one(known(endpoint_id))

    @views.post("/webhooks/<row_id:endpoint_id>/test")
    def test(endpoint_id: int) -> Answer:
        """Send the event `test` now, and say what came of it."""
        chosen = known(endpoint_id)
        if settings.read_only or writes.changed():
            return one(chosen, _("Nothing was sent: this installation is read-only.")), 409
        if not places.acquire(blocking=False):
            abort(503, _("Other endpoints are being tested. Try again in a moment."))
        try:
            delivery = endpoints.queue_test(chosen.name, f"evt_{secrets.token_hex(16)}", now())
            trouble = sending.test(chosen.name, delivery)
        finally:
            places.release()
        if trouble:
            sentence = _("The endpoint did not take the test: %(why)s.") % {"why": trouble}
            return one(chosen, sentence), 409
        return one(chosen, _("The endpoint took the test."), is_good=True)

    @views.post("/webhooks/<row_id:endpoint_id>/pause")
    def pause(endpoint_id: int) -> Response:
        endpoints.set_active(known(endpoint_id).name, False, signature(now()))
        return redirect(url_for("webhooks.endpoint", endpoint_id=endpoint_id), 303)

    @views.post("/webhooks/<row_id:endpoint_id>/resume")
    def resume(endpoint_id: int) -> Response:
        endpoints.set_active(known(endpoint_id).name, True, signature(now()))
        return redirect(url_for("webhooks.endpoint", endpoint_id=endpoint_id), 303)

    @views.post("/webhooks/<row_id:endpoint_id>/remove")
    def remove(endpoint_id: int) -> Response:
        endpoints.remove(known(endpoint_id).name, signature(now()))
        return redirect(url_for("webhooks.page"), 303)

    @views.post("/webhooks/<row_id:endpoint_id>/replay")
    def send_again(endpoint_id: int) -> Answer:
        """Send one event again, or all since a day."""
        chosen, given = known(endpoint_id), request.form
        event, since = given.get("event", "").replace("\x00", "")[:64], None
        if not event:
            try:
                day = date.fromisoformat(given.get("since", ""))
            except ValueError:
                return one(chosen, _("Nothing was changed: choose a day.")), 400
            since = datetime.combine(day, time(), reader().zone)
        count = replay(sessions, signature(now()), endpoint=chosen.name, since=since, event=event)
        sentence = ngettext(
            "%(num)s event is sent again.", "%(num)s events are sent again.", count
        ) % {"num": count}
        return one(chosen, sentence, is_good=True)

    return views
