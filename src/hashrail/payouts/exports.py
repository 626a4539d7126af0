"""Paying with another program: withdrawals leave the queue for good.

    queued -> exported                taken out of every batch for ever
    exported -> signed                `recorded_payments.record`: a transaction pays them
    exported -> cancelled             an operator attests that they were not and will not be paid

Nobody but the operator knows what the other program did, so nothing here happens by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from hashrail import business_clock, db, sheets
from hashrail.books.fence import OpenBooks
from hashrail.custody import foreign_spends, payout_policy, withdrawal_telling, withdrawals
from hashrail.custody.withdrawals import Withdrawal, WithdrawalUnderWayError
from hashrail.db import Reader, Tx
from hashrail.errors import ConflictError, NotFoundError
from hashrail.money import plain
from hashrail.parties import operators
from hashrail.parties.operators import Operator
from hashrail.payouts import batches
from hashrail.payouts import queue as queue_module
from hashrail.payouts.batches import Due
from hashrail.payouts.queue import Rhythm

# What the user is called stands last: no text is between a payment and its address.
COLUMNS = ("id", "amountBtc", "address", "partner", "partnerUserId")
EVERYTHING = Rhythm(timedelta(0), 0, everything=True)


class ExportNotFoundError(NotFoundError):
    """There is no such export."""

    code = "PAYOUT_EXPORT_NOT_FOUND"
    advice = "hashrail payouts status names what is exported."


class NotExportedError(ConflictError):
    """The withdrawal was not exported: it waits for a batch, and nobody has to attest anything."""

    code = "WITHDRAWAL_NOT_EXPORTED"
    advice = "Cancel it for its user: hashrail withdrawal cancel; or refuse it: hashrail payouts refuse"


@dataclass(frozen=True, slots=True)
class Line:
    """A withdrawal of an export."""

    partner_id: int
    partner: str
    id: int
    partner_user_id: str
    address: str
    amount_btc: Decimal
    state: str


@dataclass(frozen=True, slots=True)
class OpenExport:
    """An export of which something is neither recorded nor cancelled yet: how many withdrawals, and BTC."""

    id: int
    created_at: datetime
    count: int
    amount_btc: Decimal


async def export(tx: Tx, operator: Operator) -> int | None:
    """Take everything out of the queue that the limits of the day let pass; answers the export, None for nothing.

    Raises PayoutsPausedError, ForeignSpendError: what the books may have forgotten is paid by nobody.
    """
    await batches.lock(tx)
    await batches.assert_running(tx)
    await foreign_spends.assert_none(tx)
    now = await business_clock.now(tx)
    policy = await payout_policy.get(tx)
    export_id: int = await tx.fetchval(
        "INSERT INTO payout_export (created_at, exported_by) VALUES ($1, $2) RETURNING id", now, operator.name
    )
    queue = (await queue_module.waiting(tx, policy, EVERYTHING, now=now)).queue()
    taken = await _take_out(tx, export_id, [*queue.fast, *queue.daily], now)
    if taken == 0:
        await tx.execute("DELETE FROM payout_export WHERE id = $1", export_id)
        return None
    await operators.note(tx, operator, "withdrawals exported", f"export {export_id}, {taken} withdrawals")
    return export_id


async def lines(tx: Reader, export_id: int) -> list[Line]:
    """The withdrawals of an export. Raises ExportNotFoundError."""
    rows = await tx.fetch(
        """SELECT w.partner_id, p.name AS partner, w.id, u.partner_user_id, w.address, w.amount_btc, w.state
           FROM partner p JOIN withdrawal w ON w.partner_id = p.id AND w.export_id = $1
           JOIN app_user u ON u.partner_id = w.partner_id AND u.id = w.user_id ORDER BY w.partner_id, w.id""",
        export_id,
    )
    if not rows:
        raise ExportNotFoundError(f"no export {export_id}", field="export")
    return [db.record(Line, row) for row in rows]


def sheet(found: Sequence[Line]) -> str:
    """What is not recorded or cancelled yet, as a CSV for people: what the user is called stands last."""
    rows = [(one.id, one.amount_btc, one.address, one.partner, one.partner_user_id) for one in _unpaid(found)]
    return sheets.sheet(COLUMNS, rows)


def outputs(found: Sequence[Line]) -> list[dict[str, str]]:
    """The same as walletcreatefundedpsbt takes it: BTC by address, each address once."""
    due = [Due(one.partner_id, one.id, one.address, one.amount_btc) for one in _unpaid(found)]
    return [{address: plain(amount)} for address, amount in batches.merged(due).items()]


def _unpaid(found: Sequence[Line]) -> list[Line]:
    return [one for one in found if one.state == "exported"]


async def open_exports(tx: Reader) -> list[OpenExport]:
    """Exports that wait for somebody's word, oldest first."""
    rows = await tx.fetch(
        """SELECT e.id, e.created_at, count(*) AS count, sum(w.amount_btc) AS amount_btc
           FROM withdrawal w JOIN payout_export e ON e.id = w.export_id WHERE w.state = 'exported'
           GROUP BY e.id ORDER BY e.id"""
    )
    return [db.record(OpenExport, row) for row in rows]


async def cancel(tx: Tx, books: OpenBooks, operator: Operator, withdrawal_id: int, attested: str) -> Withdrawal:
    """End an exported withdrawal that was not and will not be paid; again is a no-op.

    Raises WithdrawalNotFoundError, ReasonMissingError, NotExportedError for one that still waits here,
    WithdrawalUnderWayError for one that is past it.
    """
    state = await withdrawals.lock(tx, books, withdrawal_id)
    if state == "exported":
        await withdrawals.release(tx, books, withdrawal_id, "cancelled", attested)
        await operators.note(tx, operator, "export attested unpaid", f"{books.partner_id}:{withdrawal_id}", attested)
    elif state in ("awaiting_approval", "queued"):
        raise NotExportedError(f"withdrawal {withdrawal_id} is {state}", field="id", state=state)
    elif state != "cancelled":
        raise WithdrawalUnderWayError(f"withdrawal {withdrawal_id} is {state}", field="id", state=state)
    return await withdrawals.get(tx, books.partner_id, withdrawal_id)


async def _take_out(tx: Tx, export_id: int, due: Sequence[Due], now: datetime) -> int:
    rows = await tx.fetch(
        """UPDATE withdrawal w SET state = 'exported', export_id = $1, changed_at = $2
           FROM unnest($3::bigint[], $4::bigint[]) AS d (partner_id, id)
           WHERE w.partner_id = d.partner_id AND w.id = d.id AND w.state = 'queued'
           RETURNING w.partner_id, w.id""",
        export_id,
        now,
        [one.partner_id for one in due],
        [one.id for one in due],
    )
    await withdrawal_telling.tell(tx, [(row["partner_id"], row["id"]) for row in rows], now=now)
    return len(rows)
