"""`orderbridge keys`: the master key is replaced, and nothing is lost or made twice by it."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode

import pytest
from sqlalchemy import func, select, update

from pipeline.base.db import Sessions
from pipeline.base.master_keys import MasterKey
from pipeline.base.vault import SealedColumn, Vault
from pipeline.orders.machine import owner
from pipeline.orders.tables import Order, OrderPrivate
from tests.builders import a_report, a_vault, an_order, stored
from tests.cli.conftest import MASTER_KEY, Run
from tests.security_log import rows

FIRST = MasterKey(b64decode(MASTER_KEY))


def orders(sessions: Sessions, count: int, vault: Vault | None = None) -> None:
    for _ in range(count):
        order = an_order()
        order.report = a_report({"name": "Berta Buyer"})
        stored(sessions, order, vault=vault)


def successor(orderbridge: Run) -> str:
    made = orderbridge("keys", "new")
    assert made.exit_code == 0
    assert FIRST.id in made.stderr
    return made.stdout.strip()


def names(sessions: Sessions, *keys: bytes) -> list[str]:
    vault = Vault(*keys)
    with sessions() as session:
        found = session.execute(
            select(OrderPrivate.wrapped_key, OrderPrivate.sealed, OrderPrivate.order_id)
        )
        return [
            vault.open(
                key or b"", owner(session.get_one(Order, id_)), SealedColumn.REPORT, sealed or b""
            )["name"]
            for key, sealed, id_ in found
        ]


def test_a_key_is_replaced_step_by_step(orderbridge: Run, sessions: Sessions) -> None:
    orders(sessions, 7)
    new = successor(orderbridge)
    both = {"ORDERBRIDGE_MASTER_KEY": new, "ORDERBRIDGE_MASTER_KEY_OLD": MASTER_KEY}
    id_ = MasterKey(b64decode(new)).id
    before = json.loads(orderbridge("keys", "status", "--json", **both).stdout)
    assert before == {
        "current": id_,
        "old": [FIRST.id],
        "stored": {FIRST.id: 7},
        "advice": "7 keys are not under the current master key: run orderbridge keys rotate.",
    }
    done = orderbridge("keys", "rotate", "--batch", "3", "--json", **both)
    facts = json.loads(done.stdout)
    assert (done.exit_code, facts["rewrapped"], facts["left"]) == (0, 7, {})
    assert facts["advice"].startswith("Nothing is under an old master key: remove ORDERBRIDGE_")
    assert names(sessions, b64decode(new)) == ["Berta Buyer"] * 7
    (row,) = rows(sessions)
    assert (row.action, row.object) == ("master key rotated", f"master key {id_}")
    assert row.facts == {"rewrapped": 7, "left": 0}
    again = orderbridge("keys", "rotate", **both)
    assert again.stdout.startswith(f"0 keys are under the master key {id_} now.")
    shown = orderbridge("keys", "status", ORDERBRIDGE_MASTER_KEY=new)
    assert shown.stdout.splitlines()[1].split() == [id_, "seals", "7"]
    assert MASTER_KEY not in shown.stdout + done.stdout + before["advice"]


def test_what_no_key_here_opens_is_told_by_its_id(orderbridge: Run, sessions: Sessions) -> None:
    orders(sessions, 2)
    stranger = MasterKey(bytes(32))
    orders(sessions, 3, Vault(stranger.secret))
    new = successor(orderbridge)
    both = {"ORDERBRIDGE_MASTER_KEY": new, "ORDERBRIDGE_MASTER_KEY_OLD": MASTER_KEY}
    done = orderbridge("keys", "rotate", **both)
    assert done.exit_code == 1
    assert done.stdout == (
        f"2 keys are under the master key {MasterKey(b64decode(new)).id} now. What is under "
        f"{stranger.id} cannot be opened here: set ORDERBRIDGE_MASTER_KEY_OLD to that master key, "
        "then run orderbridge keys rotate.\n"
    )


def test_keys_of_an_older_version_get_a_name(orderbridge: Run, sessions: Sessions) -> None:
    """They are bound to the order alone, and name no master key."""
    order = an_order()
    owner = f"{order.account}/{order.external_id}"
    nonce = b"n" * 12
    plain = b"k" * 32
    wrapped = b"\x01" + nonce + FIRST.cipher.encrypt(nonce, plain, owner.encode())
    order.report = a_report({"name": "Berta Buyer"})
    order_id = stored(sessions, order)
    with sessions() as session, session.begin():
        session.execute(
            update(OrderPrivate)
            .where(OrderPrivate.order_id == order_id)
            .values(
                wrapped_key=wrapped,
                sealed=a_vault().seal(wrapped, owner, SealedColumn.REPORT, {"name": "Berta"}),
            )
        )
    status = json.loads(orderbridge("keys", "status", "--json").stdout)
    assert status["stored"] == {"unnamed": 1}
    assert json.loads(orderbridge("keys", "rotate", "--json").stdout)["left"] == {}
    assert names(sessions, FIRST.secret) == ["Berta"]
    assert json.loads(orderbridge("keys", "status", "--json").stdout)["stored"] == {FIRST.id: 1}


def test_a_new_key_keeps_what_customers_and_buyers_are_known_by(orderbridge: Run) -> None:
    old, mail = Vault(FIRST.secret), "zoe@marketplace.example"
    second = b64decode(successor(orderbridge))
    third = b64decode(
        orderbridge("keys", "new", ORDERBRIDGE_MASTER_KEY=b64encode(second).decode()).stdout
    )
    assert Vault(second).pseudonym(mail) == Vault(third).pseudonym(mail) == old.pseudonym(mail)
    assert len({FIRST.id, MasterKey(second).id, MasterKey(third).id}) == 3


def test_a_key_that_does_not_keep_it_is_refused_beside_the_old_one(orderbridge: Run) -> None:
    stranger = b64encode(b"s" * 32).decode()
    told = orderbridge(
        "keys", "status", ORDERBRIDGE_MASTER_KEY=stranger, ORDERBRIDGE_MASTER_KEY_OLD=MASTER_KEY
    )
    assert told.exit_code == 2
    assert "make it with `orderbridge keys new`" in told.stderr
    assert stranger not in told.stderr


@pytest.mark.parametrize(
    ("old", "sentence"),
    [(MASTER_KEY, "hold the same key"), ("nonsense", "must be master keys in base64")],
)
def test_an_old_key_that_is_none_is_refused(orderbridge: Run, old: str, sentence: str) -> None:
    told = orderbridge("keys", "status", ORDERBRIDGE_MASTER_KEY_OLD=old)
    assert (told.exit_code, sentence in told.stderr, old in told.stderr) == (2, True, False)


def test_without_a_key_a_first_one_is_made(without_database: Run) -> None:
    made = without_database("keys", "new", ORDERBRIDGE_MASTER_KEY=None)
    assert (made.exit_code, len(b64decode(made.stdout))) == (0, 32)
    assert "is the first one" in made.stderr


def test_a_purged_order_stays_purged(orderbridge: Run, sessions: Sessions) -> None:
    orders(sessions, 2)
    with sessions() as session, session.begin():
        first = session.scalar(select(func.min(OrderPrivate.order_id)))
        session.execute(
            update(OrderPrivate).where(OrderPrivate.order_id == first).values(wrapped_key=None)
        )
    both = {
        "ORDERBRIDGE_MASTER_KEY": successor(orderbridge),
        "ORDERBRIDGE_MASTER_KEY_OLD": MASTER_KEY,
    }
    assert json.loads(orderbridge("keys", "rotate", "--json", **both).stdout)["rewrapped"] == 1
    with sessions() as session:
        assert session.get_one(OrderPrivate, first).wrapped_key is None
