"""What may happen to the marked buyers' money and goods once their parcels have left.

Each function ends when what it plays has really happened, else there would be nothing to find.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from pipeline.base.clock import utc_now
from tests.console.forms import form_token
from tests.finances.settlement_files import Line, a_file
from tests.system.canary_invoices import BY_FOLDER, BY_URL, pdf
from tests.system.canary_marks import mail, mark, phone, quoted
from tests.system.canary_rig import CanaryRig

RETURNED, MEMO, SETTLED, AT_AMAZON = "u", "v", "w", "z"
SENT = (MEMO, SETTLED, BY_FOLDER, BY_URL, AT_AMAZON)
"""The paths of parcels with a known carrier's title."""

Number = Callable[[str], str]


def begin(made: CanaryRig) -> None:
    """Before there are credit memos: older ones are not sent to Amazon."""

    def are_sent() -> bool:
        # A message before the first worker listens is lost.
        made.job("run_refunds", "main")
        return bool(made.rig.rows("SELECT 1 FROM refund_starts"))

    made.rig.until(are_sent, "refunds are sent")


def play_money(made: CanaryRig, number_of: Number) -> None:
    """Returns, refunds in both directions, invoices and settlements."""
    numbers = [number_of(code) for code in SENT]
    for code in SENT:
        made.remotes.ship(number_of(code), f"1Z{code}")
    query = (
        "SELECT count(*) FROM orders WHERE external_id = ANY(%s) AND status = 'done'"
        " AND remote_status = 'SHIPPED'"
    )
    made.rig.until(lambda: made.rig.rows(query, numbers) == [(len(SENT),)], "they are shipped")
    _return(made, number_of)
    _refund(made, number_of(MEMO))
    _refund_at_amazon(made, number_of(AT_AMAZON))
    _invoice(made, number_of)
    _settle(made, number_of(SETTLED))


def _return(made: CanaryRig, number_of: Number) -> None:
    """Two returns with what buyers say, after a report that failed with words and one that has no
    headings."""
    at = utc_now() - timedelta(days=1)
    said = f"{quoted(RETURNED)}, {phone(RETURNED)}"
    of_amazon = {"customer-comments": said, "product-name": mark("text", RETURNED)}
    of_merchant = {"Item Name": quoted(MEMO), "Tracking ID": phone(MEMO), "Return carrier": said}
    made.remotes.send_back(number_of(RETURNED), at, of_amazon)
    made.remotes.send_back(number_of(MEMO), at, of_merchant)
    made.remotes.next_report(fate="FATAL_WITH_DOCUMENT", reason=said)
    made.remotes.next_report(headings="none")

    def have(query: str) -> Callable[[], bool]:
        def is_there() -> bool:
            made.pass_time()
            made.command("returns", "read")
            made.job("read_returns", "main")
            return made.rig.rows(query) == [(2,)]

        return is_there

    ended = "SELECT count(*) FROM reports WHERE outcome IN ('fatal', 'odd')"
    made.rig.until(have(ended), "the reports without returns")
    made.job("alert")
    made.rig.until(have("SELECT count(DISTINCT external_id) FROM returns"), "the returns")


def _refund(made: CanaryRig, number: str) -> None:
    """A credit memo whose comment names the buyer; Amazon refuses its refund in words of its own,
    and a person leaves it out."""
    said = f"{mark('note', MEMO)} {phone(MEMO)} {mail(MEMO)}"
    made.remotes.refuse_in_feed(number, f"{quoted(MEMO)} {mark('wish', MEMO)}")
    made.remotes.memo(number, f"{said}, amazon-refund: CustomerReturn, {said}")
    state = (
        "SELECT state FROM amazon_refunds JOIN orders ON orders.id = order_id"
        " WHERE external_id = %s"
    )

    def is_refused() -> bool:
        made.pass_time()
        with made.rig.database() as connection:
            connection.execute("UPDATE feeds SET due_at = now() WHERE state = 'submitted'")
            connection.execute("UPDATE amazon_refunds SET due_at = now() WHERE due_at IS NOT NULL")
        for job in ("run_refunds", "run_feeds"):
            made.job(job, "main")
        return made.rig.rows(state, number) == [("refused",)]

    made.rig.until(is_refused, "the refund that Amazon refuses")


def _refund_at_amazon(made: CanaryRig, number: str) -> None:
    """A refund in Seller Central, whose credit memo the shop refuses."""
    said = f"{quoted(AT_AMAZON)} {mark('wish', AT_AMAZON)}"
    for form in ("plain", "html"):
        made.remotes.fail(
            "magento", route="refund", kind="quote", status=400, body=said, form=form
        )  # fmt: skip
    made.remotes.refund(number)
    code = "SELECT code FROM made_at_amazon JOIN orders ON orders.id = order_id"

    def is_told() -> bool:
        made.command("orders", "money", number, "--read")
        with made.rig.database() as connection:
            # What Amazon has shown for less than two days is not answered yet.
            connection.execute("UPDATE transactions SET posted_at = now() - interval '3 days'")
            connection.execute("UPDATE made_at_amazon SET due_at = now()")
        made.job("refunds_from_amazon", "main")
        return made.rig.rows(f"{code} WHERE external_id = %s", number) == [
            ("refunded_memo_refused",)
        ]

    made.rig.until(is_told, "the credit memo that the shop refuses")


