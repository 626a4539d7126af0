"""What a run of payouts did and found, and what the last run has left to read.

Findings are kept until the next run has ended; `hashrail payouts status` shows them.
"""

from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

import msgspec
import structlog

from hashrail import business_clock, clock, db
from hashrail.bitcoin.findings import Finding
from hashrail.db import Pool, Reader

MAX_RUN_TIME = timedelta(minutes=5)
NOT_ENDED = "TURN_NOT_ENDED"
log = structlog.get_logger()


@dataclass(slots=True)
class Run:
    """A run while it goes on: the batches that it made, those whose fee it raised, how many it posted, its findings."""

    batches: list[int] = field(default_factory=list)
    bumped: list[int] = field(default_factory=list)
    settled: int = 0
    findings: list[Finding] = field(default_factory=list)

    def add(self, *findings: Finding) -> None:
        """Note what was not found yet in this run."""
        for finding in findings:
            if finding not in self.findings:
                log.warning("payouts", code=finding.code, why=finding.message)
                self.findings.append(finding)

    def has(self, code: str) -> bool:
        """Whether something of that kind was found."""
        return any(finding.code == code for finding in self.findings)


@dataclass(frozen=True, slots=True)
class RunReport:
    """What the last run found, and when it ended, by the business clock."""

    ended_at: datetime | None
    findings: list[Finding]


async def begin(pool: Pool) -> None:
    """A run begins; the first one that does not end is remembered."""
    began_at = await business_clock.now(pool)
    await pool.execute("UPDATE payout_turn SET began_at = coalesce(began_at, $1) WHERE id = 1", began_at)


async def end(pool: Pool, done: Run) -> None:
    """A run has come to its end: its findings take the place of the last one's."""
    async with db.transaction(pool) as tx:
        await tx.execute(
            "UPDATE payout_turn SET began_at = NULL, ended_at = $1, found = $2 WHERE id = 1",
            await business_clock.now(tx),
            msgspec.json.encode([asdict(finding) for finding in done.findings]).decode(),
        )


async def last(tx: Reader) -> RunReport:
    """What the last run found; that none has come to its end for minutes is a finding as well."""
    row = await tx.fetchrow("SELECT began_at, ended_at, found FROM payout_turn WHERE id = 1")
    assert row is not None, "the schema comes with it"
    found = msgspec.json.decode(row["found"], type=list[Finding])
    # Also where the clocks differ, which is told beside it.
    now = (await business_clock.read(tx)).business_now
    if row["began_at"] is not None and now - row["began_at"] > MAX_RUN_TIME:
        found.append(Finding(NOT_ENDED, f"no run has ended since {clock.iso(row['began_at'])}: see the worker's log"))
    return RunReport(row["ended_at"], found)
