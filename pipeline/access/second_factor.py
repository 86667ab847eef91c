"""The second factor: codes of an app by time (TOTP, RFC 6238), and recovery codes on paper.

The secret is sealed under a key of its own, which the master key wraps; both are bound to the
person. Of recovery codes only digests are kept: each has 79 bits, which nobody guesses.
"""

from __future__ import annotations

import hashlib
import secrets
import string
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from pyotp import TOTP, random_base32
from pyotp.utils import strings_equal
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.access.errors import NotAllowed
from pipeline.access.people import named
from pipeline.access.tables import PersonRecord, SecondFactor
from pipeline.base.db import Sessions
from pipeline.base.master_keys import Unreadable
from pipeline.base.security_log import Action, Signature, record
from pipeline.base.vault import SealedColumn, Vault

RECOVERY_CODES = 10
_STEP_S = 30
_TOLERATED_STEPS = 1
# Digits alone: the field for codes offers a phone's keys for numbers.
_GROUPS, _GROUP = 6, 4


def new_secret() -> str:
    """A secret for an app, of 160 bits."""
    return random_base32()


def address_of(secret: str, name: str) -> str:
    """The otpauth: address by which an app takes the secret in."""
    return TOTP(secret).provisioning_uri(name=name, issuer_name="Orderbridge")


class SecondFactors:
    """Keeps and checks the second factors, and records their changes in the security log."""

    def __init__(self, sessions: Sessions, vault: Vault) -> None:
        self._sessions = sessions
        self._vault = vault

    def holders(self) -> frozenset[int]:
        """The ids of the people who have a second factor."""
        with self._sessions() as session:
            return frozenset(session.scalars(select(SecondFactor.person_id)))

    def recovery_codes_left(self, person_id: int) -> int | None:
        """How many recovery codes are unused; None without a second factor."""
        with self._sessions() as session:
            return session.scalar(
                select(func.cardinality(SecondFactor.recovery_digests)).where(
                    SecondFactor.person_id == person_id
                )
            )

    def set_up(self, person_id: int, secret: str, code: str, by: Signature) -> Sequence[str] | None:
        """Take the secret in place of any before, if the code is right for it now.

        Returns the new recovery codes, which are shown once; None if the code is wrong.
        """
        step = _step_of(secret, code, by.at, after=0)
        if step is None:
            return None
        codes = [_new_recovery_code() for _ in range(RECOVERY_CODES)]
        owner = _owner(person_id)
        key = self._vault.new_key(owner)
        with self._sessions() as session, session.begin():
            person = session.get_one(PersonRecord, person_id, with_for_update=True)
            session.merge(
                SecondFactor(
                    person_id=person_id,
                    wrapped_key=key,
                    sealed=self._vault.seal(
                        key, owner, SealedColumn.SECOND_FACTOR, {"secret": secret}
                    ),
                    last_step=step,
                    recovery_digests=[_digest(person_id, one) for one in codes],
                    set_up_at=by.at,
                )
            )
            _record(session, by, Action.SECOND_FACTOR_SET_UP, person.name)
        return codes

    def accept(self, person_id: int, code: str, address: str, now: datetime) -> bool:
        """Whether the code is right and was not used before; from now on it is used.

        A code of the app, of this half minute, the one before or the next; or a recovery code.
        """
        with self._sessions() as session, session.begin():
            factor = session.get(SecondFactor, person_id, with_for_update=True)
            if factor is None:
                return False
            step = None
            # Recovery codes count also where the master key is another one.
            with suppress(Unreadable):
                kept = self._vault.open(
                    factor.wrapped_key, _owner(person_id), SealedColumn.SECOND_FACTOR, factor.sealed
                )
                step = _step_of(kept["secret"], code, now, after=factor.last_step)
            if step is not None:
                factor.last_step = step
                return True
            digest = _digest(person_id, code)
            if digest not in factor.recovery_digests:
                return False
            left = [one for one in factor.recovery_digests if one != digest]
            factor.recovery_digests = left
            name = session.get_one(PersonRecord, person_id).name
            by = Signature(name, address, now)
            _record(session, by, Action.RECOVERY_CODE_USED, name, left=len(left))
            return True

    def reset(self, name: str, by: Signature) -> None:
        """Delete a person's second factor; they set up another at the next sign-in if they need
        one. Raises NotAllowed."""
        with self._sessions() as session, session.begin():
            person = named(session, name)
            factor = session.get(SecondFactor, person.id, with_for_update=True)
            if factor is None:
                raise NotAllowed(f"{person.name} has no second factor")
            session.delete(factor)
            _record(session, by, Action.SECOND_FACTOR_RESET, person.name)


def _step_of(secret: str, code: str, now: datetime, *, after: int) -> int | None:
    """The time step of which the code is, if it is tolerated and later than `after`."""
    typed = "".join(unicodedata.normalize("NFKC", code).split())
    present = int(now.timestamp()) // _STEP_S
    app = TOTP(secret, interval=_STEP_S)
    for step in range(present - _TOLERATED_STEPS, present + _TOLERATED_STEPS + 1):
        if step > after and strings_equal(app.generate_otp(step), typed):
            return step
    return None


def _new_recovery_code() -> str:
    return "-".join(
        "".join(secrets.choice(string.digits) for _ in range(_GROUP)) for _ in range(_GROUPS)
    )


def _digest(person_id: int, code: str) -> bytes:
    typed = "".join(sign for sign in unicodedata.normalize("NFKC", code) if sign.isalnum())
    return hashlib.sha256(f"recovery code of {person_id}: {typed}".encode()).digest()


def _owner(person_id: int) -> str:
    """What the sealed secret is bound to."""
    return f"people {person_id} second_factors.sealed"


def _record(session: Session, by: Signature, action: Action, name: str, **facts: str | int) -> None:
    record(
        session,
        at=by.at,
        person=by.person,
        address=by.address,
        action=action,
        object=f"person {name}",
        facts=facts,
    )
