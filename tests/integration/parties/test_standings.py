"""A partner's standing: what it is, and what becomes of it when it is changed twice."""

import pytest

from hashrail import db
from hashrail.books import fence
from hashrail.books.fence import PartnerClosedError, PartnerSuspendedError
from hashrail.parties import standings
from hashrail.parties.operators import ReasonMissingError
from tests.support.standings import reopened, suspended
from tests.support.world import World


async def test_again_changes_nothing(world: World) -> None:
    """The reason and the time stay those of the first."""
    async with db.transaction(world.pool) as tx:
        assert (await standings.of_partner(tx, world.partner.id)).standing == "open"
    assert await reopened(world) == standings.Present("open", None, None)
    first = await suspended(world)
    assert (first.standing, first.reason) == ("suspended", "its key was stolen")
    async with db.transaction(world.pool) as tx:
        assert await standings.suspend(tx, world.partner.id, reason="another") == first
    assert (await reopened(world)).reason == "it has new keys"
    entries = await world.pool.fetch("SELECT kind FROM journal_entry WHERE kind LIKE 'partner %' ORDER BY id")
    assert [row["kind"] for row in entries] == ["partner suspended", "partner reopened"]


async def test_a_reason_is_given(world: World) -> None:
    for verb in (standings.suspend, standings.reopen):
        with pytest.raises(ReasonMissingError):
            async with db.transaction(world.pool) as tx:
                await verb(tx, world.partner.id, reason=" ")


async def test_a_suspended_partner_registers_nobody(world: World) -> None:
    """Who is registered is found as before."""
    alice = await world.user("alice")
    await suspended(world)
    assert await world.user("alice") == alice
    with pytest.raises(PartnerSuspendedError):
        await world.user("bob")


async def test_what_is_shared_says_how_it_stands(world: World) -> None:
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        books.assert_open()
    await suspended(world)
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        assert books.standing == "suspended"
        books.assert_not_closed()
        with pytest.raises(PartnerSuspendedError):
            books.assert_open()
    closed = fence.OpenBooks(world.partner.id, books.now, None, "closed")
    for check in (closed.assert_open, closed.assert_not_closed):
        with pytest.raises(PartnerClosedError) as caught:
            check()
        assert (caught.value.status, caught.value.code) == (403, "PARTNER_CLOSED")
