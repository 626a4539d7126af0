"""What the platform knows of itself at one moment, as named figures: what rules, metrics and people look at.

Everything is read in one snapshot by queries whose cost grows with partners, with what waits and with what was counted
lately, never with miners or users. Parts that are down are read as what was last seen of them, and not asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from hashrail import business_clock, db
from hashrail.accounting import pool_promises
from hashrail.alarms import counts, messages, observations, workers
from hashrail.alarms.observations import Observation
from hashrail.alarms.workers import Worker
from hashrail.bitcoin.findings import Finding
from hashrail.business_clock import ClockDiffersError, Moment
from hashrail.custody import payout_policy, regime
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.events import feed, outlook
from hashrail.events.outlook import Outlook
from hashrail.payouts import outflow, queue, run_report
from hashrail.payouts.outflow import Backlog
from hashrail.payouts.queue import Rhythm
from hashrail.payouts.run_report import RunReport
from hashrail.recovery import archiving, backups
from hashrail.recovery.archiving import Archiving
from hashrail.rewards import day_waits, standing
from hashrail.rewards.day_waits import DayWait
from hashrail.rewards.standing import Standing
from hashrail.selling import billing, capacity
from hashrail.selling.billing import CreditUse
from hashrail.settings import Settings

# Partners that are named for their credit.
MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Payouts:
    """Withdrawals that wait, and what the last run of payouts found. `due_since` is by the business clock."""

    due_since: datetime | None
    backlog: Backlog
    paused_reason: str | None
    last_run: RunReport


@dataclass(frozen=True, slots=True)
class Wallet:
    """The hot wallet as it was last seen, BTC: confirmed coins that are free, and what left a day in the last week.

    `seen_at` is the database's time; all is None while nobody has looked.
    """

    seen_at: datetime | None
    available_btc: Decimal | None
    per_day_btc: Decimal | None


@dataclass(frozen=True, slots=True)
class Books:
    """What the newest audit and the newest reconciliation found; None while there was none."""

    audited_at: datetime | None
    broken: Sequence[str]
    broken_since: datetime | None
    reconciled_at: datetime | None
    unexplained_btc: Decimal | None
    unexplained_since: datetime | None


@dataclass(frozen=True, slots=True)
class Sold:
    """Credit and capacity, and how much of either is used. Of the partners, those nearest to their limits."""

    credit: Sequence[CreditUse]
    capacity_th: Decimal | None
    promised_th: Decimal


@dataclass(frozen=True, slots=True)
class Answers:
    """What API processes counted within the last quarter of an hour."""

    errors: int
    unavailable: int
    ton_answered: int
    ton_silent: int
    replica_aside: int


@dataclass(frozen=True, slots=True)
class Readings:
    """Everything. `moment` is when: business time, the database's, and how far this machine's clock is from it."""

    moment: Moment
    days: Standing
    # Why days could not be fetched that have no figures yet.
    fetches: Sequence[DayWait]
    workers: Sequence[Worker]
    # How the worker's jobs last went, by their tasks' names.
    jobs: Mapping[str, Observation]
    payouts: Payouts
    wallet: Wallet
    books: Books
    sold: Sold
    answers: Answers
    # When `hashrail backup` made the newest; None where it never made one.
    backup_at: datetime | None
    # How far the write-ahead log is in an archive; None where the server archives nothing.
    archiving: Archiving | None
    # What stands all the time until somebody does something about it (`custody.regime`, `accounting.pool_promises`).
    standing: Sequence[Finding]
    # Who was not told of alarms, and since when the oldest message waits.
    undelivered: Mapping[str, datetime]
    # Business time at which the oldest event happened that has no position in its feed yet.
    events_wait_since: datetime | None
    # What is to be sent to partners' endpoints, and which of those gave out.
    webhooks: Outlook

    @property
    def heard_at(self) -> datetime | None:
        """When a worker was last heard."""
        return self.workers[0].beat_at if self.workers else None

    @property
    def furthest(self) -> tuple[str, timedelta]:
        """The machine whose clock is furthest from the database's, and how far; negative behind."""
        recent = [
            (each.machine, timedelta(milliseconds=each.ahead_ms))
            for each in self.workers
            if self.moment.database_now - each.beat_at < workers.SILENT
        ]
        return max([(workers.own_machine(), self.moment.ahead), *recent], key=lambda found: abs(found[1]))

    def needed_btc(self, days: int) -> Decimal | None:
        """BTC that so many days will take: what waits, and what leaves a day as in the last week."""
        if self.wallet.per_day_btc is None:
            return None
        return self.payouts.backlog.waiting_btc + days * self.wallet.per_day_btc


