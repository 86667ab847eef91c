"""Two people, two addresses and a stranger: who has to wait for whom."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as example_settings
from hypothesis import strategies as st

from pipeline.access.password_attempts import (
    ANYWHERE,
    BROWSER_KNOWN_FOR,
    SAME_NAME,
    SAME_PLACE,
    Limit,
    PasswordAttempts,
)
from pipeline.base.db import Sessions
from tests.builders import NOW, a_vault
from tests.emptied import empty

NAMES, PLACES = ("anna", "bert"), ("192.0.2.1", "198.51.100.2")
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
ATTEMPTS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(PLACES), st.integers(0, 40)),
    min_size=30,
    max_size=60,
)
examples = example_settings(
    max_examples=6,
    deadline=None,
    phases=(Phase.generate,),  # an example takes a second: none is made shorter
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def attempts(sessions: Sessions) -> PasswordAttempts:
    return PasswordAttempts(sessions, a_vault())


@examples
@given(ATTEMPTS, st.sampled_from(NAMES), st.sampled_from(PLACES))
def test_nothing_that_others_try_delays_a_known_browser(
    sessions: Sessions,
    attempts: PasswordAttempts,
    tried: list[tuple[str, str, int]],
    name: str,
    place: str,
) -> None:
    empty(sessions)
    now, browser = NOW, attempts.known_browser(name, NOW)
    for wrong_name, wrong_place, seconds in tried:
        now += seconds * SECOND
        attempts.begin(wrong_name, wrong_place, "", now)
    assert attempts.begin(name, place, browser, now) is None


@examples
@given(ATTEMPTS)
def test_no_order_of_attempts_evades_a_limit(
    sessions: Sessions, attempts: PasswordAttempts, tried: list[tuple[str, str, int]]
) -> None:
    """After the free ones, an attempt that is let through waited as long as its limit asks."""
    empty(sessions)
    now = NOW
    through: list[tuple[str, str, float]] = []
    for name, place, seconds in tried:
        now += seconds * SECOND
        if attempts.begin(name, place, "", now) is None:
            through.append((name, place, now.timestamp()))
    kinds: list[tuple[Limit, Callable[[tuple[str, str, float]], Hashable]]] = [
        (SAME_NAME, lambda one: one[:2]),
        (SAME_PLACE, lambda one: one[1]),
        (ANYWHERE, lambda one: one[0]),
    ]
    for limit, kind in kinds:
        counted: dict[Hashable, list[float]] = {}
        for one in through:
            counted.setdefault(kind(one), []).append(one[2])
        for times in counted.values():
            for count, (earlier, later) in enumerate(pairwise(times), 1):
                pause = limit.pause(count)
                assert pause is None or later - earlier >= pause.total_seconds()


def test_two_people_at_one_address_wait_for_each_other_only_after_many(
    attempts: PasswordAttempts,
) -> None:
    for _ in range(5):
        assert attempts.begin("anna", PLACES[0], "", NOW) is None
    assert attempts.begin("anna", PLACES[0], "", NOW) == 30 * SECOND
    assert attempts.begin("anna", PLACES[1], "", NOW) is None
    assert attempts.begin("bert", PLACES[0], "", NOW) is None


def test_a_mark_is_good_for_one_name_and_for_some_time(attempts: PasswordAttempts) -> None:
    browser = attempts.known_browser("Anna", NOW)
    for _ in range(5):
        attempts.begin("anna", PLACES[0], "", NOW)
        attempts.begin("bert", PLACES[0], "", NOW)
    assert attempts.begin(" ANNA", PLACES[0], browser, NOW) is None
    for name, mark, at in (
        ("bert", browser, NOW),
        ("anna", browser + "0", NOW),
        ("anna", "ä" + browser, NOW),
        ("anna", "", NOW),
        ("anna", "9999999999.x.", NOW),
        ("anna", browser.replace(browser[:5], "99999"), NOW),
    ):
        assert attempts.begin(name, PLACES[0], mark, at) is not None
    later = NOW + BROWSER_KNOWN_FOR
    for _ in range(5):
        assert attempts.begin("anna", PLACES[0], "", later) is None
    assert attempts.begin("anna", PLACES[0], browser, later) is not None


@pytest.mark.parametrize(
    ("address", "other", "is_same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("192.0.2.1", "192.0.2.2", False),
    ],
)
def test_a_machines_ipv6_addresses_are_one_place(
    attempts: PasswordAttempts, address: str, other: str, is_same: bool
) -> None:
    for _ in range(5):
        attempts.begin("anna", address, "", NOW)
    assert (attempts.begin("anna", other, "", NOW) is not None) == is_same
