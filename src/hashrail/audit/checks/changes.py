"""What was written since a mark: the rows that an audit since then has to look at, and which tables lost rows.

A row says by its xmin which transaction wrote it. Whatever a mark's snapshot could not see was written by a transaction
of its horizon or later, in whatever order they commit, so that rows of before are what the audit of the mark has seen.
Rows that are gone are only counted, by the statistics of PostgreSQL.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from hashrail.db import Row, Tx

# What one statement of an audit may take.
PATIENCE_SECONDS = 1_800
# More rows of a table than these are not looked at one by one: all of it is.
MOST = 200_000
# Transaction numbers, of which a row keeps the lower half, go round; a mark of so long ago is none.
ROUND, FAR = 1 << 32, 1 << 30
# What the mapping of rows to keys needs of each table that is looked at by its changes.
COLUMNS: Mapping[str, str] = {
    "account": "partner_id, id",
    "account_checkpoint": "partner_id, account_id",
    "adjustment": "id, effective_day",
    "app_user": "partner_id, id",
    "balance_correction": "partner_id, id",
    "class_adjustment": "adjustment_id",
    "class_day": "day, class_id",
    "class_power": "partner_id, class_id",
    "class_power_delta": "partner_id, day, class_id",
    "day_document": "day",
    "deposit": "partner_id, id",
    "deposit_address": "address",
    "invoice": "partner_id, month",
    "miner": "partner_id, id",
    "mining_day": "day",
    "partner_day": "partner_id, closed_through",
    "partner_payment": "partner_id, id",
    "payment_reversal": "partner_id, payment_id",
    "payout_batch": "id",
    "payout_input": "batch_id",
    "payout_transaction": "batch_id",
    "pool_receipt": "id",
    "pool_receipt_share": "partner_id, receipt_id",
    "post_payment": "partner_id, id",
    "publication": "first_day",
    "published_fraction": "day",
    "purchase": "partner_id, id",
    "rate_class": "id, first_day",
    "stint": "partner_id, miner_id, user_id, class_id, from_day, to_day",
    "transfer": "partner_id, kind, object_id, leg, debit_account, credit_account, state, resolved_at, posted_seq",
    "user_programme": "partner_id, user_id",
    "withdrawal": "partner_id, id, batch_id",
    "withdrawal_approval": "partner_id, withdrawal_id",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """What an audit that found everything in order has left.

    Of its snapshot: the first transaction that it may not have seen whole, the business day, the newest published day,
    and the newest rate class. `server` names a life of the server; `deleted` counts the rows that were deleted until
    before the snapshot, by table.
    """

    horizon: int
    day: date
    published_through: date
    newest_class: int
    server: str
    deleted: Mapping[str, int]


@dataclass(slots=True)
class Changes:
    """The rows that were written since a mark, table by table, as they are asked for; `deleted` tables lost rows."""

    tx: Tx
    mark: Mark
    deleted: frozenset[str]
    looked_at: dict[str, int] = field(default_factory=dict)
    _rows: dict[str, list[Row] | None] = field(default_factory=dict)

    async def of(self, table: str) -> list[Row] | None:
        """The rows of a table that were written since the mark; None where they are too many."""
        if table not in self._rows:
            condition = written_since(self.mark.horizon)
            statement = f"SELECT {COLUMNS[table]} FROM {table} WHERE {condition} LIMIT {MOST + 1}"  # noqa: S608
            found = await self.tx.fetch(statement, timeout=PATIENCE_SECONDS)
            self.looked_at[table] = len(found)
            self._rows[table] = found if len(found) <= MOST else None
        return self._rows[table]

    async def read(self, left: Iterator[str]) -> None:
        """Read one table after the other, until none is left."""
        for table in left:
            await self.of(table)

    def seen_by(self, tx: Tx) -> "Changes":
        """The same, of another connection that sees the same moment: what either reads both have."""
        return replace(self, tx=tx)


def written_since(horizon: int) -> str:
    """The condition of rows that transactions of `horizon` or later have written.

    How long ago they were is compared, in transactions: numbers have no order, as they go round. No row can be of the
    future, but so far a transaction's own later parts; what seems to be further ahead is very old.
    """
    return f"(age(xmin) <= (SELECT age('{horizon % ROUND}'::xid)) AND age(xmin) >= {-FAR})"


def tables() -> Iterable[str]:
    """Whatever is looked at by its changes."""
    return COLUMNS.keys()
