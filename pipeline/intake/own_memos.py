"""Which credit memos of an order the product made itself, by the ledger of its remote writes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.orders.ledger_rows import IN_DOUBT
from pipeline.orders.states import EffectKind
from pipeline.orders.tables import Effect


@dataclass(frozen=True, slots=True)
class OwnMemos:
    """The memos that the product made of an order. `is_in_doubt`: a memo of it may have arrived
    without an answer, so that any memo may be its own. `has_cancelled`: it cancelled the order, a
    write that keeps no number of a memo."""

    ids: frozenset[int] = frozenset()
    is_in_doubt: bool = False
    has_cancelled: bool = False


def own_memos(effects: Iterable[Effect]) -> OwnMemos:
    """The credit memos among an order's remote writes."""
    effects = list(effects)
    memos = [effect for effect in effects if effect.kind == EffectKind.CREDIT_MEMO]
    return OwnMemos(
        ids=frozenset(
            int(memo.remote_id)
            for memo in memos
            if memo.remote_id is not None and memo.remote_id.isdecimal()
        ),
        is_in_doubt=any(memo.state in IN_DOUBT for memo in memos),
        has_cancelled=any(effect.kind == EffectKind.CANCELLATION for effect in effects),
    )
