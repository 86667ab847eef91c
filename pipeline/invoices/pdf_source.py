"""Where the PDF of an invoice comes from: a folder, or a URL of the shop's own PDF extension.

The bytes hold the buyer's name and address: they stay in memory until they are uploaded.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from urllib.parse import quote

from pipeline.base.errors import Transient
from pipeline.base.http import Http
from pipeline.settings.marketplace import INCREMENT_PLACE, SHOP_PLACE, MarketplaceSettings

MAX_BYTES = 1024 * 1024
_BEGIN = b"%PDF-"
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ,_;#-]{0,49}")


class NoPdf(Exception):
    """There is no usable PDF; the message says why. `comes_later` says that it may still come."""

    def __init__(self, why: str, *, comes_later: bool = True) -> None:
        super().__init__(why)
        self.comes_later = comes_later


def fetch(
    settings: MarketplaceSettings, shop: str, increment_id: str, http: Http | None = None
) -> bytes:
    """The PDF of a shop's invoice with this number. Raises NoPdf, Transient."""
    if not _FILE_NAME.fullmatch(shop):
        raise NoPdf("the name of its shop has a sign that no file name may have", comes_later=False)
    source = (settings.invoice_source or "").replace(SHOP_PLACE, shop)
    if settings.invoices_to_amazon == "folder":
        content = _from_folder(Path(source), increment_id)
    else:
        content = _from_url(source, increment_id, http or Http("", max_body_bytes=MAX_BYTES))
    if len(content) > MAX_BYTES:
        raise NoPdf("the PDF has more than 1 MB")
    if not content.startswith(_BEGIN):
        raise NoPdf("the source gives something that is no PDF")
    return content


def _from_folder(folder: Path, increment_id: str) -> bytes:
    if not _FILE_NAME.fullmatch(increment_id):
        raise NoPdf("its number has a sign that no file name may have", comes_later=False)
    path = folder / f"{increment_id}.pdf"
    try:
        real = os.path.realpath(path, strict=True)
        if not Path(real).is_relative_to(os.path.realpath(folder)):
            raise NoPdf(f"{path} is a link to a file outside of its folder")
        # Without waiting: a pipe has nothing to read until somebody writes into it.
        opened = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            os.close(opened)
            raise NoPdf(f"{path} is no file")
        with open(opened, "rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise NoPdf(f"{path} is not there yet") from None
    except OSError as error:
        raise NoPdf(f"{path} cannot be read ({error.strerror})") from None


def _from_url(template: str, increment_id: str, http: Http) -> bytes:
    try:
        answer = http.transfer(
            "GET", template.replace(INCREMENT_PLACE, quote(increment_id, safe=""))
        )
    except Transient as error:
        raise NoPdf(f"the source gave no whole answer of at most 1 MB ({error.code})") from None
    if answer.status != 200:
        raise NoPdf(f"the source answered with the status {answer.status}")
    return answer.content
