"""How often an ordinary order asks the database, the broker and the remotes, step by step.

A count that grows costs every order; a change that is meant, up or down, is entered in the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import pytest
from celery import Celery

from bench.counting import Counts
from bench.played import Player
from tasks.engine.runtime import build
from tests.bench.serving import Stub, serving_stub
from tests.builders import ACCOUNT, SHOP, settings
from tests.tasks.conftest import close

Pins = tuple[int, int, int, int]
# Statements, commits, broker commands, calls to the remotes.
PINNED: Mapping[str, Mapping[str, Pins]] = {
    "FBM": {
        "search": (15, 8, 4, 1),
        "import_order": (2, 2, 2, 0),
        "verify_order": (2, 2, 2, 0),
        "enrich_order": (3, 3, 3, 1),
        "create_customer": (2, 2, 2, 0),
        "create_order": (10, 10, 2, 5),
        "ship_order": (2, 2, 2, 0),
        "watch": (23, 7, 3, 2),
        "ship_order again": (2, 2, 2, 0),
        "sync_tracking": (8, 8, 4, 4),
    },
    "FBA": {
        "search": (15, 8, 4, 1),
        "import_order": (2, 2, 2, 0),
        "verify_order": (2, 2, 2, 0),
        "enrich_order": (3, 3, 3, 0),
        "create_customer": (2, 2, 2, 0),
        "create_order": (7, 7, 2, 2),
        "ship_order": (2, 2, 2, 0),
        "sync_tracking": (2, 2, 2, 0),
    },
}


@pytest.fixture(scope="module")
def remotes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stub]:
    with serving_stub(tmp_path_factory.mktemp("remotes")) as stub:
        yield stub


@pytest.fixture
def player(app: Celery, remotes: Stub, database_url: str, redis_url: str) -> Iterator[Player]:
    """Plays orders with settings under which nothing happens by the clock."""
    parts = build(
        settings(
            database_url=database_url,
            redis_url=redis_url,
            account={
                "base_url": remotes.url,
                "token_url": remotes.url,
                "start_from": datetime(2020, 1, 1, tzinfo=UTC),
            },
            shop={"base_url": remotes.url},
            timing={"lease_s": 600},
        ),
        lambda: datetime.now(UTC),
    )
    yield Player(app, parts, ACCOUNT, SHOP, remotes.tell)
    close(parts)


@pytest.mark.parametrize("kind", PINNED)
def test_an_ordinary_order_asks_this_often(kind: str, player: Player) -> None:
    player.play(is_fba=kind == "FBA")  # fills the caches

    found = {step: _pins(counts) for step, counts in player.play(is_fba=kind == "FBA").items()}

    assert found == PINNED[kind], _as_table(found)


def _pins(counts: Counts) -> Pins:
    return (
        len(counts.statements),
        counts.commits,
        counts.broker.total(),
        counts.calls.total(),
    )


def _as_table(found: Mapping[str, Pins]) -> str:
    """The table's new rows, to be copied."""
    return "\n".join(f'        "{step}": {pins},' for step, pins in found.items())
