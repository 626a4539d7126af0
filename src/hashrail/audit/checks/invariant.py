"""What an invariant is: a named rule of the books, with the query that answers the rows that break it."""

from dataclasses import dataclass

from hashrail.books.chart import Account
from hashrail.db import Tx

MAX_ROWS = 20


@dataclass(frozen=True, slots=True)
class Invariant:
    """A rule of the books; `query` answers the rows that break it. `accounts` are its $1, $2, ... of the chart."""

    name: str
    rule: str
    query: str
    accounts: tuple[Account, ...] = ()

    async def broken_by(self, tx: Tx) -> list[dict[str, object]]:
        """The first rows that break it; none where it holds."""
        rows = await tx.fetch(self.query, *(account.value for account in self.accounts))
        return [dict(row.items()) for row in rows[:MAX_ROWS]]
