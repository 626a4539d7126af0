"""Large portfolios: whoever has had hundreds of stints since they were settled is settled, though nobody asked for it.

What a user can spend is what they were settled and what their stints earned since. A miner that is upgraded ends a
stint and begins another, so a user of a thousand miners would have ten thousand of them to be added up at each look at
the balance. Settled, it is what is on the account and one sum a class. The books are the running total: nothing else
is kept, and what is audited of settlements is audited of this.

Only users with stints that are new since the last look are counted, so a look costs what changed.
"""

from hashrail import db
from hashrail.books import fence
from hashrail.db import Row, Tx
from hashrail.rewards import settling

# Stints that began since a user was settled: more are settled when the next day is closed.
MOST_UNSETTLED = 250
PARTNERS_AT_ONCE = 100

# Partners with stints that nobody has looked at, and which these are by number.
_NEWS = """
    SELECT p.partner_id, p.looked_at_stint AS looked, n.newest FROM partner_day p
    CROSS JOIN LATERAL (
        SELECT max(s.id) AS newest FROM stint s
        WHERE s.partner_id = p.partner_id AND s.id > p.looked_at_stint GROUP BY s.partner_id) AS n
    ORDER BY p.partner_id"""
_LARGE = """
    SELECT u.id FROM app_user u
    JOIN stint s ON s.partner_id = u.partner_id AND s.user_id = u.id
                AND s.from_day > coalesce(u.settled_through, '-infinity')
    WHERE u.partner_id = $1
      AND u.id IN (SELECT f.user_id FROM stint f WHERE f.partner_id = $1 AND f.id > $2 AND f.id <= $3)
    GROUP BY u.id HAVING count(*) >= $4 ORDER BY u.id"""


async def settle_large(pool: db.Pool, *, most: int = MOST_UNSETTLED) -> int:
    """Settle users of whom `most` stints or more began since they were; answers how many. Again it does nothing.

    Groups of partners with new stints are looked at in a transaction each, and users are settled in one each, so that
    nobody waits for all of them.
    """
    settled = 0
    news = await pool.fetch(_NEWS)
    for start in range(0, len(news), PARTNERS_AT_ONCE):
        async with db.transaction(pool) as tx:
            large = await _large(tx, news[start : start + PARTNERS_AT_ONCE], most)
        for partner_id, user_id in large:
            async with db.transaction(pool) as tx:
                books = await fence.share(tx, partner_id)
                settled += bool(await settling.settle(tx, books, user_id))
    return settled


async def _large(tx: Tx, news: list[Row], most: int) -> list[tuple[int, int]]:
    """Partners' users that are to be settled, of those with stints that nobody has looked at; now somebody has."""
    found = []
    for row in news:
        large = await tx.fetch(_LARGE, row["partner_id"], row["looked"], row["newest"], most)
        found += [(row["partner_id"], each["id"]) for each in large]
    await tx.executemany(
        "UPDATE partner_day SET looked_at_stint = $2 WHERE partner_id = $1",
        [(row["partner_id"], row["newest"]) for row in news],
    )
    return found
