"""Partners: opened with books, and found by number, id or name without mistake."""

import uuid
from decimal import Decimal

import asyncpg
import pytest

from hashrail import db
from hashrail.parties import partners
from hashrail.selling import billing
from tests.support.books import newcomer
from tests.support.world import World


@pytest.fixture
async def world(shop: World) -> World:
    """A partner of this test's own."""
    return await newcomer(shop)


# Partners.


async def test_a_partner_opens_with_books_and_is_found_by_number_id_or_name(world: World) -> None:
    """A number or public id that is somebody's name belongs to the number's owner first."""
    name = f"wallet {uuid.uuid4()}"
    async with db.transaction(world.pool) as tx:
        made = await partners.create(tx, name=name, credit_limit_usd=Decimal(7), at=world.partner.created_at)
        assert made.public_id.startswith("partner-")
        assert len(made.public_id) == len("partner-") + 36
        for text in (str(made.id), made.public_id, name):
            assert await partners.find(tx, text) == made
        assert await billing.receivable(tx, made.id) == billing.Receivable(Decimal(0), Decimal(0), Decimal(7))
        copycats = [
            await partners.create(tx, name=taken, credit_limit_usd=Decimal(0), at=made.created_at)
            for taken in (str(made.id), made.public_id)
        ]
        assert [await partners.find(tx, each.name) for each in copycats] == [made, made]
        assert [await partners.find(tx, str(each.id)) for each in copycats] == copycats
        for unknown in ("nobody", "0", "", "partner-"):
            with pytest.raises(partners.PartnerNotFoundError) as caught:
                await partners.find(tx, unknown)
            assert (caught.value.status, caught.value.code) == (404, "PARTNER_NOT_FOUND")
        # The namesake is the older one here, so that what happens to stand first does not decide.
        elder = await partners.create(tx, name=uuid.uuid4().hex, credit_limit_usd=Decimal(0), at=made.created_at)
        younger = await partners.create(tx, name=uuid.uuid4().hex, credit_limit_usd=Decimal(0), at=made.created_at)
        for text in (str(younger.id), younger.public_id):
            await tx.execute("UPDATE partner SET name = $2 WHERE id = $1", elder.id, text)
            assert await partners.find(tx, text) == younger
        listed = await partners.every(tx)
        assert listed == sorted(listed, key=lambda each: each.id)
        assert {made, *copycats, world.partner} <= set(listed)


async def test_a_partners_name_is_taken_once(world: World) -> None:
    """And has 1 to 255 characters."""
    with pytest.raises(partners.PartnerExistsError) as caught:
        await world.another_partner(world.partner.name)
    assert (caught.value.status, caught.value.code) == (409, "PARTNER_EXISTS")
    for name in ("", "x" * 256):
        with pytest.raises(asyncpg.CheckViolationError, match="partner_name_check"):
            await world.another_partner(name)
    longest = uuid.uuid4().hex.ljust(255, "x")
    assert (await world.another_partner(longest)).partner.name == longest
