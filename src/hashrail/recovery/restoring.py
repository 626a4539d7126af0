"""Books that came from a backup, or lost commits in a failover, begin a new epoch.

One transaction does all of it, while no other process is there: what was taken away is taken away again as far as the
journal tells, every sequence and every feed go on behind what they may have given out, what was given out in the epoch
before opens nothing any more, and payouts are paused until somebody has looked at the chain.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from hashrail import clock, db
from hashrail.access import idempotency, sessions, ton_payloads
from hashrail.books import lost_numbers
from hashrail.books.lost_numbers import Gap
from hashrail.custody import hot_wallet, payout_policy
from hashrail.db import Reader, Tx, record
from hashrail.deployment import facts, journal
from hashrail.deployment.journal import Entry, Kind
from hashrail.errors import ConflictError
from hashrail.events import feed
from hashrail.parties import operators
from hashrail.parties.operators import Operator
from hashrail.recovery import lost, takings
from hashrail.recovery.lost import Lost
from hashrail.recovery.takings import Outcome

# More than any deployment gives out between two of the journal's lines that tell numbers.
MARGIN = 1_000_000
# Deposit addresses of the signer that are passed over: the wallet has to look for each of them ever after.
ADDRESSES_PASSED = 1_000
SOON = timedelta(hours=1)
# What is kept of these answers are tokens of the epoch before.
LOGINS = ("s2s_login",)
PAUSED = "the books were restored: look at the chain first (hashrail payouts run), then resume"
log = structlog.get_logger()


class ProcessesRunningError(ConflictError):
    """Other processes of the deployment are connected to the database."""

    code = "PROCESSES_RUNNING"
    advice = "Stop the API and the workers, on every machine; then run it again."


class RestoredAlreadyError(ConflictError):
    """A new epoch was begun a short while ago, and the journal tells of nothing that the books lack."""

    code = "RESTORED_ALREADY"
    advice = "If the books were restored once more since, say so: hashrail restored --again"


@dataclass(frozen=True, slots=True)
class Report:
    """What was done, and what nobody can know.

    `books_until` is the newest trace of life in the books as they came, `told_until` the time of the journal's newest
    line: what happened after both is in neither.
    """

    number: int
    restored_at: datetime
    books_until: datetime | None
    told_until: datetime | None
    taken: list[Outcome]
    given: list[Entry]
    gaps: list[Gap]
    sessions: int


@dataclass(frozen=True, slots=True)
class Restoration:
    """A new epoch that was begun; `by` is None for whoever had the shell."""

    id: int
    restored_at: datetime
    by: str | None


async def past(tx: Reader, *, limit: int) -> list[Restoration]:
    """Epochs that were begun, the newest first."""
    rows = await tx.fetch("SELECT id, restored_at, by_name AS by FROM restoration ORDER BY id DESC LIMIT $1", limit)
    return [record(Restoration, row) for row in rows]


async def restored(
    pool: db.Pool, paths: Sequence[Path], *, name: str | None, password: str, again: bool = False
) -> Report:
    """Begin a new epoch; `name` and `password` are an admin's, once there is one.

    Who may is judged by the operators as they are once the journal's word is taken for them.
    Raises what `operators.admit` does, ProcessesRunningError, RestoredAlreadyError, JournalUnreadableError.
    """
    found = await lost.look(pool, paths)
    async with db.transaction(pool) as tx:
        books_until = await lost.newest_in_books(tx)
        taken = await takings.of_operators(tx, found.entries)
        who = await operators.admit(tx, name, password, least="admin")
        await _assert_alone(tx)
        if not again:
            await _assert_not_yet(tx, found)
        taken += await takings.of_partners(tx, found.entries)
        number, ended, gaps = await _begin(tx, who, found)
    log.warning("books restored", number=number, taken=len(taken), sessions=ended)
    return Report(
        number=number,
        restored_at=clock.wall_now(),
        books_until=books_until,
        told_until=found.told_until,
        taken=taken,
        given=takings.given(found.entries),
        gaps=gaps,
        sessions=ended,
    )


async def _begin(tx: Tx, who: Operator | None, found: Lost) -> tuple[int, int, list[Gap]]:
    """The new epoch: (number of the restoration, how many sessions ended, the numbers passed over)."""
    old = (await facts.read(tx)).epoch
    number: int = await tx.fetchval(
        "INSERT INTO restoration (restored_at, by_name, old_epoch) VALUES ($1, $2, $3) RETURNING id",
        clock.wall_now(),
        None if who is None else who.name,
        old,
    )
    ended = await sessions.end_all(tx)
    await ton_payloads.forget_all(tx)
    await idempotency.forget_operations(tx, LOGINS)
    if (await payout_policy.get(tx)).paused_reason is None:
        await payout_policy.pause(tx, who, PAUSED)
    await hot_wallet.pass_over(tx, ADDRESSES_PASSED)
    await journal.take_over(tx, found.entries)
    await facts.begin_epoch(tx)
    await journal.note(tx, Kind.RESTORED, oldEpoch=old)
    await operators.note(tx, who, "restored", f"restoration {number}")
    # Last, for whatever is written before may take a number.
    gaps = await lost_numbers.move_on(tx, number, found.heights, margin=MARGIN)
    await _pass_positions_over(tx, gaps)
    return number, ended, gaps


async def _pass_positions_over(tx: Tx, gaps: list[Gap]) -> None:
    """No partner was told of more events in the life that is lost than there were drafts of all of them."""
    (drafts,) = [gap for gap in gaps if gap.sequence == feed.DRAFTS]
    await feed.pass_over(tx, drafts.to_number - drafts.from_number + 1)


async def _assert_alone(tx: Tx) -> None:
    others = await tx.fetchval(
        """SELECT count(*) FROM pg_stat_activity
           WHERE datname = current_database() AND pid <> pg_backend_pid()
             AND application_name IN ('hashrail', current_setting('application_name'))"""
    )
    if others:
        raise ProcessesRunningError(f"{others} other connection(s) of this deployment are open")


async def _assert_not_yet(tx: Reader, found: Lost) -> None:
    last: datetime | None = await tx.fetchval("SELECT max(restored_at) FROM restoration")
    if last is not None and clock.wall_now() - last < SOON and not found.entries:
        raise RestoredAlreadyError(f"a new epoch was begun at {clock.iso(last)}", restoredAt=clock.iso(last))
