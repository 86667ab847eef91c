"""Marked buyers go through everything, and are then searched for in all that was written.

`make canary` runs this alone and prints where which path left something.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pytest

from tests.system.canary_marks import Mark
from tests.system.canary_money import RETURNED
from tests.system.canary_places import analyze, opened, places, table_of
from tests.system.canary_play import NOTED, OTHER_WISHES, PATHS, TITLED, UNREADABLE, play
from tests.system.canary_rig import CanaryRig, canary_rig
from tests.system.rig import TIME_LIMIT_S

pytestmark = pytest.mark.timeout(TIME_LIMIT_S)

OUTSIDE_OF_THE_DATABASE = {
    *("log: worker", "log: beat", "log: flower", "log: console", "log: postgres", "log: broker"),
    *("Redis: append-only file", "Redis: keys", "Redis: values", "beat's schedule"),
    *("processes: cmdline", "processes: environ", "pages", "CSV", "commands", "metrics", "Flower"),
    "API",
    *("alerts: webhook", "alerts: mail", "traces"),
    *("database: dump", "database: pg_stats", "database: pg_statistic"),
    *("database: pg_stat_activity",),
}


@dataclass(frozen=True)
class Played:
    """What was found: in each place, by the key before the purge, and by the key after it."""

    table: Mapping[str, set[Mark]]
    opened: set[Mark]
    purged: Mapping[str, set[Mark]]
    opened_after: set[Mark]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    with canary_rig(tmp_path_factory.mktemp("outside")) as made:
        play(made)
        analyze(made)
        table, by_key = table_of(places(made)), opened(made)
        purge(made)
        analyze(made)
        yield Played(table, by_key, table_of(places(made)), opened(made))


def purge(made: CanaryRig) -> None:
    made.command("purge", "--account", "main", "--also-live", "--yes", "--json")
    assert made.rig.rows("SELECT 1 FROM order_private WHERE wrapped_key IS NOT NULL") == []


def told(table: Mapping[str, set[Mark]]) -> list[str]:
    """A line for each place where something is, with the paths and how many kinds each left."""
    lines = []
    for place, marks in sorted(table.items()):
        paths = Counter(PATHS[code] for _, code in marks)
        if paths:
            of = "; ".join(f"{path} ({count})" for path, count in sorted(paths.items()))
            lines.append(f"{place}: {of}")
    return lines


def test_a_buyers_data_is_nowhere_but_sealed(played: Played, figure: Callable[[str], None]) -> None:
    clean = sum(not marks for marks in played.table.values())
    figure(f"canary: {len(PATHS)} paths, {len(played.table)} places, {clean} of them clean")
    for line in told(played.table):
        figure(f"canary: {line}")
    assert set(played.table) >= OUTSIDE_OF_THE_DATABASE
    assert told(played.table) == []


def test_the_key_opens_every_path_before_the_purge(played: Played) -> None:
    """Else the searches above and below would prove nothing.

    A report that cannot be read is stored nowhere, not even sealed. Of an order that
    Amazon fulfils there is no e-mail address.
    """
    kinds = ("mail", "wish", "note")
    opened = {kind: {code for of, code in played.opened if of == kind} for kind in kinds}
    assert opened == {
        "mail": {*PATHS} - {UNREADABLE, RETURNED},
        "wish": TITLED | OTHER_WISHES,
        "note": NOTED,
    }
    assert {code for _, code in played.opened} == {*PATHS} - {UNREADABLE}


def test_nothing_is_left_after_the_purge_and_nothing_opens(
    played: Played, figure: Callable[[str], None]
) -> None:
    figure(f"canary: after the purge the key opens {len(played.opened_after)} marks")
    for line in told(played.purged):
        figure(f"canary: after the purge {line}")
    assert (told(played.purged), played.opened_after) == ([], set())
