"""Clients of the remotes for commands, which share the workers' quotas."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.cli.common import Installation, NotFound

if TYPE_CHECKING:
    from pipeline.base.lease import Leases
    from pipeline.base.vault import Vault
    from pipeline.clients import Clients


@dataclass(frozen=True, slots=True)
class Remotes:
    """The clients of the remotes, and the vault that opens stored data."""

    clients: Clients
    leases: Leases
    vault: Vault


@contextmanager
def remotes(installation: Installation) -> Iterator[Remotes]:
    """Clients of the installation's accounts and shops; their errors become sentences."""
    import redis

    from pipeline import clients
    from pipeline.base.errors import RemoteError
    from pipeline.base.lease import Leases
    from pipeline.base.shared_clock import SharedClock
    from pipeline.base.vault import Vault
    from pipeline.monitoring.read_only import Writes
    from pipeline.orders.ledger import Ledger
    from pipeline.orders.order_words import WordKeeper

    settings = installation.settings
    vault = Vault(*settings.master_keys)
    broker = settings.broker.client()
    try:
        now = SharedClock(installation.sessions)
        sessions = installation.sessions
        ask, words = Writes(settings, sessions, now).ask, WordKeeper(sessions, vault)
        ledger = Ledger(sessions, now, ask, words)
        built = clients.build(settings, ledger, broker, installation.sessions, vault.pseudonym, now)
        yield Remotes(built, Leases(broker, settings.timing.lease_s), vault)
    except RemoteError as error:
        raise NotFound(f"Amazon or Magento gave no usable answer: {error}") from error
    except redis.RedisError as error:
        raise NotFound(
            f"the broker of ORDERBRIDGE_REDIS_URL does not answer ({type(error).__name__})"
        ) from error
    finally:
        broker.close()
