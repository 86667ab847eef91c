"""Magento's `searchCriteria` as an encoded query string.

Filters within a group are OR-ed, groups are AND-ed. A search is always sorted by a unique key,
because unsorted pages repeat and omit rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote

# The maximum page size. Shops with input limits allow 300 by Magento's default, or fewer.
PAGE_SIZE = 100
BATCH = 100
# Encoded bytes of a batch's values; a letter outside ASCII takes six to nine bytes.
_MOST_BYTES = 4000
# Encoded bytes that a separate filter adds: its three keys.
_FILTER = 250

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition: `field` must relate to `value` as `condition` says (eq, in, gteq, …)."""

    field: str
    value: str
    condition: str = "eq"


Group = Sequence[Filter]


def equals(field: str, value: str | int) -> Group:
    """A group with a single filter: the field has this value."""
    return (Filter(field, str(value)),)


def any_of(field: str, values: Collection[str | int]) -> Group:
    """A group that is true when the field has any of the values. Raises ValueError without values.

    `in` takes a list split at commas, so a value that contains a comma gets a separate filter.
    """
    texts = [str(value) for value in values]
    if not texts:
        raise ValueError("a search for any of no values finds everything")
    listed = [text for text in texts if "," not in text]
    group = [Filter(field, ",".join(listed), "in")] if listed else []
    return (*group, *(Filter(field, text) for text in texts if "," in text))


def criteria(
    groups: Sequence[Group],
    *,
    sort: str,
    fields: str = "",
    page: int = 1,
    page_size: int = PAGE_SIZE,
) -> str:
    """The query string of a page; `fields` reduces the reply, `page` starts at 1."""
    pairs: list[tuple[str, str]] = []
    for number, group in enumerate(groups):
        for place, condition in enumerate(group):
            stem = f"searchCriteria[filterGroups][{number}][filters][{place}]"
            pairs += [
                (f"{stem}[field]", condition.field),
                (f"{stem}[value]", condition.value),
                (f"{stem}[conditionType]", condition.condition),
            ]
    pairs += [
        ("searchCriteria[sortOrders][0][field]", sort),
        ("searchCriteria[sortOrders][0][direction]", "ASC"),
        ("searchCriteria[pageSize]", str(page_size)),
        ("searchCriteria[currentPage]", str(page)),
    ]
    if fields:
        pairs.append(("fields", fields))
    return encode(pairs)


def encode(pairs: Sequence[tuple[str, str]]) -> str:
    """Pairs as a query string in RFC 3986 style: a signed request must not use `+` for a space."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)


def batches(values: Collection[T], size: int = BATCH, keys: int = 1) -> Iterator[list[T]]:
    """The distinct values in their order, in batches of at most `size` values. A batch stays well
    below the 8 kB that web servers allow for an address. `keys` is the number of encoded bytes that
    accompany each value."""
    batch: list[T] = []
    length = 0
    for value in dict.fromkeys(values):
        cost = len(quote(str(value), safe="")) + (_FILTER if "," in str(value) else keys)
        if batch and (len(batch) == size or length + cost > _MOST_BYTES):
            yield batch
            batch, length = [], 0
        batch.append(value)
        length += cost
    if batch:
        yield batch


def halves(groups: Sequence[Group]) -> tuple[list[Group], list[Group]] | None:
    """The same search split in two, if one of its groups lists several values; else None."""
    for place, group in enumerate(groups):
        values = [
            value
            for condition in group
            for value in (
                condition.value.split(",") if condition.condition == "in" else [condition.value]
            )
        ]
        is_any_of = all(condition.condition in ("in", "eq") for condition in group)
        if len(values) > 1 and is_any_of and len({condition.field for condition in group}) == 1:
            middle = len(values) // 2
            first, second = (
                [*groups[:place], any_of(group[0].field, half), *groups[place + 1 :]]
                for half in (values[:middle], values[middle:])
            )
            return first, second
    return None
