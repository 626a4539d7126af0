"""Signed days: they are reckoned again by the SDK alone, and whatever is forged in them is found."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hashrail import db
from hashrail.proofs import day_documents, keys
from hashrail.proofs.day_documents import DayDocument, DayNotSignedError
from hashrail.rewards import settling
from hashrail.rewards.formula import full_pay_per_share
from hashrail_client import proofs
from hashrail_client.proofs import ProofError, VerifiedDay
from tests.support.rewards import adjust
from tests.support.world import World

ENCODER = msgspec.json.Encoder(decimal_format="number")
CHAIN = {"difficulty": "120000000000000", "subsidy_btc": "3.125", "fees_btc": "0.031"}
PAID = full_pay_per_share(*(Decimal(each) for each in CHAIN.values()))
Document = dict[str, Any]


async def signed(world: World, days: int, **changes: str) -> list[DayDocument]:
    """So many days are mined, closed and signed."""
    for _ in range(days):
        await world.mine(**changes)
    assert await day_documents.sign_due(world.pool, world.vault) >= days
    assert await day_documents.sign_due(world.pool, world.vault) == 0, "once"
    return await day_documents.listed(world.pool, after=None, limit=100)


async def public_keys(world: World) -> dict[str, bytes]:
    """As anybody can read them."""
    return {one.kid: bytes.fromhex(one.public_key) for one in await keys.published(world.pool)}


def as_served(document: DayDocument) -> Document:
    """What the API answers of it."""
    return asdict(document) | {"day": document.day.isoformat()}


async def verified(world: World, documents: list[DayDocument]) -> list[VerifiedDay]:
    """Each of them, and that it follows from the one before."""
    known = await public_keys(world)
    found: list[VerifiedDay] = []
    for each in documents:
        found.append(proofs.verify_day(as_served(each), known, previous=found[-1] if found else None))
    return found


async def test_days_follow_from_their_inputs_and_from_each_other(world: World) -> None:
    alice = await world.user("alice")
    await world.miner(alice.id, "4")
    await world.miner(alice.id, "0.5", "15")
    documents = await signed(world, 3)
    days = await verified(world, documents)
    assert days[0].content["previous"] is None
    assert len({day.sha256 for day in days}) == 3
    with pytest.raises(ProofError, match="CHAIN"):
        proofs.verify_day(as_served(documents[2]), await public_keys(world), previous=days[0])


async def test_a_partner_opens_its_own_commitment(world: World) -> None:
    """What its users earned follows from it, also when days were closed since."""
    other = await world.another_partner("other")
    alice, bob = await world.user("alice"), await other.user("bob")
    await world.miner(alice.id, "4")
    await other.miner(bob.id, "7")
    for added in ("3", "2", "1"):
        await other.close(await world.mine())
        await world.miner(alice.id, added)
    assert await day_documents.sign_due(world.pool, world.vault) == 3
    documents = await day_documents.listed(world.pool, after=None, limit=100)
    days = await verified(world, documents)
    powers, earned = [], Decimal(0)
    for document, day in zip(documents, days, strict=True):
        async with db.transaction(world.pool) as tx:
            opening = await day_documents.open_power(tx, world.vault, document.day, partner_id=world.partner.id)
        told = {"day": opening.day.isoformat(), "salt": opening.salt, "text": opening.text}
        lines = proofs.verify_power(day, told)
        powers.append(sum(line["power"] for line in lines))
        earned += sum(line["net"] for line in lines)
        for forged in ({"salt": "00" * 32}, {"text": told["text"] + " "}):
            with pytest.raises(ProofError, match="COMMITMENT"):
                proofs.verify_power(day, told | forged)
    assert powers == [0, 4, 7]
    async with db.snapshot(world.pool) as tx:
        booked = await settling.income_between(tx, world.partner.id, alice.id, after=None, through=documents[-1].day)
    assert earned == booked


async def test_no_day_is_signed_before_every_partner_has_closed_it(world: World) -> None:
    assert await day_documents.sign_due(world.pool, world.vault) == 0
    with pytest.raises(DayNotSignedError):
        await day_documents.find(world.pool, await world.today())
    await world.mine()
    await world.pool.execute("UPDATE partner_day SET closed_through = closed_through - 1")
    assert await day_documents.sign_due(world.pool, world.vault) == 0


FORGERIES: dict[str, tuple[str, Callable[[Document], object]]] = {
    "a rate": ("RATES", lambda content: content["classes"][0].update(net=content["classes"][0]["pool"])),
    "electricity": ("RATES", lambda content: content["classes"][0].update(c1=Decimal(0))),
    "the price": ("RATES", lambda content: content["inputs"].update(btcUsd=Decimal(1))),
    "a discount": ("DISCOUNT", lambda content: content["classes"][0].update(discount=Decimal("0.3"))),
    "a level": ("DISCOUNT", lambda content: content["classes"][0].update(levelDiscount=Decimal("0.3"))),
    "the cap": ("DISCOUNT", lambda content: content["inputs"].update(discountCap=Decimal("-0.1"))),
    "the difficulty": ("POOL", lambda content: content["inputs"].update(difficulty=Decimal(100))),
    "the kind": ("CONTENT", lambda content: content.update(document="something else")),
    "the version": ("CONTENT", lambda content: content.update(version=2)),
    "the key's name": ("CONTENT", lambda content: content.update(kid="another")),
    "the day": ("CONTENT", lambda content: content.update(day="2020-01-01")),
    "the day before": ("CHAIN", lambda content: content.update(previous="00" * 32)),
}


@pytest.mark.parametrize("name", FORGERIES)
async def test_what_is_forged_is_found(world: World, name: str) -> None:
    """Unsigned it is no signature; and signed by the operator itself, it does not follow from its inputs."""
    code, forge = FORGERIES[name]
    alice = await world.user("alice")
    await world.miner(alice.id, "4")
    documents = await signed(world, 2, **CHAIN, pool_btc_per_th=str(PAID))
    first, _ = await verified(world, documents)
    content = proofs.read(documents[1].content)
    forge(content)
    text = ENCODER.encode(content).decode()
    forged = replace(documents[1], content=text, sha256=hashlib.sha256(text.encode()).hexdigest())
    known = await public_keys(world)
    with pytest.raises(ProofError, match="SIGNATURE"):
        proofs.verify_day(as_served(forged), known, previous=first)
    key = Ed25519PrivateKey.generate()
    own = {documents[1].kid: key.public_key().public_bytes_raw()}
    forged = replace(forged, signature=key.sign(text.encode()).hex())
    with pytest.raises(ProofError, match=code):
        proofs.verify_day(as_served(forged), own, previous=first)
    with pytest.raises(ProofError, match="KEY_UNKNOWN"):
        proofs.verify_day(as_served(forged), {}, previous=first)


async def test_a_correction_stands_in_the_document_of_its_credit(world: World) -> None:
    alice = await world.user("alice")
    await world.miner(alice.id, "4")
    day = await world.mine()
    await adjust(world, day, btc_usd="90000")
    documents = await signed(world, 1)
    content = (await verified(world, documents))[-1].content
    [correction] = content["adjustments"]
    assert (correction["day"], correction["btcUsd"]) == (day.isoformat(), 90_000)
    assert correction["classes"][0]["net"] > 0
