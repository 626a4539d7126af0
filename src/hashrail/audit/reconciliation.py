"""Reconciliation: the wallet, the chain and the books, compared to the satoshi.

Three parts, each a sum. What is there stands first, what it should be follows, line by line:

- **wallet**: the coins that the node lists, against what the wallet's history says of every transaction;
- **bridge**: the wallet in the partners' books, against the wallet on the chain and whatever is between the two;
- **books**: the wallet in the partners' books, against the deposits and withdrawals that were posted.

What no line explains is an alarm. A line is named only where something proves it: the history, the chain, or a record
of the operator's. So a posting that the chain has nothing for, or a payment that nobody posts, is left over.
"""

from dataclasses import dataclass
from decimal import Decimal

from hashrail import db
from hashrail.audit import reconciliation_books, reconciliation_bridge, reconciliation_wallet
from hashrail.audit.reconciliation_lines import Line, left_over
from hashrail.bitcoin.chain import Chain
from hashrail.db import Pool


@dataclass(frozen=True, slots=True)
class Report:
    """Lines that add up, part by part, and what is left over of each: zero, or an alarm."""

    wallet: list[Line]
    unexplained_btc: Decimal
    bridge: list[Line]
    bridge_unexplained_btc: Decimal
    books: list[Line]
    books_unexplained_btc: Decimal
    simulated: bool

    @property
    def alarm(self) -> bool:
        """Whether anything is left over."""
        return any((self.unexplained_btc, self.bridge_unexplained_btc, self.books_unexplained_btc))


async def reconcile(pool: Pool, chain: Chain) -> Report:
    """Compare everything. Cost: the wallet's whole history, and two calls of the node for each spend in it."""
    picture = await reconciliation_wallet.look(chain)
    # The books after the chain: what was sent was stored before, so they know every payment that the picture has.
    async with db.snapshot(pool) as tx:
        books = await reconciliation_books.read(tx, picture.history)
    wallet = await reconciliation_wallet.read(chain, picture, books)
    coins = await reconciliation_wallet.lines_of(chain, picture, wallet, books)
    bridge = await reconciliation_bridge.lines_of(chain, wallet, books, coins)
    left = [left_over(lines) for lines in (coins, bridge, books.lines)]
    return Report(coins, left[0], bridge, left[1], books.lines, left[2], chain.simulated)
