"""What partners are told of withdrawals that a verb has just brought into another state.

The type of the event follows from the state that the books show by then, so a withdrawal's last event says how it
stands. Whoever tells holds the withdrawals, or the batch that pays them, so that what follows is told after it.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

from hashrail import clock
from hashrail.db import Row, Tx
from hashrail.events import drafts
from hashrail.events.event import Event
from hashrail.events.types.withdrawals import (
    State,
    WithdrawalAwaitingApproval,
    WithdrawalBroadcast,
    WithdrawalCancelled,
    WithdrawalConfirmed,
    WithdrawalDelayed,
    WithdrawalEvent,
    WithdrawalExported,
    WithdrawalFinal,
    WithdrawalQueued,
    WithdrawalRefused,
    WithdrawalRequested,
    WithdrawalSigned,
)

TYPES: dict[State, type[WithdrawalEvent]] = {
    "awaiting_approval": WithdrawalAwaitingApproval,
    "queued": WithdrawalQueued,
    "signed": WithdrawalSigned,
    "broadcast": WithdrawalBroadcast,
    "confirmed": WithdrawalConfirmed,
    "final": WithdrawalFinal,
    "exported": WithdrawalExported,
    "cancelled": WithdrawalCancelled,
    "refused": WithdrawalRefused,
}
# While a batch has it, the batch's state; it is final when it is posted, due again when it is queued.
SHOWN_STATE = """CASE WHEN w.state <> 'signed' OR b.state = 'signed' THEN w.state
                WHEN b.state IN ('confirmed', 'final') THEN 'confirmed' ELSE 'broadcast' END"""
# What pays it by now: what the chain has, or else the newest version.
PAID_BY = """coalesce(b.txid, (SELECT t.txid FROM payout_transaction t WHERE t.batch_id = w.batch_id
                             ORDER BY t.version DESC LIMIT 1))"""
# From when a batch may take what is queued: the address was known, or bound, for long enough (`payouts/queue.py`).
# Rows of other tables are of the partner that is named, or of the withdrawal's own.
_FACTS = f"""
    SELECT w.partner_id, w.id, w.user_id, u.partner_user_id, w.speed, w.address AS wallet_address,
           w.amount_btc AS amount, w.commission_btc AS fee, {SHOWN_STATE} AS state, {PAID_BY} AS txid, w.reason,
           CASE WHEN w.state = 'queued' THEN l.cooldown_seconds ELSE 0 END AS cooldown_seconds,
           CASE WHEN w.state = 'queued' THEN least(
               (SELECT min(x.created_at) FROM withdrawal x
                WHERE x.partner_id = {{0}} AND x.user_id = w.user_id AND x.address = w.address),
               (SELECT o.created_at FROM wallet o
                WHERE o.partner_id = {{0}} AND o.user_id = w.user_id AND o.address = w.address))
           END AS known_since,
           CASE WHEN w.state = 'queued' AND p.bound_addresses_only THEN coalesce(
               (SELECT o.usable_at FROM wallet o
                WHERE o.partner_id = {{0}} AND o.user_id = w.user_id AND o.address = w.address),
               (SELECT o.usable_at FROM wallet_unbound o
                WHERE o.partner_id = {{0}} AND o.user_id = w.user_id AND o.address = w.address))
           END AS usable_at
    FROM partner p JOIN withdrawal w ON w.partner_id = p.id
    JOIN app_user u ON u.partner_id = {{0}} AND u.id = w.user_id
    CROSS JOIN (SELECT cooldown_seconds FROM payout_policy WHERE id = 1) l
    LEFT JOIN payout_batch b ON b.id = w.batch_id""".format  # noqa: S608
_OF_BATCH = f"""{_FACTS("w.partner_id")}
    WHERE w.batch_id = $1 AND w.state = 'signed' ORDER BY w.partner_id, w.id"""
# Withdrawals of the partner $1, with the numbers $2.
_OF_PARTNER = f"""{_FACTS("$1")}
    WHERE w.partner_id = $1 AND w.id = ANY($2::bigint[]) ORDER BY w.id"""


async def tell(tx: Tx, numbers: Sequence[tuple[int, int]], *, now: datetime, asked: bool = False) -> None:
    """Note the state of locked withdrawals, (partner, number) each; and that they were asked for, if just now."""
    rows: list[Row] = []
    for partner_id, those in groupby(sorted(numbers), key=itemgetter(0)):
        # A partner at a time: joined with a list of pairs, some plans read all of a partner for each of them.
        rows += await tx.fetch(_OF_PARTNER, partner_id, [number for _, number in those])
    await drafts.note_all(tx, [(row["partner_id"], event) for row in rows for event in _events(row, now, asked=asked)])


async def tell_batch(tx: Tx, batch_id: int, *, now: datetime) -> None:
    """Note the state of all that a locked batch pays and that is not posted yet."""
    rows = await tx.fetch(_OF_BATCH, batch_id)
    await drafts.note_all(tx, [(row["partner_id"], event) for row in rows for event in _events(row, now)])


def _events(row: Row, now: datetime, *, asked: bool = False) -> Iterator[Event]:
    facts: dict[str, Any] = {name: row[name] for name in WithdrawalRequested.__struct_fields__}
    if asked:
        yield WithdrawalRequested(**facts)
    yield TYPES[row["state"]](**facts)
    known, usable_at = row["known_since"], row["usable_at"]
    cooled_at = None if known is None else known + timedelta(seconds=row["cooldown_seconds"])
    if usable_at is not None and usable_at > max(now, cooled_at or now):
        yield WithdrawalDelayed(cause="BINDING_COOL_DOWN", until=clock.iso(usable_at), **facts)
    elif cooled_at is not None and cooled_at > now:
        yield WithdrawalDelayed(cause="COOL_DOWN", until=clock.iso(cooled_at), **facts)
