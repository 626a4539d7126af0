"""What the worker notes for the readings, beside how its jobs go: the audit, a reconciliation, the wallet."""

from collections.abc import Sequence

from hashrail import business_clock, db
from hashrail.alarms import observations
from hashrail.audit import reconciliation
from hashrail.audit.invariants import Finding
from hashrail.audit.reconciliation import Report
from hashrail.deployment.opened import Deployment
from hashrail.payouts import outflow

INVARIANT_BROKEN, UNEXPLAINED = "INVARIANT_BROKEN", "UNEXPLAINED_SATOSHI"


async def audited(pool: db.Pool, broken: Sequence[Finding]) -> None:
    """An audit has ended: which invariants it found broken."""
    names = [finding.name for finding in broken]
    async with db.transaction(pool) as tx:
        if names:
            await observations.bad(tx, observations.AUDIT, INVARIANT_BROKEN, ", ".join(names), {"broken": names})
        else:
            await observations.good(tx, observations.AUDIT)


async def reconcile(deployment: Deployment) -> Report:
    """Reconcile, and note what is left over. Raises what a node's call may raise."""
    report = await reconciliation.reconcile(deployment.pool, deployment.chain)
    await reconciled(deployment.pool, report)
    return report


async def reconciled(pool: db.Pool, report: Report) -> None:
    """A reconciliation has ended: the satoshi of all its parts that no line explains, whatever their signs."""
    parts = (report.unexplained_btc, report.bridge_unexplained_btc, report.books_unexplained_btc)
    left_btc = sum(map(abs, parts))
    figures = {"unexplained_btc": left_btc}
    async with db.transaction(pool) as tx:
        if report.alarm:
            message = "wallet {}, bridge {}, books {} BTC".format(*map(str, parts))
            await observations.bad(tx, observations.RECONCILIATION, UNEXPLAINED, message, figures)
        else:
            await observations.good(tx, observations.RECONCILIATION, figures)


async def wallet_seen(deployment: Deployment) -> None:
    """Look at what the wallet has and what leaves it. Raises what a node's call may raise."""
    available_btc = await outflow.available(deployment)
    async with db.transaction(deployment.pool) as tx:
        now = (await business_clock.read(tx)).business_now
        figures = {"available_btc": available_btc, "per_day_btc": await outflow.mean_per_day(tx, now=now)}
        await observations.good(tx, observations.WALLET, figures)
