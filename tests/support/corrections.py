"""Corrections by hand, in transactions of their own."""

import uuid
from decimal import Decimal

from hashrail import db
from hashrail.books import fence
from hashrail.custody import corrections
from hashrail.custody.corrections import Correction
from tests.support.world import World


async def given(
    world: World,
    user_id: int,
    amount: str,
    currency: str = "BTC",
    *,
    reference: str | None = None,
    reason: str = "a drill",
) -> bool:
    """Credit a user, or debit them by an amount below zero."""
    named = str(uuid.uuid4()) if reference is None else reference
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        return await corrections.correct(tx, books, Correction(user_id, currency, Decimal(amount), named, reason))
