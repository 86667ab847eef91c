"""Rows of Amazon's reports of returns, by their headings."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from pipeline.amazon.charsets import table_of
from pipeline.amazon.report_rows import folded, table
from pipeline.amazon.return_rows import ReturnRow, ReturnsReport, UnknownHeadings, day, read
from pipeline.orders.channel_order import FulfilledBy

BY_DATE = """\
Order ID\tOrder date\tReturn request date\tReturn request status\tAmazon RMA ID\tMerchant RMA ID\t\
Label type\tLabel cost\tCurrency code\tReturn carrier\tTracking ID\tLabel to be paid by\t\
A-to-Z Claim\tIs prime\tASIN\tMerchant SKU\tItem Name\tReturn quantity\tReturn Reason\tIn policy\t\
Return type\tResolution\tInvoice number\tReturn delivery date\tOrder Amount\tOrder quantity\t\
SafeT Action reason\tSafeT claim id\tSafeT claim state\tSafeT claim creation time\t\
SafeT claim reimbursement amount\tRefunded Amount
302-5550001-5550001\t02-Nov-2026\t14-Nov-2026\tApproved\tDx1EXAMPLERMA\t\tAmazonPrePaidLabel\t\
3.49\tEUR\tDHL\tJJD000390007999\tSeller\tY\tN\tB00EXAMPLE\tMUG-BLUE\tBlue mug\t2\t\
AMZ-PG-BAD-DESC\tY\tC-Returns\tStandardRefund\t\t17-Nov-2026\t89.97\t3\t\t\t\t\t\t12,50
"""
FBA = """\
return-date\torder-id\tsku\tasin\tfnsku\tproduct-name\tquantity\tfulfillment-center-id\t\
detailed-disposition\treason\tstatus\tlicense-plate-number\tcustomer-comments
2026-11-20T22:34:59+00:00\t302-5550003-5550003\tMUG-RED\tB00EXAMPL2\tX000EXAMPL\tRed mug\t1\tLEJ1\
\tSELLABLE\tUNWANTED_ITEM\tUnit returned to inventory\tLPNRR000000001\tMy name is Erika
"""
ROW = ReturnRow(
    external_id="302-5550001-5550001",
    fulfilled_by=FulfilledBy.MERCHANT,
    reference="Dx1EXAMPLERMA",
    item="MUG-BLUE",
    sku="MUG-BLUE",
    asin="B00EXAMPLE",
    quantity=2,
    ordered_quantity=3,
    requested_on=date(2026, 11, 14),
    arrived_on=date(2026, 11, 17),
    status="Approved",
    reason="AMZ-PG-BAD-DESC",
    resolution="StandardRefund",
    label_payer="Seller",
    is_a_to_z=True,
    refunded_total=Decimal("12.50"),
    currency="EUR",
)


def headings_of(text: str, change: dict[str, str]) -> str:
    first, rest = text.split("\n", 1)
    return "\t".join(change.get(name, name) for name in first.split("\t")) + "\n" + rest


def test_a_request_of_a_buyer() -> None:
    assert read(ReturnsReport.BY_RETURN_DATE, BY_DATE) == ([ROW], [])


def test_a_unit_at_amazon_without_what_the_buyer_wrote() -> None:
    found = read(ReturnsReport.FBA, FBA)
    (row,) = found.rows
    assert (row.reference, row.arrived_on, row.requested_on, row.disposition, row.status) == (
        "LPNRR000000001",
        date(2026, 11, 20),
        None,
        "SELLABLE",
        "Unit returned to inventory",
    )
    assert "Erika" not in repr(found)
    assert "mug" not in repr(found)


@pytest.mark.parametrize("fold", [str.upper, lambda name: name.replace(" ", "_").lower()])
def test_headings_in_other_cases_and_with_other_separators(fold: object) -> None:
    first, rest = BY_DATE.split("\n", 1)
    text = "\t".join(map(fold, first.split("\t"))) + "\n" + rest  # type: ignore[call-overload]
    assert read(ReturnsReport.BY_RETURN_DATE, text) == ([ROW], [])


def test_columns_in_another_order_and_new_ones_change_nothing() -> None:
    lines = [line.split("\t") for line in BY_DATE.strip().split("\n")]
    text = "\n".join("\t".join(["x", *reversed(line)]) for line in lines)
    assert read(ReturnsReport.BY_RETURN_DATE, text) == ([ROW], [])


def test_unknown_headings_name_what_is_missing_and_what_is_there() -> None:
    text = headings_of(BY_DATE, {"Order ID": "Bestellnummer"})
    with pytest.raises(UnknownHeadings, match=r"lacks order-id; .*bestellnummer, order-date"):
        read(ReturnsReport.BY_RETURN_DATE, text)


@pytest.mark.parametrize("kind", ReturnsReport)
def test_a_report_without_its_headings_is_told_without_its_first_row(kind: ReturnsReport) -> None:
    text = FBA.split("\n", 1)[1]
    with pytest.raises(UnknownHeadings) as raised:
        read(kind, text)
    assert "its first line has none of the headings" in str(raised.value)
    assert "erika" not in str(raised.value)


def test_a_report_without_a_letter_has_no_rows() -> None:
    assert read(ReturnsReport.FBA, "\r\n") == ([], [])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("302-5550001-5550001", "S01-123"),
        ("14-Nov-2026", "14.11.2026"),
        ("14-Nov-2026", "31-Feb-2026"),
        ("17-Nov-2026", "tomorrow"),
        ("\t2\tAMZ", "\t0\tAMZ"),
        ("\t2\tAMZ", "\ttwo\tAMZ"),
    ],
)
def test_a_bad_row_stops_no_other(old: str, new: str) -> None:
    good = BY_DATE.split("\n")[1]
    text = BY_DATE.replace(old, new) + "\n" + good
    assert read(ReturnsReport.BY_RETURN_DATE, text) == ([ROW], [2])


def test_two_units_of_one_plate_are_two_rows() -> None:
    unit = FBA.split("\n")[1]
    found = read(ReturnsReport.FBA, FBA + unit)
    assert [(row.reference, row.place) for row in found.rows] == [
        ("LPNRR000000001", 1),
        ("LPNRR000000001", 2),
    ]


def test_units_without_a_plate_are_told_apart_by_their_time() -> None:
    text = FBA.replace("LPNRR000000001", "")
    later = text.split("\n")[1].replace("22:34:59", "23:00:00")
    found = read(ReturnsReport.FBA, text + later)
    assert [(row.reference, row.place) for row in found.rows] == [
        ("2026-11-20T22:34:59+00:00", 1),
        ("2026-11-20T23:00:00+00:00", 1),
    ]


def test_a_day_in_any_case_and_none() -> None:
    assert (day("1-DEC-2026"), day("")) == (date(2026, 12, 1), None)


def test_headings_fold_and_short_rows_lack_their_last_values() -> None:
    assert folded(" A-to-Z  Claim_") == "a-to-z-claim"
    assert folded("注文 ID") == "注文-id"
    found = table("A\tB\tA\r\n1\r\n\r\n1\t2\t3\t4\r\n")
    assert (found.headings, list(found.rows)) == (
        ("a", "b", "a"),
        [(2, {"a": "1", "b": ""}), (4, {"a": "1", "b": "2"})],
    )


@pytest.mark.parametrize(
    ("content", "content_type", "old", "expected"),
    [
        ("Käse", "text/plain; charset=Cp1252", "cp1252", ("cp1252", "Käse")),
        ("Käse", "text/plain;charset=UTF-8", "cp1252", ("utf-8", "Käse")),
        ("Käse", "text/plain;charset=UTF-8", "cp1252", ("utf-8-sig", "Käse")),
        ("Käse", "text/plain", "cp1252", ("utf-8-sig", "Käse")),
        ("Käse", "", "cp1252", ("utf-8", "Käse")),
        ("Käse", "text/plain; charset=Cp1252", "cp1252", ("utf-8-sig", "Käse")),
        ("返品", "text/plain; charset=UTF-8", "cp932", ("utf-16", "返品")),
        ("Käse", "", "cp1252", ("cp1252", "Käse")),
        ("返品", "", "cp932", ("cp932", "返品")),
        ("返品", "text/plain; charset=Shift_JIS", "cp1252", ("cp932", "返品")),
        # The answer names a charset in which the bytes are not valid.
        ("Käse", "text/plain;charset=UTF-8", "cp1252", ("cp1252", "Käse")),
        ("返品", "text/plain; charset=klingon", "cp932", ("cp932", "返品")),
    ],
)
def test_the_charset_of_a_report(
    content: str, content_type: str, old: str, expected: tuple[str, str]
) -> None:
    written_in, text = expected
    assert table_of(content.encode(written_in), content_type, old)[0] == text


def test_a_charset_named_by_the_answer_wins_over_utf_8() -> None:
    assert table_of("Ã¤".encode("cp1252"), "text/plain; charset=Cp1252", "cp1252")[0] == "Ã¤"
