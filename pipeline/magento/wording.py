"""Text made fit for Magento: no markup, and nothing its database would turn into "????"."""

from __future__ import annotations

import re
import unicodedata

# The marks that make an emoji of the character before them.
_SELECTORS = re.compile("[\ufe00-\ufe0f]")
_TAGS = re.compile(r"</?[a-zA-Z!?][^<>]*>")
COMMENT_LENGTH = 5000
_BRACKETS = {ord("<"): " ", ord(">"): " "}
_LAST_OF_THREE_BYTES = 0xFFFF


def plain(text: str, limit: int, *, keep_lines: bool = False) -> str:
    """`text` as one line, or as lines, of at most `limit` characters.

    Tags are taken out and stray angle brackets become spaces, because shops from 2.4.8 refuse
    script tags. Magento's columns hold three bytes a character: pictures beyond are dropped,
    letters beyond become "?".
    """
    text = _TAGS.sub(" ", unicodedata.normalize("NFC", text)).translate(_BRACKETS)
    text = "".join(_kept(char) for char in _SELECTORS.sub("", text))
    lines = [" ".join(line.split()) for line in text.splitlines()]
    joined = ("\n" if keep_lines else " ").join(line for line in lines if line)
    return joined[:limit].strip()


def _kept(char: str) -> str:
    category = unicodedata.category(char)
    if ord(char) > _LAST_OF_THREE_BYTES:
        return "?" if category[0] == "L" else ""
    if category in ("Cc", "Cf", "Cs", "Co", "Cn"):
        return "\n" if char in "\n\r\x0b\x0c\x85" else " " if char == "\t" else ""
    return char
