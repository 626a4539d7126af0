"""What the operator asks of payouts: the kill switch, limits of a day, from which amount on two must approve.

Limits delay: what a day has no room for is paid on the next. All amounts are BTC; None is without limit.
"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from hashrail import operators
from hashrail.db import Reader, Tx
from hashrail.errors import BadRequestError
from hashrail.money import BTC_DECIMALS, decimals, plain
from hashrail.operators import Operator

LONGEST_COOLDOWN = timedelta(days=30)
ALL_BITCOIN = 21_000_000


class PayoutPolicyError(BadRequestError):
    """A limit is above zero with at most 8 decimals; a cool-down is at most 30 days."""

    code = "PAYOUT_POLICY"
    advice = "Give BTC above 0 with at most 8 decimals, or none; and for the cool-down 0 to 2592000 seconds."


@dataclass(frozen=True, slots=True)
class PayoutPolicy:
    """A `paused_reason` stops everything that signs or sends. A new address waits for `cooldown_seconds`."""

    paused_reason: str | None
    approval_threshold_btc: Decimal | None
    user_daily_btc: Decimal | None
    partner_daily_btc: Decimal | None
    deployment_daily_btc: Decimal | None
    cooldown_seconds: int

    def told(self) -> list[tuple[str, str]]:
        """Each rule in words, and what it is."""
        limits = (
            ("two approve above", self.approval_threshold_btc),
            ("a user's day", self.user_daily_btc),
            ("a partner's day", self.partner_daily_btc),
            ("everybody's day", self.deployment_daily_btc),
        )
        told = [(what, "no limit" if limit is None else f"{plain(limit)} BTC") for what, limit in limits]
        return [*told, ("a new address waits", f"{self.cooldown_seconds} seconds")]


async def get(tx: Reader) -> PayoutPolicy:
    """The present policy."""
    row = await tx.fetchrow(
        """SELECT paused_reason, approval_threshold_btc, user_daily_btc, partner_daily_btc, deployment_daily_btc,
                  cooldown_seconds FROM payout_policy WHERE id = 1"""
    )
    assert row is not None, "the schema comes with a policy"
    return PayoutPolicy(*row.values())


async def hold(tx: Tx) -> PayoutPolicy:
    """The present policy, which nobody else changes until the transaction ends."""
    await tx.execute("SELECT FROM payout_policy WHERE id = 1 FOR UPDATE")
    return await get(tx)


async def put(tx: Tx, operator: Operator, policy: PayoutPolicy) -> None:
    """Change limits, threshold and cool-down; the kill switch stays as it is, and the same again is a no-op.

    Raises PayoutPolicyError.
    """
    amounts = (
        policy.approval_threshold_btc,
        policy.user_daily_btc,
        policy.partner_daily_btc,
        policy.deployment_daily_btc,
    )
    for amount in amounts:
        _check_amount(amount)
    if not 0 <= policy.cooldown_seconds <= LONGEST_COOLDOWN // timedelta(seconds=1):
        raise PayoutPolicyError(f"{policy.cooldown_seconds} seconds are not 0 to {LONGEST_COOLDOWN.days} days")
    before = await hold(tx)
    changes = [what for what, was in zip(policy.told(), before.told(), strict=True) if what != was]
    if not changes:
        return
    await tx.execute(
        """UPDATE payout_policy SET approval_threshold_btc = $1, user_daily_btc = $2, partner_daily_btc = $3,
                  deployment_daily_btc = $4, cooldown_seconds = $5, revision = revision + 1 WHERE id = 1""",
        *amounts,
        policy.cooldown_seconds,
    )
    await operators.note(tx, operator, "payout policy", ", ".join(f"{what}: {limit}" for what, limit in changes))


async def set_partner_limit(tx: Tx, operator: Operator | None, partner_id: int, daily_btc: Decimal | None) -> None:
    """What the partner's users may withdraw in a day, in place of the limit of all; the same again is a no-op.

    Raises PayoutPolicyError.
    """
    _check_amount(daily_btc)
    if daily_btc == await partner_limit(tx, partner_id):
        return
    await tx.execute("UPDATE payout_policy SET revision = revision + 1 WHERE id = 1")
    await tx.execute("UPDATE partner SET payouts_daily_btc = $2 WHERE id = $1", partner_id, daily_btc)
    await operators.note(
        tx,
        operator,
        "partner's payout limit",
        f"{partner_id}: {'no own limit' if daily_btc is None else plain(daily_btc) + ' BTC'}",
    )


async def partner_limit(tx: Reader, partner_id: int) -> Decimal | None:
    """The partner's own limit of a day, if it has one."""
    limit: Decimal | None = await tx.fetchval("SELECT payouts_daily_btc FROM partner WHERE id = $1", partner_id)
    return limit


async def pause(tx: Tx, reason: str) -> None:
    """Sign and send nothing from the next commit on. Whoever has the shell may; again takes the new reason.

    Raises ReasonMissingError.
    """
    new = await tx.fetchval(
        """UPDATE payout_policy SET paused_reason = $1 WHERE id = 1 AND paused_reason IS DISTINCT FROM $1
           RETURNING true""",
        reason,
    )
    if new is not None:
        await operators.note(tx, None, "payouts paused", "payouts", reason)


async def resume(tx: Tx, operator: Operator) -> None:
    """Let payouts go on; again is a no-op."""
    paused = await tx.fetchval(
        "UPDATE payout_policy SET paused_reason = NULL WHERE id = 1 AND paused_reason IS NOT NULL RETURNING true"
    )
    if paused is not None:
        await operators.note(tx, operator, "payouts resumed", "payouts")


def _check_amount(amount: Decimal | None) -> None:
    if amount is not None and (not 0 < amount <= ALL_BITCOIN or decimals(amount) > BTC_DECIMALS):
        raise PayoutPolicyError(f"{plain(amount)} BTC cannot be a limit")