def _invoice(made: CanaryRig, number_of: Number) -> None:
    """A PDF of each source reaches Amazon, which refuses it in words of its own."""
    numbers = {code: number_of(code) for code in (BY_FOLDER, BY_URL)}
    for code, number in numbers.items():
        made.remotes.refuse_in_feed(number, quoted(code))
    of_folder = (
        "SELECT increment_id FROM invoice_uploads JOIN orders ON orders.id = order_id"
        " WHERE external_id = %s AND state <> 'wanted'"
    )
    refused = "SELECT count(*) FROM invoice_uploads WHERE state = 'refused' AND code = 79550"

    def look() -> None:
        made.pass_time()
        with made.rig.database() as connection:
            connection.execute(
                "UPDATE invoice_uploads SET due_at = now() FROM orders"
                " WHERE orders.id = order_id AND external_id = ANY(%s)",
                [list(numbers.values())],
            )
        made.job("run_invoices", "main")

    def is_found() -> bool:
        look()
        return bool(made.rig.rows(of_folder, numbers[BY_FOLDER]))

    def are_refused() -> bool:
        look()
        return made.rig.rows(refused) == [(2,)]

    made.rig.until(is_found, "the invoice")
    ((increment_id,),) = made.rig.rows(of_folder, numbers[BY_FOLDER])
    (made.invoices / f"{increment_id}.pdf").write_bytes(pdf(BY_FOLDER))
    made.rig.until(are_refused, "the invoices that Amazon refuses")
    at_amazon = made.remotes.invoices()
    for code, number in numbers.items():
        assert at_amazon[number]["sha256"] == hashlib.sha256(pdf(code)).hexdigest()


def _settle(made: CanaryRig, number: str) -> None:
    """A settlement that has the buyer in a column of its own, and one that cannot be read."""
    said = quoted(SETTLED)
    for route, fault in {
        "get_report_document": {"kind": "quote", "status": 400},
        "get_report_document_body": {"kind": "html", "status": 403},
    }.items():
        made.remotes.fail("amazon", route=route, body=said, **fault)
    text = a_file([Line(Decimal("12.34"), number)])
    heading, *rows = text.splitlines()
    made.remotes.settle("\n".join([f"{heading}\tbuyer", *(f"{row}\t{said}" for row in rows)]))
    for wrong in (mark("name", SETTLED), f"{phone(SETTLED)},00"):
        made.remotes.settle(a_file([Line(Decimal("12.34"), number)]).replace("12.34", wrong))

    def is_read() -> bool:
        made.job("read_settlements", "main")
        incident = made.rig.rows("SELECT 1 FROM incidents WHERE key = 'settlement_unreadable:main'")
        return bool(incident and made.rig.rows("SELECT 1 FROM settlements"))

    made.rig.until(is_read, "the settlements")
    made.job("alert")


def decide(made: CanaryRig, number_of: Number) -> None:
    """A person leaves the refund out that Amazon refused, and says why in a note."""
    query = (
        "SELECT order_id, amazon_refunds.id FROM amazon_refunds"
        " JOIN orders ON orders.id = order_id WHERE external_id = %s"
    )
    ((order_id, refund_id),) = made.rig.rows(query, number_of(MEMO))
    web = made.browser("operator")
    token = form_token(web.get(f"{made.console}/account", timeout=30).text)
    for act, form in (
        ("no-refund", {"refund": str(refund_id)}),
        ("note", {"text": f"{mark('note', MEMO)} {phone(MEMO)}"}),
    ):
        web.post(f"{made.console}/orders/{order_id}/{act}", data={**token, **form}, timeout=30)
    assert made.rig.rows("SELECT 1 FROM amazon_refunds WHERE state = 'dismissed'") == [(1,)]


def pages(made: CanaryRig) -> list[str]:
    """The pages and files of money, and of other systems' ways in."""
    settlements = [row[0] for row in made.rig.rows("SELECT id FROM settlements")]
    return [
        *("/refunds", "/returns", "/returns.csv", "/returns.xlsx", "/settlements", "/webhooks"),
        *(f"/settlements/{one}" for one in settlements),
        *(f"/settlements/{one}.{kind}" for one in settlements for kind in ("csv", "xlsx")),
    ]


def commands(number_of: Number) -> list[tuple[str, ...]]:
    """The commands that read about money."""
    return [
        ("refunds", "list"),
        ("refunds", "list", number_of(MEMO), "--json"),
        *(("orders", "show", number_of(code)) for code in (RETURNED, *SENT)),
        ("orders", "money", number_of(AT_AMAZON), "--json"),
        ("returns", "list", "--all", "--json"),
        ("invoices", "list", "--all", "--json"),
        ("settlements", "list", "--json"),
        ("settlements", "export", "11556677881"),
        ("alerts", "list"),
        ("webhooks", "deliveries"),
    ]
