"""What somebody typed into a form after their sign-in had ended: it is kept until they have signed
in again, and shown to them once.

It is kept in a cookie of the browser, sealed, since it may name a buyer. Only a form of ours gets
there, so that nobody else can put words into it.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from flask import Flask, g, request
from flask import Response as Answer
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from pipeline.base.master_keys import Unreadable
from pipeline.base.vault import SealedColumn, Vault
from pipeline.console.csrf import FIELD, is_from_our_page

KEPT_FOR = timedelta(hours=1)
_LONGEST_COOKIE = 3800
"""Bytes; browsers take 4 KB with the name and the attributes."""
_OWNER = "a form's fields"
_SECRETS = frozenset({"password", "new", "again", "code", "ticket"})
_NOT_TYPED = frozenset({FIELD, "token", "seen"})


@dataclass(frozen=True, slots=True)
class Draft:
    """The fields of a form that a person did not get sent, by the address of the form's act.

    Without fields, they were too long to be kept.
    """

    person_id: int
    action: str
    fields: Mapping[str, str]


class Drafts:
    """Keeps and gives back drafts. With `is_secure` the cookie is sent over https only."""

    def __init__(self, vault: Vault, *, is_secure: bool) -> None:
        self._vault = vault
        self._is_secure = is_secure
        self._name = "__Host-orderbridge-draft" if is_secure else "orderbridge-draft"

    def keep(self, response: Response, person_id: int) -> None:
        """Keep the fields of the form that this person sent after their sign-in had ended."""
        if not is_from_our_page() or _SECRETS & request.form.keys():
            return
        typed = {name: text for name, text in request.form.items() if name not in _NOT_TYPED}
        if not any(typed.values()):
            return
        action = request.full_path.removesuffix("?")
        text = self._sealed(Draft(person_id, action, typed))
        if len(text) > _LONGEST_COOKIE:
            text = self._sealed(Draft(person_id, action, {}))
        response.set_cookie(
            self._name,
            text,
            max_age=KEPT_FOR,
            httponly=True,
            samesite="Lax",
            secure=self._is_secure,
        )

    def given_back(self) -> Draft | None:
        """The draft, for the person who typed it and has signed in. The answer deletes it."""
        text = request.cookies.get(self._name, "")
        if not text or g.get("person") is None or "fragment" in request.args:
            return None
        try:
            wrapped, sealed = (urlsafe_b64decode(part) for part in text.split("."))
            draft = Draft(**self._vault.open(wrapped, _OWNER, SealedColumn.DRAFT, sealed))
        except (ValueError, TypeError, Unreadable):
            draft = None
        g.forgets_draft = draft is None or draft.person_id == g.person.id
        return draft if g.forgets_draft else None

    def forget(self, response: Response) -> None:
        """Delete the draft that was given back."""
        if g.get("forgets_draft", False):
            response.delete_cookie(
                self._name, httponly=True, samesite="Lax", secure=self._is_secure
            )

    def _sealed(self, draft: Draft) -> str:
        key = self._vault.new_key(_OWNER)
        data = asdict(draft)
        parts = key, self._vault.seal(key, _OWNER, SealedColumn.DRAFT, data)
        return ".".join(urlsafe_b64encode(part).decode() for part in parts)


def give_drafts_back(app: Flask, drafts: Drafts) -> None:
    """Give the templates the draft, and delete it once it was shown."""

    @app.context_processor
    def _for_the_page() -> dict[str, object]:
        return {"draft": drafts.given_back}

    @app.after_request
    def _forget(response: Answer) -> Answer:
        drafts.forget(response)
        return response


def page_of_the_form(app: Flask) -> str | None:
    """The path of the page that the form was on, if it can be shown again."""
    referrer = urlsplit(request.referrer or "")
    if referrer.netloc != request.host:
        return None
    path = referrer.path + (f"?{referrer.query}" if referrer.query else "")
    try:
        app.url_map.bind(request.host).match(referrer.path, method="GET")
    except HTTPException:
        return None
    return path
