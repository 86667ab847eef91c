"""What is kept of a remote's error without a seal."""

from __future__ import annotations

import pytest

from pipeline.base.errors import AccountStopped, Rejected, RemoteError, Transient

QUOTING = "Magento answered 400: Berta Buyer is not valid"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Rejected(QUOTING, code="Refused", status=400), "Refused: status 400"),
        (
            Rejected(QUOTING, code="InvalidInput", status=400, request_id="r-1"),
            "InvalidInput: status 400, request r-1",
        ),
        (Transient(QUOTING, status=500), "Transient: status 500"),
        (Transient("main counts 3 and sent 2", code="cut"), "cut: main counts 3 and sent 2"),
        (AccountStopped("authorise it again", code="x", status=400), "x: authorise it again"),
        (Transient("no answer within 30 s"), "no answer within 30 s"),
    ],
)
def test_in_clear_is_what_the_remote_did_not_word(error: RemoteError, told: str) -> None:
    assert error.in_clear == told
