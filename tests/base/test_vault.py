"""Personal data at rest: what opens it, and that nothing else does."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.base.master_keys import KeyMissing, MasterKey, Unreadable
from pipeline.base.vault import SealedColumn, Vault
from tests.builders import MASTER_KEY, a_raw_order
from tests.tables import METADATA

OWNER = "eu/028-0000000-0000001"
REPORT = SealedColumn.REPORT
OLD_KEY = (
    "018826c9d18b2ae03402bb061e3e7d4c9f5abede3d11bbf97e5db900a1c7a9814ed22adace803115"
    "e78cab84e740d695d143e4d8e21fc7ba2abfbf990c"
)
OLD_DATA = (
    "0111cc2dfc8c101ecb408585f5e8fc1e1ae040f8a6e4cc13766364430176ddf436d2ccbef4834c08"
    "484e3745daab3a174a63136d7db200f98e4cde"
)
CANARIES = ("Berta Buyer", "berta@marketplace.example", "Lieferweg 7", "20095", "+49 40 123456")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), json_values, max_size=5))
def test_what_was_sealed_is_opened_again(data: dict[str, object]) -> None:
    vault = Vault(MASTER_KEY)
    key = vault.new_key(OWNER)
    assert vault.open(key, OWNER, REPORT, vault.seal(key, OWNER, REPORT, data)) == data


def test_decimals_come_back_as_the_strings_the_marketplace_sent() -> None:
    vault = Vault(MASTER_KEY)
    key = vault.new_key(OWNER)
    sealed = vault.seal(key, OWNER, REPORT, {"amount": Decimal("19.90")})
    assert vault.open(key, OWNER, REPORT, sealed) == {"amount": "19.90"}


def test_what_json_cannot_hold_is_refused_before_anything_is_lost() -> None:
    vault = Vault(MASTER_KEY)
    with pytest.raises(TypeError, match="set does not go into JSON"):
        vault.seal(vault.new_key(OWNER), OWNER, REPORT, {"one": {1}})


def test_nothing_of_the_buyer_is_readable_in_what_is_stored() -> None:
    vault = Vault(MASTER_KEY)
    key = vault.new_key(OWNER)
    # Compression hides text as well: a mark repeated must not shine through either.
    sealed = vault.seal(key, OWNER, REPORT, a_raw_order(marks=list(CANARIES) * 3))
    for canary in CANARIES:
        assert canary.encode() not in sealed
        assert canary.encode() not in key
    assert MASTER_KEY not in key
    assert sealed != vault.seal(key, OWNER, REPORT, a_raw_order(marks=list(CANARIES) * 3))


def test_another_master_key_opens_nothing() -> None:
    vault, other = Vault(MASTER_KEY), Vault(bytes(reversed(MASTER_KEY)))
    key = vault.new_key(OWNER)
    sealed = vault.seal(key, OWNER, REPORT, {"name": "Berta Buyer"})
    with pytest.raises(Unreadable):
        other.open(key, OWNER, REPORT, sealed)


def test_another_orders_key_opens_nothing() -> None:
    vault = Vault(MASTER_KEY)
    sealed = vault.seal(vault.new_key(OWNER), OWNER, REPORT, {"name": "Berta Buyer"})
    with pytest.raises(Unreadable):
        vault.open(vault.new_key(OWNER), OWNER, REPORT, sealed)


def test_data_moved_to_another_order_with_its_key_does_not_open() -> None:
    vault = Vault(MASTER_KEY)
    key = vault.new_key(OWNER)
    sealed = vault.seal(key, OWNER, REPORT, {"name": "Berta Buyer"})
    with pytest.raises(Unreadable):
        vault.open(key, "eu/028-0000000-0000002", REPORT, sealed)


@pytest.mark.parametrize("moved_to", [SealedColumn.CORRECTION, SealedColumn.WORDS])
def test_data_moved_to_another_column_does_not_open(moved_to: SealedColumn) -> None:
    vault = Vault(MASTER_KEY)
    key = vault.new_key(OWNER)
    sealed = vault.seal(key, OWNER, REPORT, {"name": "Berta Buyer"})
    with pytest.raises(Unreadable):
        vault.open(key, OWNER, moved_to, sealed)


def test_data_that_was_sealed_before_columns_counted_still_opens() -> None:
    """Sealed by the version before, under the key that it made."""
    key = bytes.fromhex(OLD_KEY)
    opened = Vault(MASTER_KEY).open(key, OWNER, REPORT, bytes.fromhex(OLD_DATA))
    assert opened == {"name": "Berta Buyer"}


def test_a_key_without_a_name_is_missing_and_not_damaged_where_the_old_master_key_is() -> None:
    sealed = bytes.fromhex(OLD_DATA)
    successor = MasterKey(MASTER_KEY).successor().secret
    with pytest.raises(KeyMissing, match="ORDERBRIDGE_MASTER_KEY_OLD"):
        Vault(successor).open(bytes.fromhex(OLD_KEY), OWNER, REPORT, sealed)
    assert Vault(successor, MASTER_KEY).open(bytes.fromhex(OLD_KEY), OWNER, REPORT, sealed)


def test_every_column_of_sealed_data_is_one_that_postgresql_does_not_sample() -> None:
    unsampled = {
        f"{table.name}.{column.name}"
        for table in METADATA.sorted_tables
        for column in table.columns
        if column.info.get("unsampled")
    }
    in_browsers = {SealedColumn.FIELD, SealedColumn.DRAFT}
    # A sealed title stands in the columns of titles in clear.
    titles = {f"{table}.carrier_title" for table in ("shipments", "requested_shipments")}
    titles |= {"bulk_parcels.carrier_title", "shipments.confirmed_as", "shipments.to_feed"}
    assert (set(SealedColumn) - in_browsers - {SealedColumn.TITLE}) | titles <= unsampled


@given(st.data())
def test_whatever_was_changed_or_cut_off_is_unreadable(data: st.DataObject) -> None:
    vault = Vault(MASTER_KEY)
    key = vault.new_key(OWNER)
    sealed = vault.seal(key, OWNER, REPORT, {"name": "Berta Buyer"})
    at = data.draw(st.integers(min_value=0, max_value=len(sealed) - 1))
    flipped = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
    for damaged in (flipped, sealed[:at]):
        with pytest.raises(Unreadable):
            vault.open(key, OWNER, REPORT, damaged)
    at = data.draw(st.integers(min_value=0, max_value=len(key) - 1))
    with pytest.raises(Unreadable):
        vault.open(key[:at], OWNER, REPORT, sealed)


def test_a_pseudonym_is_stable_keyed_and_tells_nothing() -> None:
    email = "berta@marketplace.example"
    pseudonym = Vault(MASTER_KEY).pseudonym(email)
    assert pseudonym == Vault(MASTER_KEY).pseudonym(email)
    assert pseudonym != Vault(bytes(reversed(MASTER_KEY))).pseudonym(email)
    assert pseudonym != Vault(MASTER_KEY).pseudonym("other@marketplace.example")
    assert len(pseudonym) == 32
    assert set(pseudonym) <= set("0123456789abcdef")
