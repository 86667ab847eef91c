"""The master key is replaced beside running workers, and no write of theirs undoes it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Mapping
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from pyotp import TOTP
from sqlalchemy import Engine, LargeBinary, event

from pipeline.access.people import People
from pipeline.access.provider_sign_ins import ProviderSignIns
from pipeline.access.second_factor import SecondFactors, new_secret
from pipeline.access.sign_ins import SignIns
from pipeline.amazon.client import Amazon
from pipeline.base.db import Sessions
from pipeline.base.master_keys import KeyMissing, MasterKey, MasterKeys
from pipeline.base.vault import SealedColumn, Vault
from pipeline.intake.buyer_index import hashes_of
from pipeline.intake.store import Intake, Stored
from pipeline.monitoring.key_rotation import WRAPPED, Rotation
from pipeline.orders.channel import Raw
from pipeline.orders.tables import Order, OrderPrivate
from pipeline.settings.console import ConsoleSettings
from pipeline.settings.roles import Role
from tests.builders import ACCOUNT, MASTER_KEY, NOW, a_raw_order, an_order, settings, signed, stored
from tests.cli.conftest import environment
from tests.devstack.waiting import until
from tests.tables import METADATA

OLD = MasterKey(MASTER_KEY)
NEW = OLD.successor()
BOTH = MasterKeys(NEW.secret, OLD.secret)
NEWER = NOW + timedelta(minutes=1)
SEALED = {
    "order_private.sealed",
    "order_private.correction",
    "order_words.sealed",
    "second_factors.sealed",
    "provider_sign_ins.sealed",
    "webhook_endpoints.secret",
}
"""Under a key of the list."""
NO_SECRET = {
    "sign_ins.token_digest",
    "provider_sign_ins.token_digest",
    "api_tokens.digest",
    "api_answers.digest",
    "security_log.hash",
    "security_log.previous_hash",
}


def taken_in(sessions: Sessions, vault: Vault, *raws: Raw) -> Stored:
    given = settings()
    account = given.accounts[ACCOUNT]
    channel = Amazon(ACCOUNT, account, now=lambda: NOW)
    return Intake(sessions, vault, given.timing).store(ACCOUNT, account, channel, raws, NOW)


def under(sessions: Sessions) -> Mapping[str, int]:
    return Rotation(sessions, BOTH).in_use()


def old_orders(sessions: Sessions, count: int) -> list[int]:
    return [
        stored(sessions, an_order(raw=a_raw_order()), vault=Vault(OLD.secret)) for _ in range(count)
    ]


def opened(sessions: Sessions, order_id: int, vault: Vault) -> dict[str, Any]:
    with sessions() as session:
        order, private = session.get_one(Order, order_id), session.get_one(OrderPrivate, order_id)
    owner = f"{order.account}/{order.external_id}"
    return vault.open(private.wrapped_key or b"", owner, SealedColumn.REPORT, private.sealed or b"")


def test_everything_under_the_master_key_is_in_the_list() -> None:
    """A column of bytes is under the master key, under a key of its own, or no secret."""
    columns = {
        str(column)
        for table in METADATA.sorted_tables
        for column in table.columns
        if isinstance(column.type, LargeBinary)
    }
    wrapped = {f"{place.table}.{place.column}" for place in WRAPPED}
    assert columns == wrapped | SEALED | NO_SECRET
    assert not wrapped & (SEALED | NO_SECRET)


def test_the_secrets_of_people_are_wrapped_anew_too(sessions: Sessions) -> None:
    People(sessions).add("anna", Role.ADMIN, "four words of mine", signed(at=NOW), is_own=True)
    person = People(sessions).named("anna")
    before, after, secret = Vault(OLD.secret), Vault(NEW.secret), new_secret()
    by = signed("anna", NOW)
    assert SecondFactors(sessions, before).set_up(person.id, secret, TOTP(secret).at(NOW), by)
    token = SignIns(sessions, ConsoleSettings()).begin(person.id, "", NOW)
    kept = {"refresh_token": "r-1"}
    ProviderSignIns(sessions, before).keep(token, kept, "s-1", NOW, NOW)
    assert sum(Rotation(sessions, BOTH).run()) == 2
    assert under(sessions) == {NEW.id: 2}
    assert ProviderSignIns(sessions, after).tokens(token) == kept
    later = NOW + timedelta(minutes=5)
    assert SecondFactors(sessions, after).accept(person.id, TOTP(secret).at(later), "", later)


def test_a_batch_takes_two_statements_whatever_its_size(sessions: Sessions) -> None:
    old_orders(sessions, 11)
    seen: list[str] = []

    def keep(*args: Any) -> None:
        word = str(args[2]).split()[0]
        if word != "SET":  # the time that a statement may take
            seen.append(word)

    with sessions() as session:
        engine = session.get_bind()
    assert isinstance(engine, Engine)
    event.listen(engine, "before_cursor_execute", keep)
    try:
        of_orders = [place for place in WRAPPED if place.table == "order_private"]
        assert list(Rotation(sessions, BOTH, batch=5, wrapped=of_orders).run()) == [5, 5, 1]
    finally:
        event.remove(engine, "before_cursor_execute", keep)
    # Each pass ends with a look that brings nothing, and the second pass is that look alone.
    assert seen == [*["SELECT", "UPDATE"] * 3, "SELECT", "SELECT"]


@pytest.mark.parametrize("batches", [0, 1, 2])
def test_one_that_ended_halfway_goes_on_there(sessions: Sessions, batches: int) -> None:
    ids = old_orders(sessions, 5)
    done = sum(islice(Rotation(sessions, BOTH, batch=2).run(), batches))
    assert under(sessions).get(NEW.id, 0) == done == 2 * batches
    for id_ in ids:
        assert opened(sessions, id_, Vault(NEW.secret, OLD.secret))
    assert sum(Rotation(sessions, BOTH).run()) == 5 - done
    assert under(sessions) == {NEW.id: 5}
    assert all(opened(sessions, id_, Vault(NEW.secret)) for id_ in ids)


def test_a_killed_command_leaves_every_order_readable(
    sessions: Sessions, database_url: str, tmp_path: Path
) -> None:
    ids = old_orders(sessions, 300)
    variables = {
        **environment(tmp_path, database_url),
        "ORDERBRIDGE_MASTER_KEY": b64encode(NEW.secret).decode(),
        "ORDERBRIDGE_MASTER_KEY_OLD": b64encode(OLD.secret).decode(),
        "PATH": os.defpath,
    }
    command = (str(Path(sys.executable).with_name("orderbridge")), "keys", "rotate", "--batch", "1")
    with subprocess.Popen(command, env=variables) as process:
        until(lambda: under(sessions).get(NEW.id, 0) > 0, "the first key")
        process.send_signal(signal.SIGKILL)
    vault = Vault(NEW.secret, OLD.secret)
    assert all(opened(sessions, id_, vault) for id_ in ids)
    subprocess.run(command[:3], env=variables, check=True, stdout=subprocess.DEVNULL)
    assert under(sessions) == {NEW.id: 300}


def test_two_at_once_wrap_each_key_once(sessions: Sessions) -> None:
    ids = old_orders(sessions, 40)
    done: list[int] = []
    threads = [
        threading.Thread(target=lambda: done.extend(Rotation(sessions, BOTH, batch=3).run()))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(done) == 40
    assert all(opened(sessions, id_, Vault(NEW.secret)) for id_ in ids)


def test_a_row_in_use_is_not_waited_for_and_comes_later(sessions: Sessions) -> None:
    first, _ = old_orders(sessions, 2)
    with sessions() as session, session.begin():
        session.get_one(OrderPrivate, first, with_for_update=True)
        assert sum(Rotation(sessions, BOTH).run()) == 1
    assert under(sessions) == {OLD.id: 1, NEW.id: 1}
    assert sum(Rotation(sessions, BOTH).run()) == 1


class Overtaken(Vault):
    """Seals, and meanwhile the rotation goes by."""

    sessions: Sessions

    def seal(
        self, wrapped_key: bytes, owner: str, column: SealedColumn, data: Mapping[str, Any]
    ) -> bytes:
        assert sum(Rotation(self.sessions, BOTH).run()) == 1
        return super().seal(wrapped_key, owner, column, data)


def test_a_worker_that_read_the_old_key_does_not_write_it_back(sessions: Sessions) -> None:
    raw = a_raw_order()
    order_id = stored(sessions, an_order(raw=raw), vault=Vault(OLD.secret))
    vault = Overtaken(NEW.secret, OLD.secret)
    vault.sessions = sessions
    newer = a_raw_order(raw["orderId"], updated_at=NEWER)
    assert taken_in(sessions, vault, newer).woken == [order_id]
    assert under(sessions) == {NEW.id: 1}
    assert opened(sessions, order_id, Vault(NEW.secret)) == newer


def test_the_same_report_is_no_news_and_its_buyer_is_found_as_before(sessions: Sessions) -> None:
    raw = {**a_raw_order(), "buyer": {"buyerEmail": "zoe@marketplace.example"}}
    (order_id,) = taken_in(sessions, Vault(OLD.secret), raw).new
    list(Rotation(sessions, BOTH).run())
    later = Vault(NEW.secret)
    assert taken_in(sessions, later, raw).woken == []
    with sessions() as session:
        words = session.get_one(OrderPrivate, order_id).buyer_words
    assert set(hashes_of(later, "zoe@marketplace.example")) <= set(words)


def test_news_of_an_order_whose_key_this_process_lacks_wait_until_it_has_it(
    sessions: Sessions,
) -> None:
    number = an_order().external_id
    raw = a_raw_order(number)
    order_id = stored(sessions, an_order(raw=raw), vault=Vault(OLD.secret))
    newer = a_raw_order(number, updated_at=NEWER)
    result = taken_in(sessions, Vault(NEW.secret), newer)
    assert (result.woken, list(result.set_aside)) == ([], [number])
    assert opened(sessions, order_id, Vault(OLD.secret)) == raw
    assert taken_in(sessions, Vault(NEW.secret, OLD.secret), newer).woken == [order_id]
    assert opened(sessions, order_id, Vault(OLD.secret)) == newer


def test_a_key_names_the_master_key_that_is_missing(sessions: Sessions) -> None:
    (order_id,) = old_orders(sessions, 1)
    with pytest.raises(KeyMissing, match=f"under master key {OLD.id}, which this process lacks"):
        opened(sessions, order_id, Vault(NEW.secret))
