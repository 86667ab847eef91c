"""Decodes the bytes of a document: `text_of` an XML document, `table_of` a report of rows. Pure.

The results of feeds come in UTF-8, in the seller's old charset with a correct declaration, and in
an old charset under a declaration of UTF-8. Tags and numbers are always ASCII; a person has to read
the words.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterator

# Names that documents use for a charset, and the superset that programs really write.
_WRITTEN_AS = {
    "shift_jis": "cp932",
    "x_sjis": "cp932",
    "sjis": "cp932",
    "iso8859_1": "cp1252",
    "latin_1": "cp1252",
    "ascii": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "iso8859_9": "cp1254",
    "x_euc_jp": "euc_jp",
    "tis_620": "cp874",
    "iso8859_11": "cp874",
    "iso8859_8": "cp1255",
}
_KNOWN = frozenset(
    (
        *("utf_8", "utf_16", "utf_16_le", "utf_16_be", "utf_32", "utf_32_le", "utf_32_be"),
        *("cp932", "shift_jis_2004", "shift_jisx0213", "euc_jp", "euc_jis_2004", "euc_jisx0213"),
        *("iso2022_jp", "iso2022_jp_1", "iso2022_jp_2", "iso2022_jp_2004", "iso2022_jp_3"),
        *("iso2022_jp_ext", "iso2022_kr", "gb18030", "hz", "big5", "big5hkscs", "cp949", "johab"),
        *("cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258"),
        *("iso8859_2", "iso8859_3", "iso8859_4", "iso8859_5", "iso8859_6", "iso8859_7"),
        *("iso8859_10", "iso8859_13", "iso8859_14", "iso8859_15", "iso8859_16", "cp874"),
        *("koi8_r", "koi8_u", "mac_roman", "cp437", "cp850", "cp852", "cp866"),
    )
)
_MARKS = (
    (codecs.BOM_UTF8, "utf_8"),
    # UTF-32 comes before UTF-16, since its mark begins with the mark of UTF-16.
    (codecs.BOM_UTF32_LE, "utf_32"),
    (codecs.BOM_UTF32_BE, "utf_32"),
    (codecs.BOM_UTF16_LE, "utf_16"),
    (codecs.BOM_UTF16_BE, "utf_16"),
    # Without a mark the first letter of an XML document shows the charset.
    (b"<\0\0\0", "utf_32_le"),
    (b"\0\0\0<", "utf_32_be"),
    (b"<\0", "utf_16_le"),
    (b"\0<", "utf_16_be"),
)
# The charsets to try when every stated charset is wrong.
_GUESSES = ("cp1252", "cp932", "euc_jp", "cp1250")
_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._:-]{1,40})[\"']")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9._:-]{1,40})", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ue000-\uf8ff\ufffd]")
_LETTERS = re.compile(
    "[\u00a0-\u00ff\u0100-\u017f\u2013\u2014\u2018-\u201e\u2026\u20ac"
    "\u3000-\u30ff\u4e00-\u9fff\uff01-\uff5e]"
)
_WESTERN_PARTS = re.compile("[\u00a1-\u00bf\u00d7\u00f7]")


def text_of(content: bytes, content_type: str = "") -> str:
    """The document's text, without a byte order mark.

    The order of precedence: the mark; UTF-8 if it decodes, since no other charset does by chance;
    the answer's `content_type`; the document's declaration; the guess that looks most like words.
    """
    for mark, name in _MARKS:
        if content.startswith(mark):
            return content.decode(name, errors="replace").removeprefix("\ufeff")
    stated = list(_stated(content, content_type))
    if b"\x1b$" in content:
        stated = ["iso2022_jp", *stated, "iso2022_jp_ext", "iso2022_jp_2", "iso2022_kr"]
    if not content.isascii():
        stated.insert(0, "utf_8")
    for name in stated:
        decoded = _decoded(content, name)
        if decoded is not None and not _CONTROL.search(decoded):
            return decoded
    guesses = [decoded for name in _GUESSES if (decoded := _decoded(content, name)) is not None]
    if guesses:
        best = max(guesses, key=_likeness)
        if not _CONTROL.search(best):
            return best
    # Perhaps a letter was cut off: replace what does not decode and keep the rest.
    name = next((charset for charset in stated[::-1] if charset != "utf_8"), "utf_8")
    return content.decode(name, errors="replace")


def table_of(content: bytes, content_type: str, old_charset: str) -> tuple[str, str]:
    """The text of a report of tab-separated rows, without a byte order mark, and its charset.

    The order of precedence: the mark; the charset that the answer names, if the bytes are valid in
    it; UTF-8 if it decodes; `old_charset`, in which Amazon wrote such reports before, and writes
    some still.
    """
    for mark, name in _MARKS:
        if content.startswith(mark):
            return content.decode(name, errors="replace").removeprefix("\ufeff"), name
    named = _CHARSET.search(content_type)
    for name in (_codec(named[1]) if named else "", "utf_8"):
        decoded = _decoded(content, name) if name else None
        if decoded is not None:
            return decoded, name
    return content.decode(old_charset, errors="replace"), old_charset


def _stated(content: bytes, content_type: str) -> Iterator[str]:
    in_header = _CHARSET.search(content_type)
    declared = _DECLARED.search(content[:400])
    for name in (
        in_header[1] if in_header else "",
        declared[1].decode("ascii") if declared else "",
    ):
        known = _codec(name)
        # The first bytes would have shown UTF-16 or UTF-32.
        if known and not known.startswith(("utf_16", "utf_32")):
            yield known


def _codec(name: str) -> str:
    plain = name.casefold().replace("-", "_")
    try:
        codec = codecs.lookup(_WRITTEN_AS.get(plain, name)).name.replace("-", "_")
    except LookupError:
        return ""
    codec = _WRITTEN_AS.get(codec, codec)
    return codec if codec in _KNOWN else ""


def _decoded(content: bytes, name: str) -> str | None:
    try:
        return content.decode(name)
    except UnicodeDecodeError:
        return None


def _likeness(text: str) -> float:
    """How much of the non-ASCII text looks like words, at most 1."""
    odd = [letter for letter in text if not letter.isascii()]
    if not odd:
        return 1.0
    good = 0.0
    for letter in odd:
        if _CONTROL.match(letter):
            return 0.0
        if _LETTERS.match(letter):
            good += 0.5 if _WESTERN_PARTS.match(letter) else 1.0
        elif unicodedata.category(letter) == "Lo":
            good += 0.25  # half-width kana and rare ideographs
    # Signs of a western text stand alone among ASCII; three in a row belong to another script.
    runs = re.findall(r"[\u0080-\u024f\u2000-\u2122]{3,}", text)
    return (good - 0.8 * sum(len(run) for run in runs)) / len(odd)
