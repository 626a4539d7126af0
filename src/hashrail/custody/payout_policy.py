"""What the operator asks of payouts: the kill switch, limits of a day, from which amount on two must approve.

Limits delay: what a day has no room for is paid on the next. All amounts are BTC; None is without limit.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from decimal import Decimal
from itertools import starmap
from typing import Any

from hashrail import db
from hashrail.db import Reader, Tx
from hashrail.errors import BadRequestError
from hashrail.money import BTC_DECIMALS, decimals, plain
from hashrail.parties import operators
from hashrail.parties.operators import Operator

MAX_COOLDOWN = timedelta(days=30)
NO_LIMIT = "no limit"
ALL_BITCOIN = 21_000_000
BTC_LIMITS = (
    *("approval_threshold_btc", "partner_approval_btc"),
    *("user_daily_btc", "partner_daily_btc", "deployment_daily_btc"),
)
# What a production deployment begins with, in BTC.
FIRST_LIMITS: dict[str, Any] = {
    "approval_threshold_btc": Decimal("0.1"),
    "partner_approval_btc": Decimal(1),
    "user_daily_btc": Decimal(1),
    "partner_daily_btc": Decimal(5),
    "deployment_daily_btc": Decimal(10),
}


class PayoutPolicyError(BadRequestError):
    """A limit is above zero with at most 8 decimals; a cool-down is at most 30 days."""

    code = "PAYOUT_POLICY"
    advice = "Give BTC above 0 with at most 8 decimals, or none; and for the cool-down 0 to 2592000 seconds."


@dataclass(frozen=True, slots=True)
class PayoutPolicy:
    """A `paused_reason` stops everything that signs or sends. A new address waits for `cooldown_seconds`.

    From `approval_threshold_btc` on two approve, counted over 24 hours by user and by address; from
    `partner_approval_btc` on, counted by partner (`withdrawal_sums.py`).
    """

    paused_reason: str | None
    approval_threshold_btc: Decimal | None
    partner_approval_btc: Decimal | None
    user_daily_btc: Decimal | None
    partner_daily_btc: Decimal | None
    deployment_daily_btc: Decimal | None
    cooldown_seconds: int

    def lacking(self) -> list[str]:
        """Where there is no limit, in words."""
        return [what for what, limit in self.rules() if limit == NO_LIMIT]

    def limits(self) -> dict[str, object]:
        """Everything but the kill switch, by name."""
        return {name: value for name, value in asdict(self).items() if name != "paused_reason"}

    def with_limits(self, values: Mapping[str, Any]) -> "PayoutPolicy":
        """The same with other limits, as `limits` names them and JSON has them."""
        btc: dict[str, Any] = {name: None if values[name] is None else Decimal(values[name]) for name in BTC_LIMITS}
        return replace(self, **btc, cooldown_seconds=values["cooldown_seconds"])

    def is_looser(self, than: "PayoutPolicy") -> bool:
        """Whether it lets anything through that the other does not."""
        pairs = [(getattr(self, name), getattr(than, name)) for name in BTC_LIMITS]
        return self.cooldown_seconds < than.cooldown_seconds or any(starmap(is_higher_limit, pairs))

    def rules(self) -> list[tuple[str, str]]:
        """Each rule in words, and what it is."""
        limits = (
            ("two approve above", self.approval_threshold_btc),
            ("two approve above, of a partner", self.partner_approval_btc),
            ("a user's day", self.user_daily_btc),
            ("a partner's day", self.partner_daily_btc),
            ("everybody's day", self.deployment_daily_btc),
        )
        rules = [(what, NO_LIMIT if limit is None else f"{plain(limit)} BTC") for what, limit in limits]
        return [*rules, ("a new address waits", f"{self.cooldown_seconds} seconds")]


async def get(tx: Reader) -> PayoutPolicy:
    """The present policy."""
    row = await tx.fetchrow(
        """SELECT paused_reason, approval_threshold_btc, partner_approval_btc, user_daily_btc, partner_daily_btc,
                  deployment_daily_btc, cooldown_seconds FROM payout_policy WHERE id = 1"""
    )
    assert row is not None, "the schema comes with a policy"
    return db.record(PayoutPolicy, row)


async def hold(tx: Tx) -> PayoutPolicy:
    """The present policy, which nobody else changes until the transaction ends."""
    await tx.execute("SELECT 1 FROM payout_policy WHERE id = 1 FOR UPDATE")
    return await get(tx)


def check(policy: PayoutPolicy) -> None:
    """Raises PayoutPolicyError."""
    for name in BTC_LIMITS:
        check_amount(getattr(policy, name))
    if not 0 <= policy.cooldown_seconds <= MAX_COOLDOWN // timedelta(seconds=1):
        raise PayoutPolicyError(f"{policy.cooldown_seconds} seconds are not 0 to {MAX_COOLDOWN.days} days")


async def put(tx: Tx, operator: Operator | None, policy: PayoutPolicy) -> None:
    """Change limits, threshold and cool-down; the kill switch stays as it is, and the same again is a no-op.

    Raises PayoutPolicyError.
    """
    check(policy)
    before = await hold(tx)
    changes = [what for what, was in zip(policy.rules(), before.rules(), strict=True) if what != was]
    if not changes:
        return
    await tx.execute(
        """UPDATE payout_policy SET approval_threshold_btc = $1, partner_approval_btc = $2, user_daily_btc = $3,
                  partner_daily_btc = $4, deployment_daily_btc = $5, cooldown_seconds = $6, revision = revision + 1
           WHERE id = 1""",
        policy.approval_threshold_btc,
        policy.partner_approval_btc,
        policy.user_daily_btc,
        policy.partner_daily_btc,
        policy.deployment_daily_btc,
        policy.cooldown_seconds,
    )
    subject = ", ".join(f"{what}: {limit}" for what, limit in changes)
    await operators.note(tx, operator, "payout policy", subject, before=asdict(before), after=asdict(policy))


async def begin(tx: Tx) -> None:
    """Give a production deployment its first limits, where it has no partner yet and nobody has set any."""
    present = await hold(tx)
    is_new = await tx.fetchval(
        """SELECT revision = 0 AND NOT EXISTS (SELECT 1 FROM partner) FROM payout_policy WHERE id = 1"""
    )
    if is_new and not any(getattr(present, name) for name in BTC_LIMITS):
        await put(tx, None, replace(present, **FIRST_LIMITS))


async def set_partner_limit(tx: Tx, operator: Operator | None, partner_id: int, daily_btc: Decimal | None) -> None:
    """What the partner's users may withdraw in a day, in place of the limit of all; the same again is a no-op.

    Raises PayoutPolicyError.
    """
    check_amount(daily_btc)
    was = await partner_limit(tx, partner_id)
    if daily_btc == was:
        return
    await tx.execute("UPDATE payout_policy SET revision = revision + 1 WHERE id = 1")
    await tx.execute("UPDATE partner SET payouts_daily_btc = $2 WHERE id = $1", partner_id, daily_btc)
    await operators.note(
        tx,
        operator,
        "partner's payout limit",
        f"{partner_id}: {'no own limit' if daily_btc is None else plain(daily_btc) + ' BTC'}",
        before={"daily_btc": was},
        after={"daily_btc": daily_btc},
    )


async def partner_limit(tx: Reader, partner_id: int) -> Decimal | None:
    """The partner's own limit of a day, if it has one."""
    limit: Decimal | None = await tx.fetchval("SELECT payouts_daily_btc FROM partner WHERE id = $1", partner_id)
    return limit


