"""What Amazon's fees took of each account's sales in the last 30 days, or why that is not known."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from pipeline.finances.recent_sums import FeeSum, UnknownSum, fee_sums, unknown_sums
from pipeline.settings.model import Settings


class NoFees(StrEnum):
    """Why an account has no fees to show."""

    OFF = "off"
    TROUBLE = "trouble"
    NONE_YET = "none yet"


@dataclass(frozen=True, slots=True)
class AccountFees:
    """An account's sums by currency, or why there is none; its amounts with unknown names."""

    account: str
    sums: Sequence[FeeSum]
    why_none: NoFees | None
    unknown: Sequence[UnknownSum]


def account_fees(
    session: Session, settings: Settings, incidents: Collection[str], now: datetime
) -> list[AccountFees]:
    """All accounts of the settings, in two statements. `incidents` are the keys of the open ones,
    which say whether an account's money can be read."""
    names = sorted(settings.accounts)
    sums, unknown = fee_sums(session, names, now), unknown_sums(session, names, now)

    def why_none(name: str) -> NoFees:
        if settings.accounts[name].finances == "off":
            return NoFees.OFF
        in_trouble = {f"finances:{name}", f"stalled:finances:{name}"} & set(incidents)
        return NoFees.TROUBLE if in_trouble else NoFees.NONE_YET

    found = []
    for name in names:
        own = [one for one in sums if one.account == name]
        odd = [one for one in unknown if one.account == name]
        found.append(AccountFees(name, own, None if own else why_none(name), odd))
    return found
