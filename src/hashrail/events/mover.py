"""Moving drafts to the ends of the feeds, a transaction a turn, until nothing waits."""

from hashrail import db
from hashrail.db import Pool
from hashrail.events import feed


async def move_all(pool: Pool) -> int:
    """Every partner's committed drafts, in turns of the partners; answers how many events found their position.

    A mover that is killed leaves whole turns only. A feed that another one holds is left to it, so that nobody waits
    for a partner whose mover hangs.
    """
    moved, left = 0, set[int]()
    while waiting := [each for each in await feed.with_drafts(pool) if each not in left]:
        for partner_id in waiting:
            async with db.transaction(pool) as tx:
                found = await feed.append_drafts(tx, partner_id, waits=False)
            moved += found
            if not found:
                left.add(partner_id)
    return moved
