"""`orderbridge invoices`: the list, another upload, and going on after a stop."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from pipeline.base.db import Sessions
from pipeline.base.incidents import Incidents
from pipeline.invoices.pauses import Pauses
from pipeline.invoices.tables import InvoiceUpload, UploadState
from tests.builders import ACCOUNT, GERMANY, NOW, an_order, stored
from tests.cli.conftest import Run
from tests.cli.documented import mistakes

NUMBER = "303-0000000-0000009"


def an_upload(sessions: Sessions, state: UploadState, number: str = NUMBER) -> int:
    order_id = stored(sessions, an_order(external_id=number))
    with sessions() as session, session.begin():
        session.add(
            InvoiceUpload(
                order_id=order_id,
                account=ACCOUNT,
                marketplace_id=GERMANY,
                state=state,
                increment_id="100000231",
                numbers=["100000231", "100000232"],
                grand_total=Decimal("19.98"),
                tax_total=Decimal("3.19"),
                created_at=NOW,
                due_at=NOW,
                code=79503,
                trouble="no PDF",
            )
        )
    return order_id


def test_a_refused_invoice_is_listed_and_uploaded_again(
    orderbridge: Run, sessions: Sessions
) -> None:
    order_id = an_upload(sessions, UploadState.REFUSED)
    printed = json.loads(orderbridge("invoices", "list", "--json").stdout)
    assert mistakes("invoices list", printed) == []
    assert [(row["order"], row["code"]) for row in printed] == [(NUMBER, 79503)]
    assert "79503" in orderbridge("invoices", "list").stdout
    done = orderbridge("invoices", "upload", NUMBER, "--invoice", "100000232", "--json")
    assert json.loads(done.stdout) == {"order": NUMBER, "done": "asked"}
    with sessions() as session:
        upload = session.get_one(InvoiceUpload, order_id)
        # The totals of another invoice are not known.
        assert (upload.state, upload.increment_id) == (UploadState.WAITING, "100000232")
        assert (upload.grand_total, upload.tax_total, upload.code) == (Decimal(0), Decimal(0), None)
    assert orderbridge("invoices", "list").exit_code == 1
    assert NUMBER in orderbridge("invoices", "list", "--all").stdout
    assert orderbridge("invoices", "upload", NUMBER).exit_code == 1


def test_those_that_need_a_person_come_first(orderbridge: Run, sessions: Sessions) -> None:
    an_upload(sessions, UploadState.HELD, "303-0000000-0000001")
    an_upload(sessions, UploadState.ACCEPTED, "303-0000000-0000002")
    an_upload(sessions, UploadState.MADE_BY_AMAZON, "303-0000000-0000003")
    told = json.loads(orderbridge("invoices", "list", "--all", "--json").stdout)
    assert [row["state"] for row in told] == ["held", "made by amazon", "accepted"]
    assert [
        row["order"] for row in json.loads(orderbridge("invoices", "list", "--json").stdout)
    ] == ["303-0000000-0000001"]


def test_an_invoice_is_taken_off_the_list(orderbridge: Run, sessions: Sessions) -> None:
    order_id = an_upload(sessions, UploadState.UNKNOWN)
    done = orderbridge("invoices", "ignore", NUMBER, "--json")
    assert json.loads(done.stdout) == {"order": NUMBER, "done": "ignored"}
    with sessions() as session:
        assert session.get_one(InvoiceUpload, order_id).state == UploadState.IGNORED
    assert orderbridge("invoices", "list").exit_code == 1
    assert orderbridge("invoices", "ignore", NUMBER).exit_code == 1


@pytest.mark.parametrize("is_stopped", [True, False])
def test_goes_on_after_a_stop(orderbridge: Run, sessions: Sessions, is_stopped: bool) -> None:
    pauses = Pauses(Incidents(sessions), ACCOUNT)
    if is_stopped:
        pauses.takes_none(5, "Amazon makes them", 79525, NOW)
    done = orderbridge("invoices", "resume", ACCOUNT)
    assert done.exit_code == (0 if is_stopped else 1)
    assert not pauses.stop(NOW)


def test_an_empty_list_says_so(orderbridge: Run) -> None:
    none = orderbridge("invoices", "list")
    assert (none.exit_code, none.stdout) == (1, "No invoice needs a person.\n")
    nothing = orderbridge("invoices", "list", "--json")
    assert (nothing.exit_code, nothing.stdout) == (1, "[]\n")
