"""Signed reserves without a node: what is refused, and what is kept."""

from datetime import date

import pytest

from hashrail.bitcoin.simulated_chain import SandboxChain
from hashrail.proofs import day_documents, keys, liabilities, reserves
from hashrail.proofs.liabilities import LiabilitiesNotTakenError
from hashrail.proofs.reserves import ReservesNotTakenError, SimulatedCoinsError
from hashrail_client import liabilities as debts
from hashrail_client import reserves as rules
from tests.support import signed_reserves
from tests.support.paying import FEES
from tests.support.world import World


async def taken(world: World) -> None:
    """A day is mined, and it is signed what is owed after it."""
    await world.mine()
    await day_documents.sign_due(world.pool, world.vault)
    await liabilities.take_due(world.pool, world.vault, every_days=1)


async def test_what_is_kept_holds_and_stays(world: World) -> None:
    with pytest.raises(ReservesNotTakenError) as none:
        await reserves.find(world.pool, None)
    assert "through" not in none.value.details
    previous = None
    for _ in range(2):
        await taken(world)
        document, made = await signed_reserves.kept(world, world.vault)
        again, made_again = await signed_reserves.kept(world, world.vault)
        assert (made, made_again) == (True, False)
        assert (
            document == again == await reserves.find(world.pool, None) == await reserves.find(world.pool, document.day)
        )
        known = {one.kid: bytes.fromhex(one.public_key) for one in await keys.published(world.pool)}
        owed = debts.verify_liabilities(answer(await liabilities.find(world.pool, None)), known)
        previous = rules.verify_reserves(answer(document), known, owed, previous=previous)
        assert previous.total > owed.total
    with pytest.raises(ReservesNotTakenError) as unknown:
        await reserves.find(world.pool, date(2020, 1, 1))
    assert unknown.value.details["through"] == document.day.isoformat()


async def test_what_is_refused(world: World) -> None:
    chain = SandboxChain(world.pool, fees=FEES, network="regtest")
    with pytest.raises(LiabilitiesNotTakenError):
        await reserves.prove(world.pool, world.vault, chain, "regtest")
    await taken(world)
    with pytest.raises(SimulatedCoinsError):
        await reserves.prove(world.pool, world.vault, chain, "regtest")


def answer(document: reserves.ReservesDocument | liabilities.LiabilitiesDocument) -> dict[str, str]:
    """A document as the API answers it."""
    members = ("content", "sha256", "kid", "signature")
    return {name: getattr(document, name) for name in members} | {"day": document.day.isoformat()}
