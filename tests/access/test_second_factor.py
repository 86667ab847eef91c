"""Codes of an app, and recovery codes: each counts once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pyotp import TOTP
from sqlalchemy import select

from pipeline.access.errors import NotAllowed
from pipeline.access.people import People
from pipeline.access.second_factor import SecondFactors, new_secret
from pipeline.access.tables import SecondFactor
from pipeline.base.db import Sessions
from pipeline.base.security_log import Action
from pipeline.base.vault import Vault
from pipeline.settings.roles import Role
from tests.builders import NOW, a_vault, signed
from tests.security_log import rows

PASSWORD = "four words of mine"
SECRET = new_secret()
STEP = timedelta(seconds=30)
HERE = "192.0.2.1"


@pytest.fixture
def factors(sessions: Sessions) -> SecondFactors:
    return SecondFactors(sessions, a_vault())


@pytest.fixture
def anna(sessions: Sessions) -> int:
    people = People(sessions)
    people.add("anna", Role.ADMIN, PASSWORD, signed(at=NOW), is_own=True)
    return people.named("anna").id


def code(steps: int = 0) -> str:
    """What the app shows so many half minutes from now."""
    return TOTP(SECRET).at(NOW + steps * STEP)


def set_up(factors: SecondFactors, person_id: int) -> list[str]:
    # An hour before: no code of the tests is used by it.
    before = NOW - timedelta(hours=1)
    codes = factors.set_up(person_id, SECRET, TOTP(SECRET).at(before), signed("anna", before))
    assert codes is not None
    return list(codes)


def test_a_code_counts_within_a_step_and_once(factors: SecondFactors, anna: int) -> None:
    set_up(factors, anna)
    for steps in (-2, 2):
        assert not factors.accept(anna, code(steps), HERE, NOW)
    assert factors.accept(anna, f" {code(-1)[:3]} {code(-1)[3:]} ", HERE, NOW)
    assert not factors.accept(anna, code(-1), HERE, NOW)
    assert factors.accept(anna, code(1), HERE, NOW)
    for earlier in (-1, 0, 1):
        assert not factors.accept(anna, code(earlier), HERE, NOW)
    assert factors.accept(anna, code(2), HERE, NOW + STEP)


def test_the_code_of_the_set_up_is_used(factors: SecondFactors, anna: int) -> None:
    assert factors.set_up(anna, SECRET, code(), signed("anna", NOW)) is not None
    assert not factors.accept(anna, code(), HERE, NOW)
    assert factors.accept(anna, code(1), HERE, NOW)


def test_a_wrong_code_sets_nothing_up(factors: SecondFactors, anna: int) -> None:
    for wrong in ("000000" if code() != "000000" else "000001", "", code(5)):
        assert factors.set_up(anna, SECRET, wrong, signed("anna", NOW)) is None
    assert factors.recovery_codes_left(anna) is None
    assert not factors.accept(anna, code(), HERE, NOW)


def test_a_recovery_code_counts_once_however_it_is_typed(
    factors: SecondFactors, anna: int, sessions: Sessions
) -> None:
    first, second, *others = set_up(factors, anna)
    assert len({first, second, *others}) == 10
    assert factors.accept(anna, first, HERE, NOW)
    assert not factors.accept(anna, first, HERE, NOW)
    assert factors.accept(anna, f" {second.replace('-', ' ')}", HERE, NOW)
    assert factors.recovery_codes_left(anna) == 8
    assert [row.facts for row in rows(sessions, Action.RECOVERY_CODE_USED)] == [
        {"left": 9},
        {"left": 8},
    ]


def test_neither_secret_nor_codes_are_kept_in_clear_or_of_use_to_another(
    factors: SecondFactors, anna: int, sessions: Sessions
) -> None:
    codes = set_up(factors, anna)
    People(sessions).add("bert", Role.VIEWER, PASSWORD, signed(at=NOW), is_own=True)
    bert = People(sessions).named("bert").id
    with sessions() as session, session.begin():
        kept = session.scalars(select(SecondFactor)).one()
        whole = kept.sealed + kept.wrapped_key + b"".join(kept.recovery_digests)
        for secret in (SECRET, *codes, *(one.replace("-", "") for one in codes)):
            assert secret.encode() not in whole
        session.add(
            SecondFactor(
                person_id=bert,
                wrapped_key=kept.wrapped_key,
                sealed=kept.sealed,
                last_step=0,
                recovery_digests=kept.recovery_digests,
                set_up_at=NOW,
            )
        )
    assert not factors.accept(bert, code(), HERE, NOW)
    assert not factors.accept(bert, codes[0], HERE, NOW)


def test_recovery_codes_count_under_another_master_key_and_the_apps_do_not(
    factors: SecondFactors, anna: int, sessions: Sessions
) -> None:
    codes = set_up(factors, anna)
    elsewhere = SecondFactors(sessions, Vault(bytes(32)))
    assert not elsewhere.accept(anna, code(), HERE, NOW)
    assert elsewhere.accept(anna, codes[0], HERE, NOW)


def test_a_new_secret_takes_the_place_of_the_old_one(factors: SecondFactors, anna: int) -> None:
    old = set_up(factors, anna)
    new = new_secret()
    assert factors.set_up(anna, new, TOTP(new).at(NOW), signed("anna", NOW)) is not None
    assert not factors.accept(anna, code(1), HERE, NOW)
    assert not factors.accept(anna, old[0], HERE, NOW)
    assert factors.recovery_codes_left(anna) == 10


def test_resetting_is_logged_with_who_did_it(
    factors: SecondFactors, anna: int, sessions: Sessions
) -> None:
    set_up(factors, anna)
    factors.reset("ANNA", signed("bert"))
    assert not factors.accept(anna, code(), HERE, NOW)
    with pytest.raises(NotAllowed, match="anna has no second factor"):
        factors.reset("anna", signed("bert"))
    (row,) = rows(sessions, Action.SECOND_FACTOR_RESET)
    assert (row.person, row.object) == ("bert", "person anna")
