from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.magento.order import names
from pipeline.magento.order.plain_text import label, plain, unkept_letters


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("  Müller \t Straße  ", "Müller Straße"),
        ("Mug 😀 blue", "Mug blue"),
        ("I ❤️ it", "I ❤ it"),
        ("<b>bold</b> <script>alert(1)</script>", "bold alert(1)"),
        ("<scr<script>ipt>x</script>", "<scr ipt>x".replace("<", "").replace(">", " ")),
        ("3 < 4 > 2", "3 4 2"),
        ("a\x00b\u200bc\u202e", "abc"),
        ("一丁目 𠮷野家", "一丁目 ?野家"),
        ("e\u0301", "é"),
        ("one\ntwo", "one two"),
        ("", ""),
        ("😀", ""),
    ],
)
def test_makes_text_fit(given_text: str, expected: str) -> None:
    assert plain(given_text, 100) == expected


def test_keeps_lines_when_asked_to() -> None:
    assert plain("a\r\n\n  b <br/> c\n", 100, keep_lines=True) == "a\nb c"


def test_cuts_at_the_limit() -> None:
    assert plain("abc def", 4) == "abc"


@given(st.text(max_size=60))
def test_nothing_is_left_that_magento_refuses_or_loses(text: str) -> None:
    made = plain(text, 50)
    assert len(made) <= 50
    assert not set("<>\n\t\x00") & set(made)
    assert all(ord(char) <= 0xFFFF for char in made)
    assert plain(made, 50) == made


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Berta Buyer", "Berta", "Buyer"),
        ("Berta von der  Buyer", "Berta", "von der Buyer"),
        ("Solo", "Solo", "-"),
        ("", "Amazon", "Customer"),
        (" 😀 ", "Amazon", "Customer"),
        ("Anna <Meier> 😀", "Anna", "Meier"),
        ("n/a", "Amazon", "Customer"),
        ("- -", "Amazon", "Customer"),
        ("𠮷田 太郎", "吉田", "太郎"),
        ("Дмитрий Ильич", "Дмитрий", "Ильич"),
        ("Kühn & Söhne GmbH & Co. KG", "Kühn", "& Söhne GmbH & Co. KG"),
        ("山田 太郎", "山田", "太郎"),
    ],
)
def test_splits_a_name(name: str, first: str, last: str) -> None:
    assert names.split(name) == (first, last)


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Jürgen & Söhne GmbH", "Jürgen", "Söhne GmbH"),
        ("Sean O’Neil", "Sean", "O'Neil"),
        ("Dr. Anne-Marie (Büro) 3", "Dr.", "Anne-Marie Büro 3"),
        ("***", "Amazon", "Customer"),
        ("Solo!", "Solo", "-"),
        ("<b>O'Neil</b>", "b", "O'Neil b"),
        ("山田 太郎", "山田", "太郎"),
    ],
)
def test_makes_a_name_that_a_customer_account_accepts(name: str, first: str, last: str) -> None:
    assert names.for_customer(name) == (first, last)


def test_a_label_keeps_every_word() -> None:
    assert label(" c/o <Meier>\n2nd\tfloor ") == "c/o Meier 2nd floor"
    # Rare forms become everyday ones where there are any.
    assert label("𝐌𝐚𝐢𝐧 𝟏𝟐, 𣘺") == "Main 12, 橋"
    assert label("x" * 900) == "x" * 900


@pytest.mark.parametrize(
    ("text", "count"), [("Lieferweg 7 😀", 0), ("𠮷野 𝐌𝐚𝐢𝐧", 0), ("𩸽町 𞤀", 2)]
)
def test_counts_the_letters_that_are_lost(text: str, count: int) -> None:
    assert unkept_letters(text) == count
    assert label(text).count("?") == count


@given(st.text(max_size=300))
def test_no_name_is_ever_empty_or_too_long(name: str) -> None:
    for first, last in (names.split(name), names.for_customer(name)):
        assert 1 <= len(first) <= 128
        assert 1 <= len(last) <= 128
