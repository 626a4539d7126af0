"""What the worker notes for the readings, beside how its jobs go: the audit, a reconciliation, the wallet."""

from collections.abc import Callable, Sequence

from hashrail import business_clock, clock, db
from hashrail.alarms import observations
from hashrail.audit import auditing, reconciliation
from hashrail.audit.auditing import Audited
from hashrail.audit.reconciliation import Report
from hashrail.audit.reconciliation_lines import Line
from hashrail.deployment.opened import Deployment
from hashrail.money import plain
from hashrail.payouts import outflow

INVARIANT_BROKEN, UNEXPLAINED = "INVARIANT_BROKEN", "UNEXPLAINED_SATOSHI"
# Who has looked, where nobody is named.
WORKER = "the worker"


async def audit(
    pool: db.Pool, *, whole: bool = True, by: str = WORKER, done: Callable[[str], None] = lambda name: None
) -> Audited:
    """Check every invariant in one snapshot, and note what was found; `done` hears of each that was checked.

    Where it need not be `whole` it looks since the mark, if there is one. Everything in order leaves a new one.
    """
    made = await auditing.audit(pool, whole=whole, done=done)
    await audited(pool, made, by=by)
    return made


async def audited(pool: db.Pool, made: Audited, *, by: str = WORKER) -> None:
    """An audit has ended: which invariants it found broken, and the first rows that break each."""
    names = [finding.name for finding in made.broken]
    rows = {
        finding.name: [{name: str(value) for name, value in row.items()} for row in finding.rows]
        for finding in made.broken
    }
    since = None if made.since is None else clock.iso(made.since)
    figures = {"broken": names, "rows": rows, "by": by, "since": since, "looked_at": made.looked_at}
    async with db.transaction(pool) as tx:
        if names:
            await observations.bad(tx, observations.AUDIT, INVARIANT_BROKEN, ", ".join(names), figures)
        else:
            await observations.good(tx, observations.AUDIT, figures)


async def reconcile(deployment: Deployment, *, by: str = WORKER) -> Report:
    """Reconcile, and note what is left over. Raises what a node's call may raise."""
    report = await reconciliation.reconcile(deployment.pool, deployment.chain)
    await reconciled(deployment.pool, report, by=by)
    return report


async def reconciled(pool: db.Pool, report: Report, *, by: str = WORKER) -> None:
    """A reconciliation has ended: its lines, and the satoshi of all its parts that no line explains."""
    parts = (report.unexplained_btc, report.bridge_unexplained_btc, report.books_unexplained_btc)
    figures = {
        "unexplained_btc": sum(map(abs, parts)),
        "by": by,
        "simulated": report.simulated,
        "wallet": _kept(report.wallet),
        "bridge": _kept(report.bridge),
        "books": _kept(report.books),
    }
    async with db.transaction(pool) as tx:
        if report.alarm:
            message = "wallet {}, bridge {}, books {} BTC".format(*map(str, parts))
            await observations.bad(tx, observations.RECONCILIATION, UNEXPLAINED, message, figures)
        else:
            await observations.good(tx, observations.RECONCILIATION, figures)


def _kept(lines: Sequence[Line]) -> list[tuple[str, str, int]]:
    """What each line is, BTC, and of how many things."""
    return [(each.what, plain(each.amount_btc), each.count) for each in lines]


async def wallet_seen(deployment: Deployment) -> None:
    """Look at what the wallet has and what leaves it. Raises what a node's call may raise."""
    available_btc = await outflow.available(deployment)
    async with db.transaction(deployment.pool) as tx:
        now = (await business_clock.read(tx)).business_now
        figures = {"available_btc": available_btc, "per_day_btc": await outflow.mean_per_day(tx, now=now)}
        await observations.good(tx, observations.WALLET, figures)
