"""`POST /orders/ID/ACT`: what another system may do to an order.

Each act is the one of the pages and the command line, with their checks; the token signs it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema
from sqlalchemy.orm import Session

from pipeline.access.api_tokens import ApiScope
from pipeline.api.entry import holder, needs
from pipeline.api.once import Answer, Request, once
from pipeline.api.order_models import OrderSummary, summary
from pipeline.api.order_views import ALWAYS, OrderPath, no_such_order
from pipeline.api.problems import MEDIA_TYPE, documented, problem
from pipeline.base.db import Sessions
from pipeline.base.security_log import Action, order_object, record
from pipeline.base.vault import Vault
from pipeline.operations.acts.one_order import LONGEST_NOTE, LONGEST_WHY, Decisions, NotPossible
from pipeline.operations.acts.ship import LONGEST, Parcel, ShipmentRequests
from pipeline.orders.machine import Orders
from pipeline.orders.tables import Order
from pipeline.settings.marketplace import CancelReason
from pipeline.settings.model import Settings

TAG = Tag(name="acts", description="What may be done to an order; each act checks its state.")
_RESPONSES = {200: OrderSummary, **ALWAYS, **documented(404, 409)}
# PostgreSQL stores no NUL, and a text of spaces says nothing.
_SAYING = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"


def _text(longest: int) -> Any:
    return Field(min_length=1, max_length=longest, pattern=_SAYING)


class ActHeader(BaseModel):
    """The key under which a request is done once; repeat the request with the same key."""

    idempotency_key: (
        Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[!-~]+$")]
        | SkipJsonSchema[None]
    ) = Field(None, alias="Idempotency-Key")


class HoldBody(BaseModel):
    """Why the order is held: it is sealed with the buyer's data, and shown with them."""

    model_config = ConfigDict(extra="forbid")
    why: Annotated[str, _text(LONGEST_WHY)]


class NoteBody(BaseModel):
    """A note, sealed with the buyer's data and gone with them."""

    model_config = ConfigDict(extra="forbid")
    text: Annotated[str, _text(LONGEST_NOTE)]


class ShipBody(BaseModel):
    """The parcel with all units that are left. `carrier` is Magento's code, `custom` for others,
    which need a title."""

    model_config = ConfigDict(extra="forbid")
    carrier: Annotated[str, _text(LONGEST)]
    tracking_number: Annotated[str, _text(LONGEST)]
    carrier_title: Annotated[str, Field(max_length=LONGEST, pattern=r"^[^\u0000]*$")] = ""


class CancelBody(BaseModel):
    """Why Amazon shall cancel, on Amazon's list."""

    model_config = ConfigDict(extra="forbid")
    reason: CancelReason


@dataclass(frozen=True, slots=True)
class _Hand:
    """What an act needs: its transaction, the settings, the author and the time."""

    sessions: Sessions
    settings: Settings
    author: str
    now: datetime

    @property
    def vault(self) -> Vault:
        return Vault(*self.settings.master_keys)

    @property
    def decisions(self) -> Decisions:
        return Decisions(self.sessions, self.vault, self.author, self.now, self.settings.accounts)


_Act = Callable[[_Hand, int], None]


