"""The six figures that a code generator shows for half a minute (TOTP, RFC 6238)."""

import hmac

import pyotp

from hashrail import clock

STEP_SECONDS = 30
# A generator's clock may be half a minute off.
STEPS_AROUND = 1


def new_secret() -> bytes:
    """The secret of a new generator, to be sealed."""
    return pyotp.random_base32().encode()


def address_of(secret: str, name: str, issuer: str) -> str:
    """The otpauth address that generators read."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer)


def step_of(secret: bytes, code: str, *, after: int) -> int | None:
    """The half minute whose code this is, later than the one that was used last; None where it is no such code."""
    generator, given = pyotp.TOTP(secret.decode()), "".join(code.split())
    now = clock.wall_millis() // 1000 // STEP_SECONDS
    around = range(now - STEPS_AROUND, now + STEPS_AROUND + 1)
    return next((step for step in around if step > after and _shows(generator, step, given)), None)


def _shows(generator: pyotp.TOTP, step: int, given: str) -> bool:
    return hmac.compare_digest(generator.at(step * STEP_SECONDS).encode(), given.encode())
