"""Second factors: the six figures that an operator's code generator shows for half a minute (TOTP, RFC 6238).

An operator gets a secret at the first sign-in and confirms it by a code. From then on each sign-in takes one, and each
code counts once: neither it nor an earlier one opens anything again. The secret is sealed with the master key.
"""

import hmac

import pyotp

from hashrail import clock
from hashrail.db import Reader, Tx
from hashrail.vault import Vault

STEP_SECONDS = 30
# A generator's clock may be half a minute off.
STEPS_AROUND = 1


async def is_confirmed(tx: Reader, operator_id: int) -> bool:
    """Whether the operator has a code generator that has shown a code."""
    found: bool = await tx.fetchval(
        "SELECT EXISTS (SELECT FROM operator_code WHERE operator_id = $1 AND confirmed_at IS NOT NULL)", operator_id
    )
    return found


async def secret_to_confirm(tx: Tx, vault: Vault, operator_id: int) -> str:
    """The secret of a generator that has not shown a code yet, the same until it has."""
    sealed: bytes = await tx.fetchval(
        """INSERT INTO operator_code AS c (operator_id, sealed) VALUES ($1, $2)
           ON CONFLICT (operator_id) DO UPDATE SET sealed = c.sealed WHERE c.confirmed_at IS NULL RETURNING sealed""",
        *(operator_id, vault.seal(pyotp.random_base32().encode())),
    )
    assert sealed is not None, "a secret that is confirmed is shown to nobody"
    return vault.open(sealed).decode()


def address_of(secret: str, name: str, issuer: str) -> str:
    """The otpauth address that generators read."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer)


async def accept(tx: Tx, vault: Vault, operator_id: int, code: str) -> bool:
    """Whether it is a code of the operator's generator that was not used yet; from then on it is."""
    row = await tx.fetchrow(
        "SELECT sealed, last_step FROM operator_code WHERE operator_id = $1 FOR UPDATE", operator_id
    )
    if row is None:
        return False
    generator = pyotp.TOTP(vault.open(row["sealed"]).decode())
    now = clock.wall_millis() // 1000 // STEP_SECONDS
    given = "".join(code.split())
    for step in range(now - STEPS_AROUND, now + STEPS_AROUND + 1):
        if step > row["last_step"] and _shows(generator, step, given):
            await tx.execute(
                """UPDATE operator_code SET last_step = $2, confirmed_at = coalesce(confirmed_at, $3)
                   WHERE operator_id = $1""",
                *(operator_id, step, clock.wall_now()),
            )
            return True
    return False


async def forget(tx: Tx, operator_id: int) -> None:
    """The generator is lost: the next sign-in gives another secret."""
    await tx.execute("DELETE FROM operator_code WHERE operator_id = $1", operator_id)


def _shows(generator: pyotp.TOTP, step: int, given: str) -> bool:
    return hmac.compare_digest(generator.at(step * STEP_SECONDS).encode(), given.encode())
