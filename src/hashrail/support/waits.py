"""Why a withdrawal waits, and until when: one pure function over what was read, for every door.

`waiting.py` reads what it needs. Nothing is guessed: a cause is named only while what it says holds. There may be
several at once, and a withdrawal goes on when none is left. `until` is when a cause ends by itself; None is where
somebody has to do something, or the chain decides.

A partner is told the cause and the moment (`WORDS`); `detail` is for operators, since it has figures of others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from hashrail import clock
from hashrail.bitcoin.coin_selection import PaymentTooLargeError, WalletShortError
from hashrail.bitcoin.findings import Finding
from hashrail.custody.foreign_spends import ForeignSpendError
from hashrail.custody.payout_policy import PayoutPolicy
from hashrail.custody.withdrawals import Withdrawal
from hashrail.money import plain
from hashrail.payouts.batches import PayoutsPausedError, PlanOutdatedError
from hashrail.payouts.fee_bumps import FeeNotRaisedError
from hashrail.payouts.queue import Asked, Today
from hashrail.payouts.run_report import MAX_RUN_TIME, NOT_ENDED, RunReport

Cause = Literal[
    "USER_BLOCKED",
    "APPROVAL",
    "PAYOUTS_PAUSED",
    "FOREIGN_SPEND",
    "NO_NODE",
    "NODE_IN_DOUBT",
    "NO_RUN",
    "COOL_DOWN",
    "BINDING_COOL_DOWN",
    "LIMIT_BELOW_AMOUNT",
    "DAY_FULL",
    "RHYTHM",
    "ADDRESS_REFUSED",
    "FEE_ABOVE_BUDGET",
    "WALLET_SHORT",
    "NEXT_RUN",
    "EXPORTED",
    "TO_BE_SENT",
    "MEMPOOL",
    "FEE_NOT_RAISED",
    "DEPTH",
]
# In the words of a partner, who tells its user.
WORDS: dict[Cause, str] = {
    "USER_BLOCKED": "the operator has blocked the user",
    "APPROVAL": "two people of the operator approve it first",
    "PAYOUTS_PAUSED": "the operator has paused payouts",
    "FOREIGN_SPEND": "the operator looks at a payment that nobody knows",
    "NO_NODE": "the operator pays it with another program",
    "NODE_IN_DOUBT": "something is amiss with the Bitcoin node or its wallet",
    "NO_RUN": "nobody makes payouts at the moment",
    "COOL_DOWN": "the address is new",
    "BINDING_COOL_DOWN": "the address was bound beside another one a short time ago",
    "LIMIT_BELOW_AMOUNT": "the amount is above what may leave in a day",
    "DAY_FULL": "what may leave today has left",
    "RHYTHM": "its batch is paid later",
    "ADDRESS_REFUSED": "the Bitcoin node cannot pay this address",
    "FEE_ABOVE_BUDGET": "the network fee is above the operator's budget",
    "WALLET_SHORT": "the wallet that pays is filled first",
    "NEXT_RUN": "it is due, and the next run pays it",
    "EXPORTED": "another program pays it, and has not been recorded yet",
    "TO_BE_SENT": "its transaction is signed and sent with the next run",
    "MEMPOOL": "its transaction waits for a block",
    "FEE_NOT_RAISED": "its transaction waits for a block, and its fee cannot be raised",
    "DEPTH": "its transaction is in a block, and is final when more have followed",
}
# What a run found that the present facts say better.
TOLD_OTHERWISE = {PayoutsPausedError.code, ForeignSpendError.code, PlanOutdatedError.code, FeeNotRaisedError.code}


@dataclass(frozen=True, slots=True)
class Wait:
    """One cause, until when if it ends by itself, and the figures for an operator."""

    cause: Cause
    until: datetime | None = None
    detail: str = ""

    @property
    def words(self) -> str:
        """The cause in words for a partner."""
        return WORDS[self.cause]


@dataclass(frozen=True, slots=True)
class Scene:
    """What counts for every withdrawal at one moment; `foreign` are spends that nobody knows."""

    now: datetime
    policy: PayoutPolicy
    final_depth: int
    has_node: bool
    foreign: Sequence[str]
    report: RunReport
    today: Today


@dataclass(frozen=True, slots=True)
class Situation:
    """What counts for one of them. `approvals` by people who may still approve count as one until there are two.

    `known_since`: when its user first asked for the address or bound it; `usable_at`: from when a bound one is paid.
    """

    withdrawal: Withdrawal
    asked: Asked
    blocked_at: datetime | None
    approvals: int
    needed: int
    known_since: datetime | None
    usable_at: datetime | None


def why(one: Situation, scene: Scene) -> list[Wait]:
    """What a withdrawal waits for, the most decisive first; nothing for one that is at its end."""
    state = one.withdrawal.state
    if state == "awaiting_approval":
        detail = f"{one.approvals} of {one.needed} have approved"
        return [*_blocked(one), Wait("APPROVAL", detail=detail), *_new_address(one, scene)]
    if state == "queued":
        found = [*_blocked(one), *_stopped(scene), *_new_address(one, scene)]
        found += [*_limited(one, scene), *_early(one, scene)]
        return found or _as_found(one, scene) or [Wait("NEXT_RUN")]
    if state == "exported":
        return [Wait("EXPORTED")]
    return list(_under_way(one, scene))


def until(waits: Sequence[Wait]) -> datetime | None:
    """When all of it has ended by itself; None where that takes somebody, or nothing is waited for."""
    moments = [each.until for each in waits]
    known = [each for each in moments if each is not None]
    return max(known) if known and len(known) == len(moments) else None


def _blocked(one: Situation) -> Iterator[Wait]:
    if one.blocked_at is not None:
        yield Wait("USER_BLOCKED", detail=f"since {clock.iso(one.blocked_at)}")


def _stopped(scene: Scene) -> Iterator[Wait]:
    """What stops every batch."""
    if scene.policy.paused_reason is not None:
        yield Wait("PAYOUTS_PAUSED", detail=scene.policy.paused_reason)
    if scene.foreign:
        yield Wait("FOREIGN_SPEND", detail=", ".join(scene.foreign))
    if not scene.has_node:
        yield Wait("NO_NODE", detail="it waits for hashrail payouts export")
        return
    for found in scene.report.findings:
        if found.code == NOT_ENDED:
            yield Wait("NO_RUN", detail=found.message)
        elif _is_doubt(found):
            yield Wait("NODE_IN_DOUBT", detail=f"{found.code}: {found.message}")


def _is_doubt(found: Finding) -> bool:
    of_a_payment = (WalletShortError.code, PaymentTooLargeError.code)
    return found.stops and found.about is None and found.code not in {*TOLD_OTHERWISE, *of_a_payment}


def _new_address(one: Situation, scene: Scene) -> Iterator[Wait]:
    cooled = scene.now - timedelta(seconds=scene.policy.cooldown_seconds)
    if scene.policy.cooldown_seconds and one.known_since is not None and one.known_since > cooled:
        yield Wait("COOL_DOWN", one.known_since + timedelta(seconds=scene.policy.cooldown_seconds))
    if one.usable_at is not None and one.usable_at > scene.now:
        yield Wait("BINDING_COOL_DOWN", one.usable_at)


def _limited(one: Situation, scene: Scene) -> Iterator[Wait]:
    """Limits of the day; what is above one of them fits into no day."""
    if one.asked.is_too_large:
        least = min(limit for _, limit, _ in _limits(one, scene) if limit is not None)
        yield Wait("LIMIT_BELOW_AMOUNT", detail=f"at most {plain(least)} BTC leave in a day")
        return
    tomorrow = clock.start_of(clock.day_of(scene.now) + clock.ONE_DAY)
    for whose, limit, left in _limits(one, scene):
        if limit is not None and left + one.withdrawal.amount_btc > limit:
            yield Wait("DAY_FULL", tomorrow, f"{plain(left)} of {plain(limit)} BTC left today, of {whose}")


def _limits(one: Situation, scene: Scene) -> list[tuple[str, Decimal | None, Decimal]]:
    """Whose, the limit, and what left of it today."""
    asked, today = one.asked, scene.today
    return [
        ("the user", asked.user_limit, today.users[asked.user]),
        ("the partner", asked.partner_limit, today.partners[asked.due.partner_id]),
        ("everybody", asked.deployment_limit, today.everybody),
    ]


def _early(one: Situation, scene: Scene) -> Iterator[Wait]:
    if not one.asked.is_due:
        yield Wait("RHYTHM", one.asked.due_at, f"{one.withdrawal.speed} ones are paid in batches")


def _as_found(one: Situation, scene: Scene) -> list[Wait]:
    """What the last run found of this one, or of the wallet when it was due already; and whether there was a run."""
    ended_at = scene.report.ended_at
    if ended_at is None or scene.now - ended_at > MAX_RUN_TIME:
        return [Wait("NO_RUN", detail=f"the last run ended {'never' if ended_at is None else clock.iso(ended_at)}")]
    if ended_at < one.asked.due_at:
        return []
    found = []
    for each in scene.report.findings:
        if each.about == one.withdrawal.address and each.code == "ADDRESS_REFUSED":
            found.append(Wait("ADDRESS_REFUSED", detail=each.message))
        elif each.about == one.asked.due.name and each.code == PaymentTooLargeError.code:
            found.append(Wait("FEE_ABOVE_BUDGET", detail=each.message))
        elif each.about in (None, one.asked.due.name) and each.code == WalletShortError.code:
            found.append(Wait("WALLET_SHORT", detail=each.message))
    return found


def _under_way(one: Situation, scene: Scene) -> Iterator[Wait]:
    """What a batch has taken waits for the chain, whatever is decided meanwhile."""
    state, batch = one.withdrawal.state, f"batch {one.withdrawal.batch_id}"
    if state == "signed":
        yield Wait("TO_BE_SENT", detail=batch)
    elif state == "broadcast":
        stuck = [each.message for each in scene.report.findings if each.about == batch]
        yield Wait("FEE_NOT_RAISED", detail=stuck[0]) if stuck else Wait("MEMPOOL", detail=batch)
    elif state == "confirmed":
        yield Wait("DEPTH", detail=f"{one.withdrawal.confirmations} of {scene.final_depth} confirmations, {batch}")
