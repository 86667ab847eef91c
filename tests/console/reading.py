"""Pages as a person reads them."""

from __future__ import annotations

import re
from html import unescape


def words_of(html: str) -> str:
    """A page's text, with single spaces."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())
