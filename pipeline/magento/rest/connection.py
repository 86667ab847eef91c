"""Calls to a shop: signed, scoped to a store view, ending in a value or a typed error."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from pipeline.base.errors import Rejected, Transient
from pipeline.base.http import Http, Method, Reply
from pipeline.base.log import log
from pipeline.base.retry import call_with_retry
from pipeline.magento.rest import auth, json_records, odd_rows, replies, search
from pipeline.settings.model import ShopSettings

T = TypeVar("T")

URI_TOO_LONG = 414
CACHE_FOR = timedelta(minutes=10)
_UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)


class Connection:
    """Calls to a shop, for all its kinds of objects. Safe to share between threads."""

    def __init__(
        self,
        name: str,
        shop: ShopSettings,
        *,
        http: Http | None = None,
        now: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = name
        self._http = http or Http(str(shop.base_url))
        self._auth = auth.for_shop(shop, now)
        self._now = now
        self._sleep = sleep
        self.page_size = search.PAGE_SIZE
        self._kept: dict[tuple[str, ...], tuple[datetime, Any]] = {}

    def get(
        self, path: str, understand: Callable[[Any], T], *, store: str = "", query: str = ""
    ) -> T:
        """Read, and retry on Transient. `understand` turns the body into a value; when it fails
        (LookupError, TypeError or ValueError) the reply was unusable, which is Transient."""

        def once() -> T:
            reply = self._http.call("GET", _path(store, path), query=query, auth=self._auth)
            return _understood(reply, understand, is_write=False)

        return call_with_retry(once, self._sleep)

    def send(
        self,
        method: Method,
        path: str,
        understand: Callable[[Any], T],
        *,
        body: Any = None,
        store: str = "",
    ) -> T:
        """Write once: only a request that cannot have arrived is sent again."""

        def once() -> T:
            reply = self._http.call(method, _path(store, path), body=body, auth=self._auth)
            return _understood(reply, understand, is_write=True)

        return call_with_retry(once, self._sleep)

    def search(
        self,
        path: str,
        groups: Sequence[search.Group],
        read: Callable[[dict[str, Any]], T],
        *,
        sort: str,
        fields: str,
        store: str = "",
        is_whole: bool = False,
    ) -> list[T]:
        """Every row of every page of a search. With `is_whole` a result with fewer rows than the
        shop counts is Transient, for callers that draw conclusions from a missing row. A row that
        cannot be read makes the reply unusable, unless such rows are set aside (`odd_rows`). If the
        address is too long for the shop's web server, the search is split into halves."""

        def again(part: Sequence[search.Group]) -> list[T]:
            return self.search(
                path, part, read, sort=sort, fields=fields, store=store, is_whole=is_whole
            )

        aside = odd_rows.collecting()
        records: list[T] = []
        odd: list[odd_rows.OddRow] = []
        before: list[Any] = []
        page, size = 1, self.page_size
        while True:
            query = search.criteria(
                groups,
                sort=sort,
                fields=f"items[{fields}],total_count",
                page=page,
                page_size=size,
            )
            try:
                rows, total, good, bad = self.get(
                    path,
                    lambda body: _page(body, read, path, is_strict=aside is None),
                    store=store,
                    query=query,
                )
            except replies.PageTooLarge as error:
                if not 0 < error.limit < size:
                    raise
                # The shop has a lower limit: from now on its pages have this size.
                records, odd, before, page, size = [], [], [], 1, error.limit
                self.page_size = size
                continue
            except Rejected as error:
                halves = search.halves(groups) if error.status == URI_TOO_LONG else None
                if halves is None:
                    raise
                return [row for half in halves for row in again(half)]
            records += good
            odd += bad
            if not rows or page * size >= total:
                sent = len(records) + len(odd)
                if is_whole and sent < total:
                    raise Transient(f"{self.name} counts {total} and sent {sent}", code="cut")
                for odd_row in odd:
                    log.warning("magento.row_set_aside", shop=self.name, detail=str(odd_row))
                if aside is not None:
                    aside.extend(odd)
                return records
            if rows == before:
                # A shop repeats its last page when asked for the next: the loop would never end.
                raise Transient(f"{self.name} counts {total} and repeats a page", code="endless")
            page, before = page + 1, rows

    def cached(self, key: tuple[str, ...], ask: Callable[[], T]) -> T:
        """The result of `ask`, cached for ten minutes."""
        kept = self._kept.get(key)
        if kept is not None and self._now() < kept[0]:
            return kept[1]  # type: ignore[no-any-return]
        value = ask()
        self._kept[key] = (self._now() + CACHE_FOR, value)
        return value


def _path(store: str, path: str) -> str:
    """Without a store view code the shop's default store view answers."""
    return f"/rest/{store}/V1{path}" if store else f"/rest/V1{path}"


def _understood(reply: Reply, understand: Callable[[Any], T], *, is_write: bool) -> T:
    error = replies.error_in(reply, is_write=is_write)
    if error is not None:
        raise error
    try:
        return understand(reply.body)
    except _UNREADABLE:
        raise replies.unexpected(reply, is_write=is_write) from None


def _page(
    body: Any, read: Callable[[dict[str, Any]], T], path: str, *, is_strict: bool
) -> tuple[list[Any], int, list[T], list[odd_rows.OddRow]]:
    """A page: its raw rows, the total of the search, the rows read, and the rows set aside."""
    rows, total = json_records.entries(body["items"]), int(body["total_count"])
    records: list[T] = []
    odd: list[odd_rows.OddRow] = []
    for row in rows:
        try:
            if not isinstance(row, dict):
                raise TypeError("a row is no object")
            records.append(read(row))
        except _UNREADABLE:
            if is_strict:
                raise
            odd.append(json_records.odd_row(path, row))
    return rows, total, records, odd
