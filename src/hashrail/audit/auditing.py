"""One audit from its beginning to its mark: whole, or since the mark that an earlier one left."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from hashrail import clock, db
from hashrail.audit import invariants, marks
from hashrail.audit.invariants import Finding


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


async def audit(
    pool: db.Pool,
    *,
    whole: bool = True,
    first_only: bool = False,
    done: Callable[[str], None] = lambda name: None,
) -> Audited:
    """Check every invariant in one snapshot; `first_only` ends at the first that is broken.

    Where it need not be `whole` it looks since the mark, if there is one that holds. Everything in order leaves a new
    mark, and anything broken takes the old one away.
    """
    began = clock.monotonic()
    seen = await marks.before(pool)
    findings = []
    async with db.snapshot(pool) as tx:
        found = None if whole else await marks.find(tx)
        changes = None if found is None else await marks.since(tx, seen)
        async for finding in invariants.audit(tx, changes):
            findings.append(finding)
            done(finding.name)
            if finding.rows and first_only:
                break
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
