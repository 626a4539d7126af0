"""Sessions of users that are open without anybody having called."""

from datetime import timedelta

from hashrail import clock, db
from hashrail.access import session_grants
from tests.support.world import World


async def open_session(world: World, name: str, key_id: int | None = None) -> int:
    """Write what a login writes, without its tokens; answers the family."""
    user, now = await world.user(name), clock.wall_now()
    async with db.transaction(world.pool) as tx:
        family_id: int = await tx.fetchval(
            """INSERT INTO refresh_family (partner_id, user_id, created_at, rotated_at, expires_at)
               VALUES ($1, $2, $3, $3, $4) RETURNING id""",
            world.partner.id,
            user.id,
            now,
            now + timedelta(days=30),
        )
        await session_grants.record(tx, world.partner.id, family_id, user_id=user.id, key_id=key_id)
    return family_id
