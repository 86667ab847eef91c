"""Settings that are turned while everything runs: what wins, what is refused, what is kept."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from pipeline.base.db import Sessions
from pipeline.settings.marketplace import MarketplaceSettings
from pipeline.settings.model import Settings
from pipeline.settings.overrides import (
    CHANGEABLE,
    NotChangeable,
    Overrides,
    SettingOverride,
    choices,
    history,
    overlaid,
    save,
    wanted,
)
from pipeline.settings.tables import SettingOverrideRow
from tests.builders import ACCOUNT, GERMANY, NOW, settings, signed

FRANCE = "A13V1IB3VIYZZH"
FILE = settings(account={"marketplaces": {"DE": {"out_of_stock": "backorder"}}})


def a_turn(
    value: object, marketplace_id: str | None = None, name: str = "out_of_stock"
) -> SettingOverride:
    return SettingOverride(ACCOUNT, marketplace_id, name, value)


def saved(sessions: Sessions, turn: SettingOverride, **changes: Any) -> int:
    told = {"why": "the supplier delivers", "by": signed(at=NOW), **changes}
    return save(sessions, turn, **told)


def out_of_stock(counts: Settings) -> dict[str, str]:
    return {
        name: counts.for_order(ACCOUNT, marketplace_id).out_of_stock
        for name, marketplace_id in (("DE", GERMANY), ("FR", FRANCE), ("other", "A-NEW-ONE"))
    }


@pytest.mark.parametrize(
    ("turned", "counts"),
    [
        ([], {"DE": "backorder", "FR": "block", "other": "block"}),
        ([("backorder", None)], {"DE": "backorder", "FR": "backorder", "other": "backorder"}),
        ([("block", None)], {"DE": "block", "FR": "block", "other": "block"}),
        ([("backorder", FRANCE)], {"DE": "backorder", "FR": "backorder", "other": "block"}),
        (
            [("backorder", FRANCE), ("block", None)],
            {"DE": "block", "FR": "backorder", "other": "block"},
        ),
        (
            [("block", GERMANY), ("backorder", None)],
            {"DE": "block", "FR": "backorder", "other": "backorder"},
        ),
    ],
)
def test_a_marketplaces_turn_wins_over_the_accounts_and_that_over_the_file(
    turned: list[tuple[str, str | None]], counts: dict[str, str]
) -> None:
    assert out_of_stock(overlaid(FILE, [a_turn(*override) for override in turned])) == counts


def test_nothing_but_what_is_turned_changes() -> None:
    counts = overlaid(FILE, [a_turn("backorder", FRANCE)])
    before, after = FILE.accounts[ACCOUNT], counts.accounts[ACCOUNT]
    assert after.settings == before.settings
    assert after.marketplace(GERMANY) == before.marketplace(GERMANY)
    assert after.marketplace(FRANCE) == MarketplaceSettings(out_of_stock="backorder")
    assert overlaid(FILE, [SettingOverride("gone", None, "out_of_stock", "backorder")]) == FILE


def test_a_value_of_an_older_version_is_left_out() -> None:
    assert overlaid(FILE, [a_turn("sell anyway")]).accounts[ACCOUNT].settings == (
        FILE.accounts[ACCOUNT].settings
    )


def test_every_process_has_it_within_five_seconds_of_one_read(sessions: Sessions) -> None:
    at, reads = [100.0], []

    def counted() -> Session:
        reads.append(at[0])
        return sessions()

    turned = Overrides(FILE, counted, lambda: at[0])
    assert out_of_stock(turned.settings())["FR"] == "block"
    saved(sessions, a_turn("backorder"))
    at[0] = 104.9
    assert out_of_stock(turned.settings())["FR"] == "block"
    at[0] = 105.0
    for _ in range(3):
        assert out_of_stock(turned.settings())["FR"] == "backorder"
    assert reads == [100.0, 105.0]


def test_turns_are_added_and_the_newest_counts(sessions: Sessions) -> None:
    saved(sessions, a_turn("backorder"))
    saved(sessions, a_turn("block"), by=signed("otto", NOW), why="  too\nmany   returns ")
    saved(sessions, a_turn("backorder", FRANCE))
    saved(sessions, a_turn(None), by=signed("otto", NOW))
    counts = Overrides(FILE, sessions).settings()
    assert out_of_stock(counts) == {"DE": "backorder", "FR": "backorder", "other": "block"}
    with sessions() as session:
        told = [
            (
                override.row.author,
                override.row.marketplace_id,
                override.before,
                override.row.value,
                override.is_last,
            )
            for override in history(session)
        ]
        whys = {override.row.why for override in history(session)}
    assert told == [
        ("otto", None, "block", None, True),
        ("anna", FRANCE, None, "backorder", True),
        ("otto", None, "backorder", "block", False),
        ("anna", None, None, "backorder", False),
    ]
    assert whys == {"the supplier delivers", "too many returns"}


@pytest.mark.parametrize(
    ("turn", "changes", "message"),
    [
        (a_turn("create", name="invoice"), {}, "invoice cannot be overridden while orders are"),
        (a_turn(False, name="import_orders"), {}, "import_orders cannot be overridden while"),
        (a_turn("backorder"), {"why": " \n"}, "give a reason"),
        (a_turn("backorder"), {"why": "x" * 501}, "give a reason of at most 500 characters"),
        (a_turn(None), {}, "nothing would change"),
    ],
)
def test_what_cannot_be_turned_is_refused_and_not_kept(
    sessions: Sessions, turn: SettingOverride, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(NotChangeable, match=message):
        saved(sessions, turn, **changes)
    with sessions() as session:
        assert session.query(SettingOverrideRow).count() == 0


def test_the_same_turn_is_not_kept_twice(sessions: Sessions) -> None:
    saved(sessions, a_turn("backorder"))
    with pytest.raises(NotChangeable, match="nothing would change"):
        saved(sessions, a_turn("backorder"))


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("out_of_stock", "backorder", "backorder"),
        ("confirm_without_tracking", "true", True),
        ("order_comments", "false", False),
        ("order_comments", None, None),
    ],
)
def test_a_value_is_read_as_the_setting_holds_it(
    name: str, text: str | None, value: object
) -> None:
    assert wanted(FILE, ACCOUNT, FRANCE, name, text) == SettingOverride(
        ACCOUNT, FRANCE, name, value
    )


@pytest.mark.parametrize(
    ("account", "name", "text", "message"),
    [
        ("us", "out_of_stock", "block", "there is no account us in the configuration"),
        (ACCOUNT, "out_of_stok", "block", "there is no setting out_of_stok"),
        (ACCOUNT, "out_of_stock", "never", "out_of_stock may be block, backorder"),
        (ACCOUNT, "order_comments", "perhaps", "order_comments may be true, false"),
    ],
)
def test_a_wrong_wish_is_answered_with_what_may_be(
    account: str, name: str, text: str, message: str
) -> None:
    with pytest.raises(NotChangeable, match=f"^{message}$"):
        wanted(FILE, account, None, name, text)


def test_every_turnable_setting_has_two_values() -> None:
    assert [len(choices(name)) for name in CHANGEABLE] == [2] * len(CHANGEABLE)
