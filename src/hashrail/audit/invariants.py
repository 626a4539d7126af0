"""Named invariants: what must hold in the books, checked in one snapshot.

Each answers the rows that break it, so an auditor sees where to look. `hashrail audit` runs all of them, from the
ground up: accounts, days, stints, then what is built on them. One noun is one module of `audit.checks`. The constraints
of the schema hold many of the same rules at every write.

An audit is whole, or looks since a mark that one left which found everything in order: at the rows that were written
since and what they concern. It finds whatever the program has written wrongly since; what somebody alters or deletes by
hand in rows of before, with care, only a whole one is certain to find.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from hashrail.audit.checks import (
    batches,
    days,
    deployment,
    deposits,
    income,
    invoices,
    ledger,
    orders,
    pool,
    stints,
    webhooks,
    withdrawals,
)
from hashrail.audit.checks.changes import PATIENCE_SECONDS, Changes
from hashrail.audit.checks.invariant import Invariant
from hashrail.db import Tx


@dataclass(frozen=True, slots=True)
class Section:
    """The invariants of one noun."""

    title: str
    invariants: tuple[Invariant, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one invariant: it holds when `rows` is empty."""

    name: str
    rule: str
    rows: list[dict[str, object]]


SECTIONS = (
    Section("What the deployment is", deployment.INVARIANTS),
    Section("Accounts and transfers", ledger.INVARIANTS),
    Section("Published days", days.INVARIANTS),
    Section("Stints, and the power of classes", stints.INVARIANTS),
    Section("Income, posted and settled", income.INVARIANTS),
    Section("Orders, upgrades, payments and capacity", orders.INVARIANTS),
    Section("Invoices", invoices.INVARIANTS),
    Section("What the pool has paid", pool.INVARIANTS),
    Section("Withdrawals", withdrawals.INVARIANTS),
    Section("Batches that pay withdrawals", batches.INVARIANTS),
    Section("Deposits", deposits.INVARIANTS),
    Section("Webhooks", webhooks.INVARIANTS),
)


async def audit(tx: Tx, changes: Changes | None = None) -> AsyncIterator[Finding]:
    """Check every invariant in the transaction's one snapshot, in order: whole, or since the mark of these changes."""
    await prepare(tx)
    for each in every():
        yield await check(tx, each, changes)


async def prepare(tx: Tx) -> None:
    """Settings of a transaction that audits: few long statements over all there is, where others are many short ones.

    Who has done their part waits for whoever works at the rest.
    """
    patience = f"'{PATIENCE_SECONDS}s'"
    for setting, value in (
        ("work_mem", "'128MB'"),
        ("statement_timeout", patience),
        ("idle_in_transaction_session_timeout", patience),
        ("jit", "off"),
    ):
        await tx.execute(f"SET LOCAL {setting} = {value}")


async def check(tx: Tx, invariant: Invariant, changes: Changes | None = None) -> Finding:
    """Check one, in a transaction that was prepared."""
    return Finding(invariant.name, invariant.rule, await invariant.broken_by(tx, changes))


def every() -> list[Invariant]:
    """All invariants, in the order they are checked."""
    return [each for section in SECTIONS for each in section.invariants]


def names() -> list[tuple[str, str]]:
    """(name, rule) of every invariant, in the order they are checked."""
    return [(each.name, each.rule) for each in every()]
