"""Passwords of operators, kept as argon2id digests: each guess costs memory and time on purpose.

Releases before kept scrypt digests. They count as they are, and `is_outdated` tells whoever has the password at hand to
make a new one.
"""

import asyncio
import hmac
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from hashlib import scrypt

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from hashrail.errors import BadRequestError

LEAST_PASSWORD = 12
# The library's own choice, which is RFC 9106's for machines with little memory: 64 MiB, three passes, four lanes.
HASHER = PasswordHasher()
MAX_SCRYPT_MEMORY = 64 * 2**20
# However many sign in at once, two are computed at a time: they take 128 MiB together.
_THREADS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="password")


class PasswordTooShortError(BadRequestError):
    """A password has at least 12 characters."""

    code = "PASSWORD_TOO_SHORT"
    advice = "Take a longer one, or let the command make one."


async def digest_of(password: str) -> str:
    """What is kept of a password. Raises PasswordTooShortError."""
    if len(password) < LEAST_PASSWORD:
        raise PasswordTooShortError(f"a password has at least {LEAST_PASSWORD} characters", field="password")
    return await asyncio.get_running_loop().run_in_executor(_THREADS, HASHER.hash, password)


async def matches(password: str, kept: str | None) -> bool:
    """Whether a password is the one of a digest; without a digest it costs as much time, and is not."""
    of_nobody = _of_nobody(HASHER)
    asked = of_nobody if kept is None else kept
    found = await asyncio.get_running_loop().run_in_executor(_THREADS, _verify, password, asked)
    return found and kept is not None


def still_counts(kept: str | None, digest: str | None) -> bool:
    """Whether the digest that a password was compared with is the one that is kept now."""
    return kept is not None and digest is not None and hmac.compare_digest(kept, digest)


def is_outdated(kept: str) -> bool:
    """Whether a digest was made otherwise than digests are made now."""
    return not kept.startswith("$argon2id$") or HASHER.check_needs_rehash(kept)


@lru_cache(maxsize=2)
def _of_nobody(hasher: PasswordHasher) -> str:
    return hasher.hash("nobody has this password")


def _verify(password: str, kept: str) -> bool:
    if not kept.startswith("$argon2"):
        return _verify_scrypt(password, kept)
    try:
        return HASHER.verify(kept, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


def _verify_scrypt(password: str, kept: str) -> bool:
    """A digest of an older release: cost, block size, lanes, salt and digest."""
    parts = kept.split(":")
    if len(parts) != 5:
        return False
    cost, blocks, lanes, salt, digest = parts
    expected = bytes.fromhex(digest)
    made = scrypt(
        password.encode(),
        salt=bytes.fromhex(salt),
        n=int(cost),
        r=int(blocks),
        p=int(lanes),
        maxmem=MAX_SCRYPT_MEMORY,
        dklen=len(expected),
    )
    return hmac.compare_digest(made, expected)
