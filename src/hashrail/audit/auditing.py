"""One audit from its beginning to its mark: whole, or since the mark that an earlier one left.

Most of it is done by statements that one processor works at. So a second connection takes the same snapshot, and both
take the next invariant that nobody has begun, until all are done; and before that, since a mark, the next table whose
rows nobody looks through for what was written.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from hashrail import clock, db
from hashrail.audit import invariants, marks
from hashrail.audit.checks.changes import Changes
from hashrail.audit.checks.invariant import Invariant
from hashrail.audit.invariants import Finding
from hashrail.db import Tx

Told = Callable[[str], None]
# Each needs a few hundred MB at the size of millions of users.
AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Audited:
    """What an audit has found. `since` is the time of the mark that it went on from, None where it was whole.

    `looked_at` counts the rows that were written since, by table; `marked` says whether it has left a mark.
    """

    findings: Sequence[Finding]
    since: datetime | None
    looked_at: dict[str, int]
    seconds: float
    marked: bool

    @property
    def broken(self) -> list[Finding]:
        """The invariants that do not hold."""
        return [each for each in self.findings if each.rows]


@dataclass(slots=True)
class _Work:
    """Invariants that are to be checked, in order, and what was found of them so far."""

    left: Iterator[tuple[int, Invariant]]
    changes: Changes | None
    first_only: bool
    begun: Told
    done: Told
    found: dict[int, Finding] = field(default_factory=dict)
    broken: int | None = None

    async def go_on(self, tx: Tx) -> None:
        """Check one after the other, until none is left or one that is broken is enough."""
        changes = None if self.changes is None else self.changes.seen_by(tx)
        for number, each in self.left:
            self.begun(each.name)
            self.found[number] = finding = await invariants.check(tx, each, changes)
            self.done(each.name)
            if finding.rows and self.first_only:
                self.broken = number if self.broken is None else min(number, self.broken)
            if self.broken is not None:
                break

    def findings(self) -> list[Finding]:
        """What was found, in the order of invariants, up to the first that is broken where that is enough."""
        return [self.found[number] for number in sorted(self.found) if self.broken is None or number <= self.broken]


async def audit(
    pool: db.Pool,
    *,
    whole: bool = True,
    first_only: bool = False,
    begun: Told = lambda name: None,
    done: Told = lambda name: None,
) -> Audited:
    """Check every invariant in one snapshot; `first_only` ends at the first that is broken.

    Where it need not be `whole` it looks since the mark, if there is one that holds. Everything in order leaves a new
    mark, and anything broken takes the old one away. `begun` and `done` hear of each invariant by its name.
    """
    began = clock.monotonic()
    seen = await marks.before(pool)
    async with db.snapshots(pool, AT_ONCE if seen.server is not None else 1) as connections:
        tx = connections[0]
        found = None if whole else await marks.find(tx)
        changes = None if found is None else await marks.since(tx, seen)
        await _side_by_side([invariants.prepare(each) for each in connections])
        if changes is not None:
            tables = iter(await marks.largest_first(tx))
            await _side_by_side([changes.seen_by(each).read(tables) for each in connections])
        work = _Work(iter(enumerate(invariants.every())), changes, first_only, begun, done)
        await _side_by_side([work.go_on(each) for each in connections])
        findings = work.findings()
        mark, sums = await marks.take(tx, seen), await marks.sums(tx)
    made = Audited(
        findings,
        None if found is None or changes is None else found.taken_at,
        {} if changes is None else {table: count for table, count in changes.looked_at.items() if count},
        clock.monotonic() - began,
        False,
    )
    if made.broken and seen.server is not None:
        await marks.forget(pool)
    elif not made.broken and mark is not None:
        await marks.keep(pool, mark, sums, since=None if changes is None else changes.mark)
    return replace(made, marked=mark is not None and not made.broken)


async def _side_by_side(parts: Sequence[Coroutine[None, None, None]]) -> None:
    """Do what is left, each part on a connection of its own; where one fails none goes on."""
    tasks = [asyncio.create_task(each) for each in parts]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
