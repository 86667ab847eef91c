"""Since when a marketplace's refunds go to Amazon, whatever becomes of its own settings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from pipeline.base.db import Sessions
from pipeline.refunds.adopting import OFF, note_starts, starts_of
from pipeline.settings.model import AccountSettings
from tests.builders import ACCOUNT, NOW, settings

OURS, OTHER = "A1PA6795UKMFR9", "A13V1IB3VIYZZH"
LATER = NOW + timedelta(days=9)
LATEST = LATER + timedelta(days=9)
Modes = Mapping[str, str]


def account(modes: Modes) -> AccountSettings:
    """An account's settings; "" is what counts for its other marketplaces."""
    marketplaces = {key: {"refunds_to_amazon": mode} for key, mode in modes.items() if key}
    loaded = settings(
        marketplace={"refunds_to_amazon": modes[""]}, account={"marketplaces": marketplaces}
    )
    return loaded.accounts[ACCOUNT]


def starts(sessions: Sessions, *noted: tuple[Modes, datetime]) -> tuple[datetime | None, ...]:
    """Since when, of our marketplace and of another, after these settings in a row."""
    for modes, at in noted:
        with sessions() as session, session.begin():
            note_starts(session, "uk", account({"": "ask"}), at)
            note_starts(session, ACCOUNT, account(modes), at)
    with sessions() as session:
        known = starts_of(session, ACCOUNT)
        assert starts_of(session, "uk") == {"": noted[0][1]}
    return known.get(OURS, known.get("")), known.get(OTHER, known.get(""))


ALL, OWN = {"": "ask"}, {"": "ask", OURS: "send"}
NONE, OWN_ALONE = {"": "never"}, {"": "never", OURS: "send"}
NEVER = {"": "ask", OURS: "never"}


@pytest.mark.parametrize(
    ("before", "after", "ours", "other"),
    [
        (ALL, ALL, NOW, NOW),
        (ALL, OWN, NOW, NOW),
        (OWN, ALL, NOW, NOW),
        (NONE, OWN_ALONE, LATER, OFF),
        (OWN_ALONE, NONE, OFF, OFF),
        (ALL, OWN_ALONE, NOW, OFF),
        (OWN_ALONE, ALL, NOW, LATER),
        (NEVER, OWN, LATER, NOW),
        (NEVER, ALL, LATER, NOW),
        (NONE, ALL, LATER, LATER),
    ],
)
def test_settings_that_change_hands_go_on_as_since_before(
    sessions: Sessions,
    before: Modes,
    after: Modes,
    ours: datetime,
    other: datetime,
) -> None:
    assert starts(sessions, (before, NOW), (after, LATER)) == (ours, other)


def test_what_was_switched_off_begins_anew(sessions: Sessions) -> None:
    noted = (OWN, NOW), (NEVER, LATER), (OWN, LATEST)
    assert starts(sessions, *noted) == (LATEST, NOW)
    assert starts(sessions, (ALL, NOW), (NONE, LATER), (ALL, LATEST)) == (LATEST, LATEST)