async def take(deployment: Deployment) -> Readings:
    """Read everything now, in one snapshot of its own."""
    async with db.snapshot(deployment.pool) as tx:
        return await read(tx, deployment.settings, is_sandbox=deployment.is_sandbox)


async def read(tx: Tx, settings: Settings, *, is_sandbox: bool) -> Readings:
    """The same in a transaction of the caller's, which should be a snapshot."""
    moment = await business_clock.read(tx)
    seen = await observations.known(tx)
    jobs = {
        name.removeprefix(observations.JOB): each for name, each in seen.items() if name.startswith(observations.JOB)
    }
    return Readings(
        moment=moment,
        days=await standing.read(tx, now=moment.business_now),
        fetches=await day_waits.waiting(tx),
        workers=await workers.known(tx),
        jobs=jobs,
        payouts=await _payouts(tx, settings, moment),
        wallet=_wallet(seen.get(observations.WALLET)),
        books=_books(seen.get(observations.AUDIT), seen.get(observations.RECONCILIATION)),
        sold=Sold(await billing.most_used(tx, MOST_NAMED), await capacity.cap_th(tx), await capacity.committed_th(tx)),
        answers=await _answers(tx, moment),
        backup_at=await _backup_at(tx),
        archiving=await archiving.look(tx),
        standing=await _standing(tx, is_sandbox=is_sandbox),
        undelivered=await messages.undelivered(tx, settings.alarm_urls.keys()),
        events_wait_since=await feed.waits_since(tx),
        webhooks=await outlook.read(tx, now=moment.database_now),
    )


async def _payouts(tx: Tx, settings: Settings, moment: Moment) -> Payouts:
    policy, rhythm = await payout_policy.get(tx), Rhythm.of(settings)
    waiting = await queue.waiting(tx, policy, rhythm, now=moment.business_now)
    return Payouts(waiting.due_since, await outflow.backlog(tx), policy.paused_reason, await run_report.last(tx))


def _wallet(seen: Observation | None) -> Wallet:
    """As it was last seen, however long ago."""
    if seen is None or not seen.figures:
        return Wallet(None, None, None)
    return Wallet(seen.good_at, Decimal(seen.figures["available_btc"]), Decimal(seen.figures["per_day_btc"]))


def _books(audit: Observation | None, reconciliation: Observation | None) -> Books:
    return Books(
        audited_at=None if audit is None else audit.seen_at,
        broken=() if audit is None else tuple(audit.figures.get("broken", ())),
        broken_since=None if audit is None else audit.bad_since,
        reconciled_at=None if reconciliation is None else reconciliation.seen_at,
        unexplained_btc=None if reconciliation is None else Decimal(reconciliation.figures["unexplained_btc"]),
        unexplained_since=None if reconciliation is None else reconciliation.bad_since,
    )


async def _answers(tx: Tx, moment: Moment) -> Answers:
    seen = await counts.recent(tx, now=moment.database_now)
    names = (counts.ERRORS, counts.UNAVAILABLE, counts.TON_ANSWERED, counts.TON_SILENT, counts.REPLICA_ASIDE)
    return Answers(*(seen.get(name, 0) for name in names))


async def _backup_at(tx: Tx) -> datetime | None:
    found = await backups.newest(tx)
    return None if found is None else found.made_at


async def _standing(tx: Tx, *, is_sandbox: bool) -> list[Finding]:
    """What stands; where the clocks differ it cannot be told, and the clocks are told."""
    try:
        found = await regime.warnings(tx, is_sandbox=is_sandbox)
        return found if is_sandbox else [*found, *await pool_promises.findings(tx, now=await business_clock.now(tx))]
    except ClockDiffersError:
        return []
