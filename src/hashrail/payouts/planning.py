"""What a batch would pay, and with which coins: a read, which promises nothing.

Before it stands the queue (`queue.py`), which knows what is due; after it `processor.pay`, which signs the plan, looks
again, stores it and sends it. The books are read in one snapshot, an `Outlook`, which serves the plans of both speeds.
Once a batch of ours is stored, the outlook goes on without what that pays, for some seconds: a long queue is not read
anew for each batch of it, and whoever stores asks again for every withdrawal whether it may be paid. What a plan leaves
out, and why, is answered beside it as findings.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from decimal import Decimal

from hashrail import business_clock, clock, db
from hashrail.bitcoin import coin_selection
from hashrail.bitcoin.coin_selection import PaymentTooLargeError, WalletShortError
from hashrail.bitcoin.findings import Finding
from hashrail.bitcoin.records import Coin, Outpoint
from hashrail.custody import payout_policy
from hashrail.custody.withdrawals import Speed
from hashrail.db import Pool, Reader
from hashrail.deployment.opened import Deployment
from hashrail.money import ZERO
from hashrail.payouts import batches
from hashrail.payouts import queue as queue_module
from hashrail.payouts.batches import Due, Latest, Number, Plan
from hashrail.payouts.queue import Beginning, Queue, Rhythm, Waiting
from hashrail.settings import Settings

FEE_BLOCKS: dict[Speed, int] = {"fast": 3, "daily": 12}
# How long an outlook serves.
OUTLOOK_SECONDS = 10
# A plan that fits in no transaction is made smaller; so many withdrawals may fit in none before the run goes on.
MAX_OVERSIZED = 20


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the books say at one moment: what waits, what is promised already, and what was the latest by then."""

    waiting: Waiting
    pinned: Set[Outpoint]
    latest: Latest
    read_at_seconds: float
    is_told: bool = False

    @property
    def is_fresh(self) -> bool:
        """Whether it was read a short while ago."""
        return clock.monotonic() - self.read_at_seconds < OUTLOOK_SECONDS

    def after(self, plan: Plan, batch_id: int) -> "Outlook":
        """What the books say since a batch was stored by that plan; storing the next finds what else has happened."""
        pinned = self.pinned | {coin.outpoint for coin in plan.inputs}
        latest = replace(plan.latest, batch_id=batch_id)
        return Outlook(self.waiting.after(plan.due), pinned, latest, self.read_at_seconds, is_told=True)

    @property
    def findings(self) -> list[Finding]:
        """What can be paid on no day at all; told once."""
        if self.is_told:
            return []
        return [
            Finding("LIMIT_BELOW_AMOUNT", f"no day has room for {one.name}", about=one.name)
            for one in self.waiting.too_large
        ]


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, None where nothing is due or fits, and what waits and why.

    `shortage` says what the wallet does not cover; once in a run is enough, whichever plan comes upon it first.
    """

    plan: Plan | None
    findings: Sequence[Finding] = ()
    shortage: Finding | None = None


@dataclass(frozen=True, slots=True)
class _Fit:
    """The oldest withdrawals that one transaction can pay, and its coins; or the one that fits in none, and why."""

    due: Sequence[Due]
    coins: Sequence[Coin]
    oversized: Due | None = None
    finding: Finding | None = None


async def look(pool: Pool, settings: Settings) -> Outlook:
    """Read what may be paid, all of it at one moment."""
    read_at_seconds = clock.monotonic()
    async with db.snapshot(pool) as tx:
        policy, now = await payout_policy.get(tx), await business_clock.now(tx)
        waiting = await queue_module.waiting(tx, policy, Rhythm.of(settings), now=now)
        return Outlook(waiting, await batches.pinned(tx), await batches.latest(tx), read_at_seconds)


async def plan(deployment: Deployment, speed: Speed, outlook: Outlook) -> Planned:
    """What a batch of that speed would pay, with which coins and at what rate."""
    if not outlook.waiting.has(speed):
        return Planned(None)
    rate = (await deployment.chain.fee_rate(FEE_BLOCKS[speed])).sat_per_vb
    free = [coin for coin in await deployment.chain.coins() if coin.outpoint not in outlook.pinned]
    fit, queue, findings = await _search(deployment, speed, outlook.waiting, free, rate)
    shortage = None
    if queue.uncovered and not any(each.code == WalletShortError.code for each in findings):
        shortage = await _shortage(deployment.pool, queue, _sum(free))
    if not fit.due:
        return Planned(None, findings, shortage)
    budget, outputs_btc = deployment.settings.payout_fee_budget_btc, batches.merged(fit.due)
    return Planned(Plan(speed, fit.due, fit.coins, outputs_btc, rate, budget, outlook.latest), findings, shortage)


async def _search(
    deployment: Deployment, speed: Speed, waiting: Waiting, free: Sequence[Coin], rate: Decimal
) -> tuple[_Fit, Queue, list[Finding]]:
    """What fits, the queue that it was taken from, and what is passed over.

    What the node would not pay, and what fits in no transaction, takes no room from anybody: the queue is looked at
    without it. The node is asked about those that come next, however long the queue is.
    """
    settings, have_btc = deployment.settings, _sum(free)
    findings: list[Finding] = []
    refused: set[str] = set()
    oversized: set[Number] = set()
    while True:
        most = settings.payout_most_outputs
        queue = waiting.queue(have_btc, passed=oversized, refused=refused, begins=Beginning(speed, most))
        coming = queue_module.cut(queue.of(speed), most)
        more = await deployment.chain.refused({one.address for one in coming})
        findings += [
            Finding("ADDRESS_REFUSED", f"the node cannot pay {address}: refuse its withdrawals", about=address)
            for address in sorted(more)
        ]
        refused |= more
        if more:
            continue
        is_last = len(oversized) == MAX_OVERSIZED
        if is_last:
            # One more: the smallest.
            coming = sorted(coming, key=lambda one: one.amount_btc)[:1]
        fit = _fit(coming, free, rate, settings.payout_fee_budget_btc)
        if fit.finding is not None:
            findings.append(fit.finding)
        if fit.oversized is None or is_last:
            if queue.uncovered:
                queue = waiting.queue(have_btc, passed=oversized, refused=refused)
            return fit, queue, findings
        oversized.add(fit.oversized.number)


def _fit(due: Sequence[Due], free: Sequence[Coin], rate: Decimal, max_fee_btc: Decimal) -> _Fit:
    """As many of the oldest as one transaction can pay within its size and budget."""
    part = due
    while part:
        try:
            outputs_btc = batches.merged(part)
            return _Fit(part, coin_selection.choose(free, outputs_btc, sat_per_vb=rate, max_fee_btc=max_fee_btc))
        except (WalletShortError, PaymentTooLargeError) as error:
            if len(part) == 1:
                name = part[0].name
                return _Fit([], [], part[0], Finding(error.code, f"{name} waits: {error.message}", about=name))
            part = part[: len(part) // 2]
    return _Fit([], [])


async def _shortage(tx: Reader, queue: Queue, have_btc: Decimal) -> Finding:
    coming_btc = await batches.change_btc(tx)
    message = f"{queue.due_btc:f} BTC are due, the wallet has {have_btc:f}, {coming_btc:f} more are on their way"
    return Finding(WalletShortError.code, message)


def _sum(coins: Sequence[Coin]) -> Decimal:
    return sum((coin.amount_btc for coin in coins), ZERO)
