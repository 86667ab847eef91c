"""Overrides: operators change settings without a restart; the database keeps the values.

An override for a marketplace wins over an override for its whole account, and both win over the
file. A setting can be overridden only if it may change between two runs of an order; see
docs/decisions/0050.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, get_args

from pydantic import ValidationError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.base.clock import elapsed
from pipeline.base.db import Sessions
from pipeline.base.log import log
from pipeline.base.security_log import Action, Signature, record
from pipeline.settings.marketplace import MarketplaceSettings
from pipeline.settings.model import AccountSettings, Settings, needs_seller_id
from pipeline.settings.tables import SettingOverrideRow

CHANGEABLE = (
    "pending_orders",
    "out_of_stock",
    "unclear_totals",
    "cancel_from_amazon",
    "cancel_to_amazon",
    "confirm_without_tracking",
    "order_comments",
)
LONGEST_WHY = 500
_KNOWN_FOR_S = 5.0


class NotChangeable(Exception):
    """The override is not possible; the message says why and what to do."""


class NothingToChange(NotChangeable):
    """The setting already has this value."""


@dataclass(frozen=True, slots=True)
class SettingOverride:
    """A setting and its new value; None restores the file's value.

    Without `marketplace_id` it applies to the whole account.
    """

    account: str
    marketplace_id: str | None
    name: str
    value: object

    def is_of(self, row: SettingOverrideRow) -> bool:
        """Whether the row overrides the same setting of the same account and marketplace."""
        mine = self.account, self.marketplace_id, self.name
        return mine == (row.account, row.marketplace_id, row.name)


class Overrides:
    """The present settings. A process reads the overrides at most every few seconds."""

    def __init__(
        self,
        settings: Settings,
        sessions: Sessions,
        monotonic: Callable[[], float] = elapsed,
    ) -> None:
        self._file = settings
        self._sessions = sessions
        self._monotonic = monotonic
        self._known: tuple[float, Settings] | None = None
        self._guard = Lock()

    def settings(self) -> Settings:
        """The file's settings with all overrides."""
        at = self._monotonic()
        with self._guard:
            if self._known is not None and at - self._known[0] < _KNOWN_FOR_S:
                return self._known[1]
        with self._sessions() as session:
            settings = overlaid(self._file, turns(session))
        with self._guard:
            self._known = at, settings
        return settings


def turns(session: Session) -> Sequence[SettingOverrideRow]:
    """The present overrides: the newest of each setting and place, unless it was taken back."""
    place = SettingOverrideRow.account, SettingOverrideRow.marketplace_id, SettingOverrideRow.name
    newest = select(func.max(SettingOverrideRow.id)).group_by(*place)
    rows = (
        select(SettingOverrideRow)
        .where(SettingOverrideRow.id.in_(newest))
        .order_by(SettingOverrideRow.id)
    )
    return [
        row for row in session.scalars(rows) if row.value is not None and row.name in CHANGEABLE
    ]


def overlaid(
    settings: Settings, turned: Iterable[SettingOverrideRow | SettingOverride]
) -> Settings:
    """The settings with the overrides. An override whose value the setting no longer allows, as
    after an upgrade, is left out."""
    by_account: dict[str, dict[str | None, dict[str, object]]] = {}
    for override in turned:
        of_place = by_account.setdefault(override.account, {}).setdefault(
            override.marketplace_id, {}
        )
        of_place[override.name] = override.value
    return settings.model_copy(
        update={
            "accounts": {
                name: _overlaid(account, by_account[name]) if name in by_account else account
                for name, account in settings.accounts.items()
            }
        }
    )


def _overlaid(
    account: AccountSettings, places: Mapping[str | None, Mapping[str, object]]
) -> AccountSettings:
    common = places.get(None, {})
    named = {
        *account.marketplaces,
        *(marketplace_id for marketplace_id in places if marketplace_id is not None),
    }
    return account.model_copy(
        update={
            "settings": _with(account.settings, common),
            "marketplaces": {
                marketplace_id: _with(
                    account.marketplace(marketplace_id),
                    {**common, **places.get(marketplace_id, {})},
                )
                for marketplace_id in sorted(named)
            },
        }
    )


