"""What a release of Magento is told apart by."""

from __future__ import annotations

import pytest

from pipeline.settings.magento_release import MagentoRelease


@pytest.mark.parametrize(
    ("version", "is_new"),
    [("2.4.6", False), ("2.4.7", True), ("2.4.8", True), ("2.4.10", True), ("2.10.0", True)],
)
def test_what_2_4_7_brought(version: str, is_new: bool) -> None:
    release = MagentoRelease.of(version)
    assert release.cancels_under_lock is is_new
    assert release.keeps_tax_rows is is_new
    assert release.refuses_unknown_fields is is_new
