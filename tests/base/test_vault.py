"""Personal data at rest: what opens it, and that nothing else does."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.base.master_keys import Unreadable
from pipeline.base.vault import Vault
from tests.builders import MASTER_KEY, a_raw_order

OWNER = "eu/028-0000000-0000001"
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
    assert vault.open(key, OWNER, vault.seal(key, OWNER, data)) == data


def test_decimals_come_back_as_the_strings_the_marketplace_sent() -> None:
    vault = Vault(MASTER_KEY)
    key = vault.new_key(OWNER)
    sealed = vault.seal(key, OWNER, {"amount": Decimal("19.90")})
    assert vault.open(key, OWNER, sealed) == {"amount": "19.90"}


def test_what_json_cannot_hold_is_refused_before_anything_is_lost() -> None:
    vault = Vault(MASTER_KEY)
    with pytest.raises(TypeError, match="set does not go into JSON"):
        vault.seal(vault.new_key(OWNER), OWNER, {"one": {1}})


def test_nothing_of_the_buyer_is_readable_in_what_is_stored() -> None:
    vault = Vault(MASTER_KEY)
    key = vault.new_key(OWNER)
    # Compression hides text as well: a mark repeated must not shine through either.
    sealed = vault.seal(key, OWNER, a_raw_order(marks=list(CANARIES) * 3))
    for canary in CANARIES:
        assert canary.encode() not in sealed
        assert canary.encode() not in key
    assert MASTER_KEY not in key
    assert sealed != vault.seal(key, OWNER, a_raw_order(marks=list(CANARIES) * 3))


def test_another_master_key_opens_nothing() -> None:
    vault, other = Vault(MASTER_KEY), Vault(bytes(reversed(MASTER_KEY)))
    key = vault.new_key(OWNER)
    sealed = vault.seal(key, OWNER, {"name": "Berta Buyer"})
    with pytest.raises(Unreadable):
        other.open(key, OWNER, sealed)


def test_another_orders_key_opens_nothing() -> None:
    vault = Vault(MASTER_KEY)
    sealed = vault.seal(vault.new_key(OWNER), OWNER, {"name": "Berta Buyer"})
    with pytest.raises(Unreadable):
        vault.open(vault.new_key(OWNER), OWNER, sealed)


def test_data_moved_to_another_order_with_its_key_does_not_open() -> None:
    vault = Vault(MASTER_KEY)
    key = vault.new_key(OWNER)
    sealed = vault.seal(key, OWNER, {"name": "Berta Buyer"})
    with pytest.raises(Unreadable):
        vault.open(key, "eu/028-0000000-0000002", sealed)


@given(st.data())
def test_whatever_was_changed_or_cut_off_is_unreadable(data: st.DataObject) -> None:
    vault = Vault(MASTER_KEY)
    key = vault.new_key(OWNER)
    sealed = vault.seal(key, OWNER, {"name": "Berta Buyer"})
    at = data.draw(st.integers(min_value=0, max_value=len(sealed) - 1))
    flipped = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
    for damaged in (flipped, sealed[:at]):
        with pytest.raises(Unreadable):
            vault.open(key, OWNER, damaged)
    at = data.draw(st.integers(min_value=0, max_value=len(key) - 1))
    with pytest.raises(Unreadable):
        vault.open(key[:at], OWNER, sealed)


def test_a_pseudonym_is_stable_keyed_and_tells_nothing() -> None:
    email = "berta@marketplace.example"
    pseudonym = Vault(MASTER_KEY).pseudonym(email)
    assert pseudonym == Vault(MASTER_KEY).pseudonym(email)
    assert pseudonym != Vault(bytes(reversed(MASTER_KEY))).pseudonym(email)
    assert pseudonym != Vault(MASTER_KEY).pseudonym("other@marketplace.example")
    assert len(pseudonym) == 32
    assert set(pseudonym) <= set("0123456789abcdef")
