"""The database is set back to an earlier time, and no write of that time is made again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from devstack.paths import temporary_home
from devstack.supervisor import Supervisor
from tests.system.archived import ArchivedPostgres
from tests.system.remotes import Remotes
from tests.system.rig import TIME_LIMIT_S, Rig

pytestmark = pytest.mark.timeout(TIME_LIMIT_S)


@pytest.fixture
def postgres_and_rig() -> Iterator[tuple[ArchivedPostgres, Rig]]:
    with temporary_home() as home, Supervisor(home) as supervisor:
        rig = Rig(home, supervisor)
        rig.postgres = postgres = ArchivedPostgres(home)
        rig.start()
        rig.start_beat()
        yield postgres, rig
        rig.rest()
        rig.close()


def test_a_database_set_back_finds_what_it_did_and_does_it_no_second_time(
    postgres_and_rig: tuple[ArchivedPostgres, Rig],
) -> None:
    postgres, rig = postgres_and_rig
    postgres.back_up()
    remotes = rig.fresh()
    early = remotes.place_many(4)
    placed(rig, 4)
    the_moment = datetime.now(UTC)

    # What follows the database will forget: six orders, three of the others shipped and told.
    remotes.place_many(10)
    placed(rig, 10)
    for number in early[:3]:
        remotes.ship(number, f"1Z{number}")
    rig.until(lambda: rig.standing("sync_tracking", "done") == 3, "three orders through")
    before = counted(remotes)
    rig.stop_workers()
    postgres.archived()
    rig.supervisor.stop("postgres")
    postgres.set_back(the_moment)
    rig.supervisor.start(postgres.command())
    postgres.wait_ready()
    rig.until(lambda: rig.rows("SELECT NOT pg_is_in_recovery()") == [(True,)], "the recovery")
    assert rig.rows("SELECT count(*) FROM orders") == [(4,)]
    assert rig.rows("SELECT count(*) FROM shipments") == [(0,)]

    rig.start_workers()
    rig.until(lambda: rig.standing("sync_tracking", "done") == 3, "the three told again")
    placed(rig, 7)
    assert counted(remotes) == before
    assert remotes.wrong(early) == {}
    forgotten = rig.rows(
        "SELECT kind, adopted, count(*) FROM effects JOIN orders ON orders.id = order_id"
        " WHERE NOT external_id = ANY(%s) GROUP BY 1, 2 ORDER BY 1",
        early,
    )
    assert {kind for kind, _, _ in forgotten} >= {"order", "invoice"}
    assert {(adopted, count) for _, adopted, count in forgotten} == {(True, 6)}


def placed(rig: Rig, count: int) -> None:
    rig.until(lambda: rig.standing("ship_order", "waiting") == count, f"{count} orders placed")


def counted(remotes: Remotes) -> dict[str, list[tuple[str, str, int]]]:
    """What the shop has of each order."""
    return {
        number: [(one["increment_id"], one["state"], one["invoices"]) for one in orders]
        for number, orders in remotes.magento().items()
    }
