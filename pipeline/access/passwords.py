"""Passwords: which are accepted, how they are kept and checked, and how long they last."""

from __future__ import annotations

import re
import unicodedata
from datetime import timedelta
from functools import cache
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from pipeline.access.errors import Busy, NotAllowed

SHORTEST, LONGEST = 12, 256
ONE_TIME_FOR = timedelta(hours=72)
"""How long a password that somebody else has set can be used, and once only."""
FORMER_KEPT = 4
"""So many passwords before the present one are not taken again."""
_SERVICE = "orderbridge"
# A part of a name that is shorter is in too many words.
_SHORTEST_PART = 3
# Of zxcvbn's five grades, from 0: below this one fewer than 10^8 guesses are needed.
_HARD_TO_GUESS = 3
# It tries every reading of signs that stand for letters: minutes, for a long password of many. A
# beginning that is hard to guess is enough, and each letter keeps about one sign.
_GRADED = 32
_SIGNS = str.maketrans("@{[<!|$+", "4(((1157")
# A check takes 64 MiB and some 50 ms: many attempts at once must not use up the machine.
_AT_ONCE = BoundedSemaphore(2)
_LONGEST_QUEUE_S = 2.0
_hasher = PasswordHasher()


def hashed(password: str, name: str) -> str:
    """The hash to keep of a new password. Raises NotAllowed."""
    plain = _normal(password)
    if not SHORTEST <= len(plain) <= LONGEST:
        raise NotAllowed(
            f"a password has {SHORTEST} to {LONGEST} characters; several words are easiest to "
            "remember"
        )
    for part in (*re.split(r"[\W_]+", _normal(name).casefold()), _SERVICE):
        if len(part) >= _SHORTEST_PART and part in plain.casefold():
            raise NotAllowed(
                f"the password must not contain “{part}”, which is a part of the name or the name "
                "of this service: leave it out"
            )
    if _is_guessed_soon(plain):
        raise NotAllowed(
            "the password is among those that are guessed first, or is made of such: take several "
            "words that do not belong together"
        )
    return _hasher.hash(plain)


def fits(kept: str, password: str) -> bool:
    """Whether the password is that of the hash. Raises Busy."""
    if not _AT_ONCE.acquire(timeout=_LONGEST_QUEUE_S):
        raise Busy
    try:
        return _hasher.verify(kept, _normal(password)[: LONGEST + 1])
    except (VerificationError, InvalidHashError):
        return False
    finally:
        _AT_ONCE.release()


def renewed(kept: str, password: str) -> str | None:
    """The hash of a password that fits, made anew; None if the kept hash is as hashes are today."""
    return _hasher.hash(_normal(password)) if _hasher.check_needs_rehash(kept) else None


@cache
def of_nobody() -> str:
    """A hash to check the password of an unknown name against, which takes as long."""
    return _hasher.hash("the password of nobody at all")


def _is_guessed_soon(plain: str) -> bool:
    # Its lists of words are read only where a password is set.
    from zxcvbn import zxcvbn

    return int(zxcvbn(plain[:_GRADED].translate(_SIGNS))["score"]) < _HARD_TO_GUESS


def _normal(password: str) -> str:
    """The password in Unicode's normal form, since keyboards compose characters differently."""
    return unicodedata.normalize("NFKC", password)
