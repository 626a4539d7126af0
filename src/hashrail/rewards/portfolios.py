"""Large portfolios: whoever has had hundreds of stints since they were settled is settled, though nobody asked for it.

What a user can spend is what they were settled and what their stints earned since. A miner that is upgraded ends a
stint and begins another, so a user of a thousand miners would have ten thousand of them to be added up at each look at
the balance. Settled, it is what is on the account and one sum a class. The books are the running total: nothing else
is kept, and what is audited of settlements is audited of this.

Only users with stints that are new since the last look are counted, so a look costs what changed.
"""

from hashrail import db
from hashrail.books import fence
from hashrail.db import Tx
from hashrail.parties import partners
from hashrail.rewards import settling

# Stints that began since a user was settled: more are settled when the next day is closed.
MOST_UNSETTLED = 250


async def settle_large(pool: db.Pool, *, most: int = MOST_UNSETTLED) -> int:
    """Settle users of whom `most` stints or more began since they were; answers how many. Again it does nothing.

    A transaction a partner and one a user, so that nobody waits for all of them.
    """
    settled = 0
    for partner_id in await partners.ids(pool):
        async with db.transaction(pool) as tx:
            large = await _large(tx, partner_id, most)
        for user_id in large:
            async with db.transaction(pool) as tx:
                books = await fence.share(tx, partner_id)
                settled += bool(await settling.settle(tx, books, user_id))
    return settled


async def _large(tx: Tx, partner_id: int, most: int) -> list[int]:
    """A partner's users that are to be settled, of those with stints that nobody has looked at; now somebody has."""
    newest = await tx.fetchval("SELECT max(id) FROM stint WHERE partner_id = $1", partner_id)
    looked = await tx.fetchval("SELECT looked_at_stint FROM partner_day WHERE partner_id = $1", partner_id)
    if newest is None or newest <= looked:
        return []
    rows = await tx.fetch(
        """SELECT u.id FROM app_user u
           JOIN stint s ON s.partner_id = u.partner_id AND s.user_id = u.id
                       AND s.from_day > coalesce(u.settled_through, '-infinity')
           WHERE u.partner_id = $1
             AND u.id IN (SELECT f.user_id FROM stint f WHERE f.partner_id = $1 AND f.id > $2 AND f.id <= $3)
           GROUP BY u.id HAVING count(*) >= $4 ORDER BY u.id""",
        partner_id,
        looked,
        newest,
        most,
    )
    await tx.execute("UPDATE partner_day SET looked_at_stint = $2 WHERE partner_id = $1", partner_id, newest)
    return [row["id"] for row in rows]
