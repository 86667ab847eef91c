"""Formats values for the reader of a page."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from babel.dates import format_date, format_skeleton, format_time
from babel.numbers import format_decimal, get_decimal_symbol

from pipeline.base.money import written
from pipeline.console.languages import gettext as _
from pipeline.console.reader import reader
from pipeline.operations.lists.counts import Count

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def utc(at: datetime) -> str:
    """A time to the minute, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


def day(at: datetime | date) -> str:
    """The reader's day of a time; a day that has no time is the same for everybody."""
    who = reader()
    own = at.astimezone(who.zone) if isinstance(at, datetime) else at
    return f"{own:%Y-%m-%d}" if who.is_plain else format_date(own, locale=who.locale)


def local(at: datetime) -> str:
    """A time to the minute, in the reader's zone."""
    return f"{day(at)} {_clock(at)}"


def short(at: datetime, now: datetime) -> str:
    """A time for a narrow column: the hour in this year, the year instead in any other."""
    who = reader()
    own, today = at.astimezone(who.zone), now.astimezone(who.zone)
    is_this_year = own.year == today.year
    if who.is_plain:
        return f"{own.day} {own:%b} " + (f"{own:%H:%M}" if is_this_year else f"{own:%Y}")
    if is_this_year:
        return f"{format_skeleton('MMMd', own, locale=who.locale)} {_clock(at)}"
    return format_skeleton("yMMMd", own, locale=who.locale)


def _clock(at: datetime) -> str:
    who = reader()
    own = at.astimezone(who.zone)
    return f"{own:%H:%M}" if who.is_plain else format_time(own, "short", locale=who.locale)


def ago(at: datetime, now: datetime) -> str:
    """The distance to a time: in 5 h, 3 d ago, now."""
    distance = abs(at - now)
    if distance < _MINUTE:
        return _("now")
    if distance < _HOUR:
        amount = _("%(number)s min", number=distance // _MINUTE)
    elif distance < 2 * _DAY:
        amount = _("%(number)s h", number=distance // _HOUR)
    else:
        amount = _("%(number)s d", number=distance // _DAY)
    return _("in %(time)s", time=amount) if at > now else _("%(time)s ago", time=amount)


def lasting(time: timedelta) -> str:
    """A duration: 40 ms, 2.5 s, 3 min."""
    seconds = time.total_seconds()
    if seconds < 1:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 100:
        return f"{seconds:.1f} s".replace(".", get_decimal_symbol(reader().locale))
    return _("%(number)s min", number=round(seconds / 60))


def spaced(code: str) -> str:
    """A code such as PARTIALLY_SHIPPED or create_order in small letters, with spaces, in the
    reader's language if the catalogue has it."""
    return _(code.replace("_", " ").lower())


def number(value: int | Decimal | Count) -> str:
    """A number with the reader's separators."""
    if isinstance(value, Count):
        return f"{number(value.number)}{'+' if value.is_more else ''}"
    return format_decimal(value, locale=reader().locale)


def price(amount: Decimal | None, currency: str | None) -> str:
    """An amount with its currency, unrounded; empty while either is unknown."""
    if amount is None or currency is None:
        return ""
    whole, _point, part = written(amount, currency).lstrip("-").partition(".")
    sign = "-" if amount < 0 else ""
    decimals = get_decimal_symbol(reader().locale) + part if part else ""
    return f"{sign}{number(int(whole))}{decimals} {currency}"