def _with(own: MarketplaceSettings, values: Mapping[str, object]) -> MarketplaceSettings:
    for name, value in values.items():
        try:
            own = own.model_copy(update={name: valid(own, name, value)})
        except NotChangeable as error:
            log.warning("settings.turned_unusable", error=str(error))
    return own


def valid(own: MarketplaceSettings, name: str, value: object) -> Any:
    """The value in the setting's type, checked together with all others. Raises NotChangeable."""
    if name not in MarketplaceSettings.model_fields:
        raise NotChangeable(f"there is no setting {name}")
    try:
        checked = MarketplaceSettings.model_validate({**own.model_dump(), name: value})
    except ValidationError:
        raise NotChangeable(
            f"{name} may be {', '.join(choices(name)) or 'another value'}"
        ) from None
    return getattr(checked, name)


def choices(name: str) -> tuple[str, ...]:
    """The values that a setting may have, as text; empty where any text is allowed."""
    annotation = MarketplaceSettings.model_fields[name].annotation
    return ("true", "false") if annotation is bool else tuple(map(str, get_args(annotation)))


def wanted(
    settings: Settings, account: str, marketplace_id: str | None, name: str, text: str | None
) -> SettingOverride:
    """The override that a person asks for, checked against all settings it would override. Without
    `text` it restores the file's value. Raises NotChangeable."""
    if account not in settings.accounts:
        raise NotChangeable(f"there is no account {account} in the configuration")
    value = None
    own = settings.accounts[account]
    for marketplace in (own.settings, *own.marketplaces.values()):
        value = valid(marketplace, name, text) if text is not None else None
    if (name, value) == ("cancel_to_amazon", "send") and not own.may_cancel:
        raise NotChangeable(needs_seller_id(account))
    return SettingOverride(account, marketplace_id, name, value)


def save(sessions: Sessions, turn: SettingOverride, *, why: str, by: Signature) -> int:
    """Save the override, which applies in every process within seconds; return the row's id.

    Raises NotChangeable, also when the setting already has this value.
    """
    if turn.name not in CHANGEABLE:
        raise NotChangeable(
            f"{turn.name} cannot be overridden while orders are under way: set it in the file, "
            f"then restart. You can override {', '.join(CHANGEABLE)}"
        )
    reason = " ".join(why.split())
    if not reason:
        raise NotChangeable("give a reason: it is kept in the history")
    if len(reason) > LONGEST_WHY:
        raise NotChangeable(f"give a reason of at most {LONGEST_WHY} characters")
    with sessions() as session, session.begin():
        now_turned = next(
            (override.value for override in turns(session) if turn.is_of(override)), None
        )
        if now_turned == turn.value:
            raise NothingToChange(
                "nothing would change: the override exists already, or there is none"
            )
        row = SettingOverrideRow(
            account=turn.account,
            marketplace_id=turn.marketplace_id,
            name=turn.name,
            value=turn.value,
            author=by.person,
            at=by.at,
            why=reason,
        )
        session.add(row)
        session.flush()
        place = f"{turn.account}/{turn.marketplace_id}" if turn.marketplace_id else turn.account
        record(
            session,
            at=by.at,
            person=by.person,
            address=by.address,
            action=Action.SETTING_CHANGED,
            object=f"{turn.name} of {place}",
            facts={"before": _text(now_turned), "value": _text(turn.value)},
        )
        return row.id


def _text(value: object) -> str | None:
    return None if value is None else str(value)


@dataclass(frozen=True, slots=True)
class PastOverride:
    """A past override and the value before it; None stands for the file's value. `is_last` marks
    the newest override of its setting and place."""

    row: SettingOverrideRow
    before: object
    is_last: bool


def history(session: Session, limit: int = 50) -> list[PastOverride]:
    """The past overrides, the newest first."""
    of_place: dict[str, Any] = {
        "partition_by": (
            SettingOverrideRow.account,
            SettingOverrideRow.marketplace_id,
            SettingOverrideRow.name,
        ),
        "order_by": SettingOverrideRow.id,
    }
    rows = session.execute(
        select(
            SettingOverrideRow,
            func.lag(SettingOverrideRow.value).over(**of_place),
            func.lead(SettingOverrideRow.id).over(**of_place),
        )
        .order_by(SettingOverrideRow.id.desc())
        .limit(limit)
    )
    return [PastOverride(row, before, newer is None) for row, before, newer in rows]
