"""The marks of a buyer: what each looks like, and every form in which it is found again."""

from __future__ import annotations

import base64
import quopri
import re
import unicodedata
import zlib
from collections.abc import Iterator
from contextlib import suppress
from html import unescape
from typing import Any
from urllib.parse import unquote_plus

from sandbox.amazon.builders import a_line, an_order
from tests.system.remotes import SKU
from tests.system.rig import FRANCE

KINDS = (
    *("name", "mail", "street", "lines", "city", "comp", "firm", "vat", "po", "gift", "text"),
    *("drop", "note", "wish", "user"),
)
CODES = "abcdefghijklmnopqrstuvwxyz"
PHONE = "9988776655"
KILLED = "CANARY_KILLED"
"""The variable with the path of the file that a killed worker leaves."""
_SIGNS = r"[\s.,:;/()_\-]{0,2}"
_MARK = re.compile(rf"zq({'|'.join(KINDS)})[o+& ]{{1,3}}q([a-z])q")
_POSTCODE = re.compile(r"zq7\s?1q([a-z])")
_DIGITS = re.compile(_SIGNS.join(PHONE) + _SIGNS + rf"(\d){_SIGNS}(\d)")
_BACKWARDS = re.compile(r"(\d)(\d)" + PHONE[::-1])
_ACCENTS = re.compile(r"[\u0300-\u036f]")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}")
_HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){10,}")
_UNICODE = re.compile(r"\\+u([0-9a-fA-F]{4})")
_PACKED = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")
_READABLE = bytes((0, 9, 10, 13, *range(32, 127)))
_DEEPEST = 2

Mark = tuple[str, str]
"""Its kind, and the letter of the path."""


def mark(kind: str, code: str, sign: str = "ö") -> str:
    """A text that stands nowhere else. The letter in its middle needs a form of its own in JSON,
    HTML and addresses."""
    return f"Zq{kind}{sign}q{code}q"


def mail(code: str) -> str:
    return f"{mark('mail', code, '+')}@marketplace.example".lower()


def phone(code: str) -> str:
    digits = f"{PHONE}{CODES.index(code):02}"
    return f"+44 {digits[:3]} {digits[3:6]}-{digits[6:]}"


def quoted(code: str) -> str:
    """What a refusal quotes of a buyer: a street without its number, a dotted phone number."""
    dotted = ".".join(re.findall("..", re.sub(r"\D", "", phone(code))[2:]))
    texts = (mark("name", code), mail(code), mark("street", code), mark("comp", code, " & "))
    return " ".join((*texts, f"ZQ7 1q{code}", dotted, mark("gift", code), mark("vat", code)))


def marked(number: str, code: str, marketplace: str = FRANCE) -> dict[str, Any]:
    """An order as Amazon has it, with a mark in every field that may name a buyer."""
    order = an_order(
        number,
        marketplace=marketplace,
        email=mail(code),
        name=f"{mark('name', code)} Dupont",
        address={
            "addressLine1": f"12 {mark('street', code)} Road",
            "addressLine2": f"c/o {mark('lines', code)}",
            "companyName": f"{mark('comp', code, ' & ')} Ltd",
            "city": mark("city", code),
            "postalCode": f"ZQ7 1q{code}",
            "countryCode": "GB",
            "phone": phone(code),
        },
        lines=[
            a_line(SKU, 2, gift_wrap="3.00", tax="3.80", gift_message=f"to {mark('gift', code)}")
        ],
    )
    order["buyer"] |= {
        "buyerCompanyName": mark("firm", code),
        "buyerPurchaseOrderNumber": mark("po", code),
    }
    order["tax"] = {
        "taxRegistrations": [
            {
                "entityType": "BUYER",
                "taxRegistrationType": "VAT",
                "taxRegistrationNumber": mark("vat", code),
                "legalName": mark("firm", code),
            }
        ]
    }
    order["recipient"]["deliveryPreference"] = {
        "dropOffLocation": mark("drop", code),
        "addressInstruction": f"ring at {mark('drop', code)}",
    }
    address = f"https://zme.example/t?text={mark('text', code)}"
    order["orderItems"][0]["product"]["customization"] = {"customizedUrl": address}
    return order


def found_in(content: bytes, depth: int = 0) -> set[Mark]:
    """The marks in some bytes: in clear, or in any form that a library or a remote writes."""
    found: set[Mark] = set()
    for text in set(_texts(content)):
        plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", text.casefold()))
        found |= {(kind, code) for kind, code in _MARK.findall(plain)}
        found |= {("postcode", code) for code in _POSTCODE.findall(plain)}
        for tens, ones in _DIGITS.findall(plain):
            found |= {("phone", CODES[int(tens + ones) % len(CODES)])}
        for ones, tens in _BACKWARDS.findall(re.sub(_SIGNS, "", plain)):
            found |= {("phone", CODES[int(tens + ones) % len(CODES)])}
    if depth < _DEEPEST:
        for part in _unpacked(content):
            found |= found_in(part, depth + 1)
    return found


def _texts(content: bytes) -> Iterator[str]:
    readings = [content.decode("utf-8", "replace")]
    if b"\0" in content:  # UTF-16
        readings.append(content.replace(b"\0", b"").decode("latin-1"))
    if b"=" in content:
        readings.append(quopri.decodestring(content).decode("utf-8", "replace"))
    for text in readings:
        yield text
        if "%" in text or "+" in text:
            yield unquote_plus(text)
        if "\\u" in text:
            text = _UNICODE.sub(lambda found: chr(int(found[1], 16)), text)
            yield text
        if "&" in text:
            yield (text := unescape(unescape(text)))
            if "%" in text:
                yield unquote_plus(text)


def _may_be_read(part: bytes) -> bool:
    """Whether some decoded bytes are a text or are packed: most texts decode to noise."""
    return _PACKED.match(part) is not None or 3 * len(part.translate(None, _READABLE)) <= len(part)


def _unpacked(content: bytes) -> Iterator[bytes]:
    for chunk in set(_BASE64.findall(content)):
        plain = chunk.translate(bytes.maketrans(b"-_", b"+/"))
        for start in range(4):
            whole = plain[start:]
            if len(whole) % 4 == 1:  # no base64 has this length: its last sign is another's
                whole = whole[:-1]
            part = base64.b64decode(whole + b"=" * (-len(whole) % 4))
            if _may_be_read(part):
                yield part
    for digits in set(_HEX.findall(content)):
        part = bytes.fromhex(digits.decode())
        if _may_be_read(part):
            yield part
    for found in _PACKED.finditer(content):
        unpack = zlib.decompressobj(zlib.MAX_WBITS | 32)
        with suppress(zlib.error):
            yield unpack.decompress(content[found.start() :], 1 << 24)