class Acts:
    """Does the acts of the requests."""

    def __init__(
        self,
        settings: Settings,
        sessions: Sessions,
        now: Callable[[], datetime],
        address: Callable[[], str],
    ) -> None:
        self._settings = settings
        self._sessions = sessions
        self._now = now
        self._address = address
        # Keyed, since a body may be guessed: it has what a person typed.
        self._vault = Vault(*settings.master_keys)

    def do(
        self,
        name: str,
        header: ActHeader,
        path: OrderPath,
        act: _Act,
        body: BaseModel | None = None,
    ) -> Response:
        """Do an act once, and answer with the order as it is then."""
        now, who, order_id = self._now(), holder(), path.order_id
        given = {} if body is None else body.model_dump(mode="json")
        same = json.dumps([order_id, name, given], sort_keys=True)
        wanted = Request(who.id, header.idempotency_key or "", self._vault.pseudonym(same).encode())

        def done(sessions: Sessions) -> Answer:
            with sessions() as session:
                if session.get(Order, order_id) is None:
                    raise no_such_order(order_id)
            try:
                act(_Hand(sessions, self._settings, who.author, now), order_id)
            except NotPossible as error:
                refused = problem(
                    409,
                    "not_possible",
                    f"Nothing was changed: {error}.",
                    "Look at the order, which tells its state, and act on that.",
                )
                return Answer(409, refused.model_dump(mode="json"))
            with sessions() as session:
                shown = summary(session.get_one(Order, order_id))
                return Answer(200, shown.model_dump(mode="json"))

        def signed(session: Session, answer: Answer) -> None:
            if answer.status == 200:
                record(
                    session,
                    at=now,
                    person=who.author,
                    address=self._address(),
                    action=Action.ACTED_BY_TOKEN,
                    object=order_object(order_id),
                    facts={"act": name},
                )

        answer = once(self._sessions, wanted, now, done, signed)
        return Response(
            json.dumps(answer.body),
            answer.status,
            {"Idempotency-Replayed": "true"} if answer.is_repeated else None,
            mimetype="application/json" if answer.status == 200 else MEDIA_TYPE,
        )


def _release(hand: _Hand, order_id: int) -> None:
    machine = Orders(hand.sessions, hand.vault, hand.settings.timing)
    if not machine.release(order_id, author=hand.author, now=hand.now):
        raise NotPossible("it is neither waiting nor held")


def act_views(acts: Acts) -> APIBlueprint:
    """The views that act on orders."""
    views = APIBlueprint(
        "acts",
        __name__,
        abp_tags=[TAG],
        abp_security=[{"token": [ApiScope.ACT_ON_ORDERS.value]}],
        abp_responses=_RESPONSES,
    )
    views.before_request(needs(ApiScope.ACT_ON_ORDERS))

    @views.post("/orders/<int:order_id>/release", operation_id="release_order")
    def release(header: ActHeader, path: OrderPath) -> Response:
        """Retry a waiting or held order now

        Also releases an order that a person or a system holds.
        """
        return acts.do("release", header, path, _release)

    @views.post("/orders/<int:order_id>/hold", operation_id="hold_order")
    def hold(header: ActHeader, path: OrderPath, body: HoldBody) -> Response:
        """Hold an order before its next step, until it is released"""
        return acts.do(
            "hold", header, path, lambda hand, id_: hand.decisions.hold(id_, body.why), body
        )

    @views.post("/orders/<int:order_id>/note", operation_id="note_order")
    def note(header: ActHeader, path: OrderPath, body: NoteBody) -> Response:
        """Add a note to an order's timeline"""
        return acts.do(
            "note", header, path, lambda hand, id_: hand.decisions.note(id_, body.text), body
        )

    @views.post("/orders/<int:order_id>/ship", operation_id="ship_order")
    def ship(header: ActHeader, path: OrderPath, body: ShipBody) -> Response:
        """Ship in Magento the rest of an order, as a single parcel

        A worker makes the shipment, and confirms it to Amazon.
        """

        def asked(hand: _Hand, order_id: int) -> None:
            requests = ShipmentRequests(hand.sessions, hand.author, hand.now)
            parcel = Parcel(body.carrier, body.tracking_number, body.carrier_title)
            requests.ask(order_id, parcel)

        return acts.do("ship", header, path, asked, body)

    @views.post("/orders/<int:order_id>/cancel", operation_id="cancel_order")
    def cancel(header: ActHeader, path: OrderPath, body: CancelBody) -> Response:
        """Cancel at Amazon an order of which nothing was shipped

        The request goes to Amazon in the next feed, within minutes.
        """
        return acts.do(
            "cancel", header, path, lambda hand, id_: hand.decisions.cancel(id_, body.reason), body
        )

    return views
