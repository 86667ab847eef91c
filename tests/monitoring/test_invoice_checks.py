"""Doctor's look at the folders of invoices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.monitoring.doctor_checks import Verdict
from pipeline.monitoring.invoice_checks import examine_invoices
from pipeline.settings.model import Settings
from tests.builders import ACCOUNT
from tests.colliding import OTHER_ACCOUNT, two_of_each


def verdicts(ours: Path, others: Path) -> list[Verdict]:
    """Doctor's findings on the account "eu", whose shop has the first folder."""
    given: dict[str, Any] = two_of_each().model_dump()
    for name, folder in ((ACCOUNT, ours), (OTHER_ACCOUNT, others)):
        source = {"invoices_to_amazon": "folder", "invoice_source": str(folder)}
        given["accounts"][name]["settings"] = source
    return [found.verdict for found in examine_invoices(Settings.model_validate(given), ACCOUNT)]


def test_each_shop_has_its_own_folder(tmp_path: Path) -> None:
    ours, others = tmp_path / "ours", tmp_path / "others"
    ours.mkdir()
    assert verdicts(ours, others) == [Verdict.OK]
    assert verdicts(others, ours) == [Verdict.WARNING]


def test_a_link_to_another_shops_folder_fails(tmp_path: Path) -> None:
    ours, others = tmp_path / "ours", tmp_path / "others"
    ours.mkdir()
    others.symlink_to(ours)
    assert verdicts(ours, others) == [Verdict.FAILED]
    assert verdicts(others, ours) == [Verdict.FAILED]


def test_without_a_folder_there_is_nothing_to_examine() -> None:
    assert list(examine_invoices(two_of_each(), ACCOUNT)) == []
