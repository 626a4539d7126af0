"""The wallet that pays, looked at while another worker reads it for the first time."""

import uuid
from datetime import datetime
from typing import Any

from hashrail import clock, db
from hashrail.bitcoin.records import WalletMark
from hashrail.custody import hot_wallet


async def test_a_wallet_that_another_worker_marks_meanwhile_is_no_other_one(pool: db.Pool) -> None:
    """It answers as it was before, and the books know it by the time that the answer is read."""
    key, since = "wpkh(xpub/0/*)", clock.wall_now()

    class Node:
        async def keys(self) -> dict[str, datetime]:
            return {key: since}

        async def mark(self) -> WalletMark:
            was = WalletMark()
            async with db.transaction(pool) as tx:
                await hot_wallet.remember(tx, {key: since}, str(uuid.UUID(int=1)))
            return was

    node: Any = Node()
    assert await hot_wallet.look(pool, node) == []
    # From then on a wallet without the mark is another one.
    (finding,) = await hot_wallet.look(pool, node)
    assert finding.code == hot_wallet.OTHER
