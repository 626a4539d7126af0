"""An Idempotency-Key of a withdrawal holds for ever; what else moves money names something that holds by itself."""

from decimal import Decimal

import pytest

from hashrail import db
from hashrail.access import idempotency, withdrawal_keys
from tests.support.api_client import Api, an_offer, answered, check_refused
from tests.support.payouts import ADDRESSES, funded
from tests.support.upgrades import efficiency

KEY = {"Idempotency-Key": "order-4711"}


@pytest.fixture
async def alice(api: Api) -> int:
    """A user with bitcoin, of a partner that lets the same withdrawal be asked for again at once."""
    user = await api.world.user()
    await funded(api.world, user.id)
    return user.id


async def forget(api: Api) -> None:
    """The retention of every kept answer is over."""
    await api.world.pool.execute("DELETE FROM answered_write WHERE partner_id = $1 RETURNING key", api.world.partner.id)


async def withdrawals(api: Api) -> int:
    return int(
        await api.world.pool.fetchval("SELECT count(*) FROM withdrawal WHERE partner_id = $1", api.world.partner.id)
    )


@pytest.mark.parametrize("operation", ["s2s_withdraw", "s2s_withdraw_fast"])
async def test_the_same_withdrawal_for_ever(api: Api, alice: int, operation: str) -> None:
    facts = {"partnerUserId": "alice", "walletAddress": ADDRESSES[0], "amount": Decimal("0.01")}
    await api.world.pool.execute("UPDATE partner SET duplicate_seconds = 0")
    first = await api.server.call(operation, KEY, **facts)
    assert answered(first) is True
    for _ in range(2):
        await forget(api)
        again = await api.server.call(operation, KEY, **facts)
        assert answered(again) is True
        assert again.headers["x-withdrawal-id"] == first.headers["x-withdrawal-id"]
        assert again.headers["idempotency-replayed"] == "true"
    assert await withdrawals(api) == 1
    await forget(api)
    for changed in ({"amount": Decimal("0.02")}, {"walletAddress": ADDRESSES[1]}, {"partnerUserId": "bob"}):
        check_refused(await api.server.call(operation, KEY, **facts | changed), 422, "IDEMPOTENCY_KEY_REUSED")
    other = "s2s_withdraw_fast" if operation == "s2s_withdraw" else "s2s_withdraw"
    check_refused(await api.server.call(other, KEY, **facts), 422, "IDEMPOTENCY_KEY_REUSED")
    assert answered(await api.server.call(operation, {"Idempotency-Key": "order-4712"}, **facts)) is True
    assert await withdrawals(api) == 2


async def test_what_became_of_it_changes_nothing(api: Api, alice: int) -> None:
    """A withdrawal that was cancelled is not asked for once more by an old key."""
    facts = {"partnerUserId": "alice", "walletAddress": ADDRESSES[0], "amount": Decimal("0.01")}
    first = await api.server.call("s2s_withdraw", KEY, **facts)
    answered(await api.server.call("s2s_withdrawal_cancel", id=int(first.headers["x-withdrawal-id"])))
    await forget(api)
    again = await api.server.call("s2s_withdraw", KEY, **facts)
    assert again.headers["x-withdrawal-id"] == first.headers["x-withdrawal-id"]
    assert await withdrawals(api) == 1


async def test_a_refusal_keeps_no_key(api: Api, alice: int) -> None:
    facts = {"partnerUserId": "alice", "walletAddress": ADDRESSES[0]}
    response = await api.server.call("s2s_withdraw", KEY, **facts, amount=Decimal(5))
    check_refused(response, 409, "INSUFFICIENT_FUNDS", "amount")
    assert answered(await api.server.call("s2s_withdraw", KEY, **facts, amount=Decimal("0.01"))) is True


async def test_partners_do_not_share_keys(api: Api, alice: int) -> None:
    facts = {"partnerUserId": "alice", "walletAddress": ADDRESSES[0], "amount": Decimal("0.01")}
    assert answered(await api.server.call("s2s_withdraw", KEY, **facts)) is True
    other = await api.another_partner()
    await funded(other.world, (await other.world.user()).id)
    assert answered(await other.server.call("s2s_withdraw", KEY, **facts)) is True
    assert (await withdrawals(api), await withdrawals(other)) == (1, 1)


async def test_two_of_one_key_meet(api: Api, alice: int) -> None:
    """Whoever comes second rolls back and gets the first one's answer."""
    facts = {"partnerUserId": "alice", "walletAddress": ADDRESSES[0], "amount": Decimal("0.01")}
    made = await api.server.call("s2s_withdraw", KEY, **facts)
    async with db.transaction(api.world.pool) as tx:
        operation, body_hash = (
            await tx.fetchrow(
                "SELECT operation, body_hash FROM withdrawal_key WHERE partner_id = $1", api.world.partner.id
            )
        ) or ("", b"")
        key = idempotency.Key(idempotency.IDEMPOTENCY_KEY, b"order-4711", operation, body_hash)
        assert await withdrawal_keys.find(tx, api.world.partner.id, key) == int(made.headers["x-withdrawal-id"])
        with pytest.raises(idempotency.AnsweredMeanwhileError):
            await withdrawal_keys.keep(tx, api.world.partner.id, key, 1)


async def test_other_writes_hold_by_what_they_name(api: Api, miner_id: int) -> None:
    """An upgrade by the value that it begins from, an order by its externalId, a transfer by who owns the miner."""
    upgrade = efficiency(miner_id, 15, 14)
    answered(await api.server.call("s2s_upgrade", KEY, **upgrade))
    await forget(api)
    check_refused(await api.server.call("s2s_upgrade", KEY, **upgrade), 409, "UPGRADE_STALE")
    user, offer = await api.world.user(), await an_offer(api.world, "1")
    facts = {"userId": user.id, "nftCollectionId": offer.id, "externalId": "one"}
    first = answered(await api.server.call("s2s_payment_create", **facts))
    await forget(api)
    assert answered(await api.server.call("s2s_payment_create", **facts)) == first
    await api.world.user("bob")
    transfer = {"partnerUserId": "alice", "nftId": miner_id, "toPartnerUserId": "bob"}
    answered(await api.server.call("s2s_transfer", KEY | {"Idempotency-Key": "give"}, **transfer))
    await forget(api)
    response = await api.server.call("s2s_transfer", {"Idempotency-Key": "give"}, **transfer)
    assert response.status_code in (403, 404, 409)
