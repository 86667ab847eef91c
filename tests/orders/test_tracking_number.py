"""What counts as a tracking number, which is stored in clear."""

from __future__ import annotations

import pytest

from pipeline.orders.tracking_number import looks_like_a_number


@pytest.mark.parametrize(
    "text",
    ["A1", "1Z 9", "0034 0434 1610", "RR 123 456 785 DE", "DHL 0034", "B#1/2._-3", "JJD0003"],
)
def test_numbers_are(text: str) -> None:
    assert looks_like_a_number(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "DHL", "Anna Berg 0151 2345678", "Hauptstr. 5 Berlin", "door 7 neighbour"),
        *("left 4", "Grüne 5", "A1\N{ZERO WIDTH SPACE}", "1" * 61),
    ],
)
def test_words_are_none(text: str) -> None:
    assert not looks_like_a_number(text)
