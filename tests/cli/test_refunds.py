"""`orderbridge refunds`."""

from __future__ import annotations

from pipeline.base.db import Sessions
from pipeline.base.security_log import Action
from pipeline.cli.common import system_user
from pipeline.refunds.tables import AmazonRefund
from tests.builders import stored, with_keys
from tests.cli.conftest import Run
from tests.console.builders import a_shipped_order
from tests.console.test_order_refunds import a_refund
from tests.security_log import rows


def test_a_wrong_seen_is_taken_back_once(sessions: Sessions, orderbridge: Run) -> None:
    order_id = stored(sessions, a_shipped_order(1))
    with_keys(sessions)
    seen = {"state": "seen", "needs_person": False, "transaction_id": "R7"}
    refund_id = a_refund(sessions, order_id, **seen)
    done = orderbridge("refunds", "undo", str(refund_id))
    assert (done.exit_code, "waits for a decision again" in done.output) == (0, True)
    with sessions() as session:
        row = session.get_one(AmazonRefund, refund_id)
    assert (row.state, row.transaction_id, row.asked_about) == ("asked", None, "R7")
    (logged,) = rows(sessions, Action.REFUND_TAKEN_BACK)
    assert (logged.person, logged.address) == (system_user(), "")
    again = orderbridge("refunds", "undo", str(refund_id))
    assert again.exit_code != 0
    assert "its refund is asked, which cannot be undone" in again.output


def test_an_empty_list_says_so_and_is_no_error(sessions: Sessions, orderbridge: Run) -> None:
    del sessions
    none = orderbridge("refunds", "list")
    assert (none.exit_code, none.stdout) == (1, "No refund needs a person.\n")
    nothing = orderbridge("refunds", "list", "--json")
    assert (nothing.exit_code, nothing.stdout) == (1, "[]\n")
