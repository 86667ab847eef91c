"""Text fit for Magento: no markup, and nothing that its database would turn into "????"."""

from __future__ import annotations

import re
import unicodedata

# Selectors that turn the preceding character into an emoji.
_SELECTORS = re.compile("[\ufe00-\ufe0f]")
_TAGS = re.compile(r"</?[a-zA-Z!?][^<>]*>")
COMMENT_LENGTH = 5000
# Characters that people type as a hyphen but Unicode does not class as a dash: minus signs, the
# long vowel marks of Japanese and Korean, bullets and rules.
_DASHES = frozenset("\u2212\u02d7\u2796\u30fc\u3161\u1173\u2043\u23af\u2500\u2501")
_BRACKETS = {ord("<"): " ", ord(">"): " "}
_LAST_OF_THREE_BYTES = 0xFFFF
_MORE_THAN_ANY_COLUMN = 10_000
# Rare forms of everyday letters, which occur in Japanese names and places.
_EVERYDAY_FORMS = str.maketrans("\U00020bb7\U0002123d\U0002363a\U00020b9f", "吉土橋叱")


def plain(text: str, limit: int, *, keep_lines: bool = False) -> str:
    """`text` as one line, or as lines, of at most `limit` characters.

    Tags are removed and stray angle brackets become spaces, because shops since 2.4.8 refuse script
    tags. Magento's columns hold three bytes per character: pictures that need more are dropped,
    letters that need more become "?".
    """
    text = _TAGS.sub(" ", unicodedata.normalize("NFC", text)).translate(_BRACKETS)
    text = "".join(_kept(char) for char in _SELECTORS.sub("", text))
    lines = [" ".join(line.split()) for line in text.splitlines()]
    joined = ("\n" if keep_lines else " ").join(line for line in lines if line)
    return joined[:limit].strip()


def label(text: str) -> str:
    """`text` as one complete line for an address label: nothing is treated as markup, and rare
    forms of letters become their everyday forms where these exist."""
    text = text.translate(_BRACKETS).translate(_EVERYDAY_FORMS)
    return plain("".join(map(_everyday, text)), _MORE_THAN_ANY_COLUMN)


def in_digits(text: str) -> str:
    """A number as carriers read it: digits of any script become 0 to 9, any dash becomes "-"."""
    plain_forms = unicodedata.normalize("NFKC", label(text))
    return label("".join(map(_as_digit_or_dash, plain_forms)))


def unkept_letters(text: str) -> int:
    """The number of letters of a label that Magento's database cannot hold: they became "?"."""
    forms = map(_everyday, text.translate(_EVERYDAY_FORMS))
    return sum(
        ord(char) > _LAST_OF_THREE_BYTES and unicodedata.category(char)[0] == "L"
        for form in forms
        for char in form
    )


def _as_digit_or_dash(char: str) -> str:
    if unicodedata.category(char) == "Pd" or char in _DASHES:
        return "-"
    digit = unicodedata.decimal(char, None)
    return char if digit is None else str(digit)


def _everyday(char: str) -> str:
    if ord(char) <= _LAST_OF_THREE_BYTES:
        return char
    return unicodedata.normalize("NFKC", char)


def _kept(char: str) -> str:
    category = unicodedata.category(char)
    if ord(char) > _LAST_OF_THREE_BYTES:
        return "?" if category[0] == "L" else ""
    if category in ("Cc", "Cf", "Cs", "Co", "Cn"):
        return "\n" if char in "\n\r\x0b\x0c\x85" else " " if char == "\t" else ""
    return char
