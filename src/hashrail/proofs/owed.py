"""What is owed to users in bitcoin, by what the books say in one snapshot.

A user is owed what stands on their account, what is reserved for withdrawals and their commissions included, and the
income of closed days that was not settled to it yet. A withdrawal that is paid leaves the account when it is final on
the chain; until then it is owed.

Where corrections took more than a user had, what is owed is below nothing. That is no liability: it is the user's
shortfall, and what is owed to others is not less for it.
"""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import NamedTuple

from hashrail.books import ledger
from hashrail.books.chart import Account
from hashrail.db import Tx
from hashrail.money import ZERO
from hashrail.rewards import settling

HMAC_BLOCK = 64
ROWS_AT_ONCE = 4096
# Sorting by owner is the work of it; more of it than this goes to the disk.
SORT_MEMORY = "64MB"
# The owner of `hashrail_client.liabilities.owner_of`, with HMAC-SHA256 of partner and user as the nonce: spelled out,
# since the server has SHA-256 alone without an extension.
_OWNERS = """
    SELECT sha256(convert_to(concat_ws(chr(10), 'hashrail liability owner', $1::text,
                      encode(sha256($3::bytea || sha256($2::bytea || convert_to(n.whose, 'UTF8'))), 'hex'), n.whose),
                  'UTF8')) AS owner, n.owed
    FROM (SELECT o.owed, concat_ws(chr(10), p.public_id, u.partner_user_id) AS whose
          FROM owed o
          JOIN app_user u ON u.partner_id = o.partner_id AND u.id = o.user_id
          JOIN partner p ON p.id = o.partner_id
          WHERE o.owed <> 0) AS n
    ORDER BY 1"""
_STREAM = f"""
    WITH unsettled AS ({settling.UNSETTLED}),
    owed AS (
        SELECT a.partner_id, a.user_id, a.credits_posted - a.debits_posted + coalesce(i.net, 0) AS owed
        FROM account a LEFT JOIN unsettled i ON i.partner_id = a.partner_id AND i.id = a.user_id
        WHERE a.user_id IS NOT NULL AND a.currency = 'BTC')
    {_OWNERS}"""  # noqa: S608


class Owed(NamedTuple):
    """What somebody is owed, BTC; below zero where they fall short. `owner` is 32 bytes that tell nothing of whose."""

    owner: bytes
    owed: Decimal


async def stream(tx: Tx, day: str, nonce_key: bytes) -> AsyncIterator[Owed]:
    """Everybody to whom anything is owed, in the order of owners. Read it in one snapshot; it takes its time."""
    await tx.execute("SET LOCAL statement_timeout = 0")
    await tx.execute("SELECT set_config('work_mem', $1, true)", SORT_MEMORY)
    inner, outer = (bytes(byte ^ pad for byte in nonce_key.ljust(HMAC_BLOCK, b"\0")) for pad in (0x36, 0x5C))
    async for row in tx.cursor(_STREAM, day, inner, outer, prefetch=ROWS_AT_ONCE, timeout=float("inf")):
        yield Owed(row["owner"], row["owed"])


async def by_the_books(tx: Tx) -> Decimal:
    """What the books owe users in all, BTC, from the accounts: users', income control and payouts in flight."""
    total: Decimal = await tx.fetchval(
        """SELECT coalesce(sum(credits_posted - debits_posted), 0) FROM account
           WHERE user_id IS NOT NULL AND currency = 'BTC'"""
    )
    for row in await tx.fetch("SELECT id FROM partner"):
        for account in (Account.INCOME_CONTROL, Account.PAYOUTS_IN_FLIGHT):
            total += await ledger.balance(tx, row["id"], account) or ZERO
    return total
