"""Downloads a document that Amazon keeps for a seller: a feed's result, or a report.

Its URL is valid for five minutes and signed: no error and no log names it.
"""

from __future__ import annotations

import zlib

from pipeline.base.errors import Transient
from pipeline.base.http import Http, Transferred

LARGEST_DOCUMENT = 64 * 1024 * 1024
"""The most bytes that a document may have when it is unpacked."""
_GZIP = b"\x1f\x8b"
_AS_GZIP = 31


def download(storage: Http, url: str, what: str) -> Transferred:
    """The document, unpacked. Raises Transient, which calls the document `what`."""
    answer = storage.transfer("GET", url)
    if answer.status != 200:
        raise Transient(
            f"{what} could not be fetched (status {answer.status})", status=answer.status
        )
    return answer._replace(content=_unpacked(answer.content, what))


def _unpacked(content: bytes, what: str) -> bytes:
    """Unpack what begins like gzip, whatever its stated compression: HTTP may have unpacked it."""
    if not content.startswith(_GZIP):
        return content
    unpacker = zlib.decompressobj(_AS_GZIP)
    try:
        unpacked = unpacker.decompress(content, LARGEST_DOCUMENT)
    except zlib.error as error:
        raise Transient(f"{what} could not be unpacked") from error
    if not unpacker.eof:
        raise Transient(f"{what} is cut off or too large")
    return unpacked