async def pause(tx: Tx, operator: Operator | None, reason: str) -> None:
    """Sign and send nothing from the next commit on. Every operator may; again takes the new reason.

    Raises ReasonMissingError.
    """
    was = (await hold(tx)).paused_reason
    if was == reason:
        return
    await tx.execute("UPDATE payout_policy SET paused_reason = $1 WHERE id = 1", reason)
    before, after = {"paused_reason": was}, {"paused_reason": reason}
    await operators.note(tx, operator, "payouts paused", "payouts", reason, before=before, after=after)


async def resume(tx: Tx, operator: Operator) -> None:
    """Let payouts go on; again is a no-op."""
    was = (await hold(tx)).paused_reason
    if was is None:
        return
    await tx.execute("UPDATE payout_policy SET paused_reason = NULL WHERE id = 1")
    before, after = {"paused_reason": was}, {"paused_reason": None}
    await operators.note(tx, operator, "payouts resumed", "payouts", before=before, after=after)


async def may_resume_alone(tx: Reader, operator: Operator) -> bool:
    """Whether nobody else has paused since payouts last went on: who alone has stopped them knows why."""
    others: bool = await tx.fetchval(
        """SELECT EXISTS (SELECT 1 FROM operator_action a WHERE a.action = 'payouts paused'
                          AND a.operator_id IS DISTINCT FROM $1
                          AND a.id > coalesce((SELECT max(r.id) FROM operator_action r
                                               WHERE r.action = 'payouts resumed'), 0))""",
        operator.id,
    )
    return not others


def is_higher_limit(limit: Decimal | None, than: Decimal | None) -> bool:
    """Whether a limit lets more through than another; None is without limit."""
    return than is not None and (limit is None or limit > than)


def check_amount(amount: Decimal | None) -> None:
    """Raises PayoutPolicyError for what cannot be a limit."""
    if amount is not None and (not 0 < amount <= ALL_BITCOIN or decimals(amount) > BTC_DECIMALS):
        raise PayoutPolicyError(f"{plain(amount)} BTC cannot be a limit")
