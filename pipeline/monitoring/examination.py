"""All that `orderbridge doctor` checks, part by part: the installation, each account, each shop.

A run of it has an end: no call is tried twice, and no check begins once its time is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import redis

from pipeline.base.clock import elapsed, utc_now
from pipeline.base.db import Sessions
from pipeline.base.http import Http
from pipeline.base.retry import no_try_after
from pipeline.magento.client import Magento
from pipeline.monitoring.doctor import examine_account, examine_feeds, examine_installation
from pipeline.monitoring.doctor_checks import Finding, examine, patient_of
from pipeline.monitoring.invoice_checks import examine_invoices
from pipeline.monitoring.money_checks import examine_money
from pipeline.settings.model import Settings

LONGEST_S = 60.0
"""After this time no further check begins. One that runs ends by its own limits."""
_CALL_S = 10.0


@dataclass(frozen=True, slots=True)
class Part:
    """What is examined, and how: each finding is made when it is asked for."""

    about: str
    findings: Callable[[], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Examined:
    """A part that begins, its `number` of `parts`; or a finding of it."""

    about: str
    number: int
    parts: int
    finding: Finding | None = None
    is_out_of_time: bool = False


def installation_and_accounts(
    settings: Settings, sessions: Sessions, broker: redis.Redis
) -> Sequence[Part]:
    """Everything but the shops."""
    return [
        Part("installation", lambda: examine_installation(settings, sessions, broker)),
        *(_account(settings, sessions, name, broker) for name in settings.accounts),
    ]


def shops(settings: Settings) -> Sequence[Part]:
    """The shops, each with short time limits."""
    return [_shop(settings, name) for name in settings.shops]


def within_a_minute(
    parts: Sequence[Part], clock: Callable[[], float] = elapsed
) -> Iterator[Examined]:
    """Examine the parts in turn, as far as a minute goes."""
    ends_at = clock() + LONGEST_S
    for number, part in enumerate(parts, 1):
        at = (part.about, number, len(parts))
        yield Examined(*at)
        findings = part.findings()
        while True:
            if clock() >= ends_at:
                yield Examined(*at, is_out_of_time=True)
                return
            with no_try_after(0.0):
                finding = next(findings, None)
            if finding is None:
                break
            yield Examined(*at, finding)


def _account(settings: Settings, sessions: Sessions, name: str, broker: redis.Redis) -> Part:
    def findings() -> Iterator[Finding]:
        if settings.accounts[name].finances != "off":
            yield from examine_money(sessions, name, utc_now())
        yield examine_feeds(name, settings.accounts[name])
        yield from examine_invoices(settings, name)
        yield examine_account(name, settings.accounts[name], broker, utc_now())

    return Part(f"account {name}", findings)


def _shop(settings: Settings, name: str) -> Part:
    def findings() -> Iterator[Finding]:
        shop = settings.shops[name]
        http = Http(str(shop.base_url), read_timeout_s=_CALL_S, total_timeout_s=_CALL_S)
        yield from examine(patient_of(settings, name, Magento(name, shop, http=http, now=utc_now)))

    return Part(f"shop {name}", findings)
