"""Amazon's Feeds API 2021-06-30: uploads documents, creates feeds and downloads reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import quote

from pipeline.amazon.charsets import text_of
from pipeline.amazon.connection import Connection, usable
from pipeline.amazon.downloads import download
from pipeline.amazon.json_fields import blocks, look, moment, text
from pipeline.amazon.one_order import read_order
from pipeline.amazon.parsing import parse
from pipeline.amazon.replies import (
    CANCEL_FEED,
    CREATE_FEED,
    CREATE_FEED_DOCUMENT,
    GET_FEED,
    GET_FEED_DOCUMENT,
    GET_FEEDS,
)
from pipeline.base.errors import Transient, code_of
from pipeline.base.http import Http
from pipeline.base.quota import Lane
from pipeline.orders.channel_order import ChannelOrder

_FEEDS = "/feeds/2021-06-30/feeds"
_DOCUMENTS = "/feeds/2021-06-30/documents"
MOST_LISTED = 100


class Document(NamedTuple):
    """A document and the URL of its upload or download, which is valid for five minutes."""

    document_id: str
    url: str


class Processing(StrEnum):
    """Amazon's processing status of a feed; CANCELLED, FATAL and any other word also end it."""

    IN_QUEUE = "IN_QUEUE"
    IN_PROGRESS = "IN_PROGRESS"
    DONE = "DONE"


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """A feed at Amazon; `status` is a Processing value, or Amazon's word for another end."""

    feed_id: str
    status: str
    created_at: datetime | None
    report_id: str
    input_id: str


@dataclass(frozen=True, slots=True)
class FeedsApi:
    """One account's feeds. The methods raise the errors of `Connection`.

    All types of feeds share a quota: those of a later `lane` leave a part of it to the others.
    """

    connection: Connection
    storage: Http = field(default_factory=lambda: Http(""))
    lane: Lane = Lane.CONFIRM

    def new_document(self, content_type: str) -> Document:
        """An empty document to upload to. Source: POST /feeds/2021-06-30/documents."""
        reply = self.connection.write(
            CREATE_FEED_DOCUMENT, "POST", _DOCUMENTS, self.lane, {"contentType": content_type}
        )
        return usable(CREATE_FEED_DOCUMENT, reply, _document)

    def upload(self, document: Document, content: bytes, content_type: str) -> None:
        """Upload a document's content. Raises Transient: try again with a new document."""
        answer = self.storage.transfer(
            "PUT", document.url, content=content, content_type=content_type
        )
        if answer.status not in (200, 201, 204):
            raise Transient(
                f"the upload of a feed was refused (status {answer.status})", status=answer.status
            )

    def create(
        self,
        feed_type: str,
        marketplace_ids: Sequence[str],
        document_id: str,
        options: Mapping[str, str] | None = None,
    ) -> str:
        """Submit a document and return the feed's id.

        Not safe to send twice: after a Transient that is not NotSent look for the feed in `since`.
        Source: POST /feeds/2021-06-30/feeds (createFeed).
        """
        reply = self.connection.send(
            CREATE_FEED,
            "POST",
            _FEEDS,
            self.lane,
            body={
                "feedType": feed_type,
                "marketplaceIds": list(marketplace_ids),
                "inputFeedDocumentId": document_id,
                **({"feedOptions": dict(options)} if options else {}),
            },
        )
        return usable(CREATE_FEED, reply, lambda body: text(body, "feedId") or None)

    def feed(self, feed_id: str) -> FeedStatus:
        """The status of a feed. Source: GET /feeds/2021-06-30/feeds/{feedId} (getFeed)."""
        path = f"{_FEEDS}/{quote(feed_id, safe='')}"
        return self.connection.read(GET_FEED, path, {}, _status, self.lane)

    def cancel(self, feed_id: str) -> None:
        """Cancel a feed. Amazon refuses when it has begun to process the feed.

        Source: DELETE /feeds/2021-06-30/feeds/{feedId} (cancelFeed).
        """
        path = f"{_FEEDS}/{quote(feed_id, safe='')}"
        self.connection.write(CANCEL_FEED, "DELETE", path, self.lane)

    def order(self, external_id: str) -> ChannelOrder:
        """The facts of an order, read now. Raises CannotMap as well."""
        return parse(read_order(self.connection, external_id, self.lane))

    def since(self, feed_type: str, since: datetime) -> list[FeedStatus]:
        """Up to MOST_LISTED feeds of a type that were created since then. Those of which Amazon
        writes no status are among them.

        Source: GET /feeds/2021-06-30/feeds (getFeeds).
        """
        query = {
            "feedTypes": feed_type,
            "createdSince": since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "pageSize": str(MOST_LISTED),
        }

        def shape(body: Any) -> list[FeedStatus] | None:
            if not isinstance(look(body, "feeds"), list):
                return None
            return [status for feed in blocks(body, "feeds") if (status := _feed(feed)).feed_id]

        return self.connection.read(GET_FEEDS, _FEEDS, query, shape, self.lane)

    def report(self, document_id: str) -> bytes:
        """A result document, unpacked and converted to UTF-8 whatever its charset.

        Raises Transient when it cannot be fetched or unpacked.

        Source: GET /feeds/2021-06-30/documents/{feedDocumentId} (getFeedDocument).
        """
        path = f"{_DOCUMENTS}/{quote(document_id, safe='')}"
        document = self.connection.read(GET_FEED_DOCUMENT, path, {}, _document, self.lane)
        answer = download(self.storage, document.url, "the report of a feed")
        return text_of(answer.content, answer.content_type).encode()


def _document(body: Any) -> Document | None:
    document = Document(text(body, "feedDocumentId"), text(body, "url"))
    return document if all(document) else None


def _status(body: Any) -> FeedStatus | None:
    feed = _feed(body)
    return feed if feed.feed_id and feed.status else None


def _feed(body: Any) -> FeedStatus:
    return FeedStatus(
        text(body, "feedId"),
        code_of(text(body, "processingStatus").upper()),
        moment(body, "createdTime"),
        text(body, "resultFeedDocumentId"),
        # Amazon's model lacks this field, but some answers have it.
        text(body, "inputFeedDocumentId"),
    )
