"""Every type is told by the verb that does it: once, in its transaction, and no secret is in it."""

import datetime as dt
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hashrail import clock, db
from hashrail.access import api_keys, origins, read_tokens, session_grants, ton_domains
from hashrail.access.read_tokens import ReadToken
from hashrail.alarms.delivery import Receivers
from hashrail.bitcoin.simulated_chain import SandboxChain
from hashrail.books import fence
from hashrail.books.fence import OpenBooks
from hashrail.books.ledger import InsufficientFundsError
from hashrail.custody import approvals, bound_wallets, deposit_addresses, deposits
from hashrail.custody.deposits import DepositTerms
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.events import catalogue, endpoints
from hashrail.parties import users
from hashrail.payouts import exports, processor
from hashrail.rewards import rate_classes
from hashrail.selling import orders, payment_reversals, refunds
from hashrail.settings import Settings
from tests.support.books import advance, buy, cancel, hand_over, notify, offer, order, pay, upgrade
from tests.support.corrections import given
from tests.support.deployments import become, deployed
from tests.support.eventful import Told
from tests.support.hooked import endpoint
from tests.support.listening import Listener
from tests.support.operators import hired, strangers
from tests.support.paying import FAST, FEES, settings
from tests.support.payouts import ADDRESSES, BINDING, asked, cancelled, policy
from tests.support.sessions import open_session
from tests.support.standings import closed, reopened, suspended
from tests.support.watched import Watched
from tests.support.world import World

HOUR = dt.timedelta(hours=1)
Verb = Callable[[Tx, OpenBooks], Awaitable[Any]]


class RolledBackError(Exception):
    """It did not happen."""


async def twice(world: World, verb: Verb) -> None:
    """The same in two transactions; what happens to be a no-op the second time is told once."""
    for _ in range(2):
        await once(world, verb)


async def once(world: World, verb: Verb) -> Any:
    async with db.transaction(world.pool) as tx:
        return await verb(tx, await fence.share(tx, world.partner.id))


@pytest.fixture
def listener(world: World) -> Listener:
    return Listener(world)


async def test_every_type_is_told(world: World, dsn: str, tmp_path: Path) -> None:
    """By a partner's life in which everything happens."""
    listener = Listener(world)
    await of_users(world, listener)
    await of_sales(world, listener)
    await of_days(world, listener)
    chain = SandboxChain(world.pool, fees=FEES, network="regtest")
    await chain.tip()
    deployment = deployed(world.pool, settings(), chain)
    await of_withdrawals(world, listener, deployment, chain)
    await of_deposits(world, listener, deployment, chain)
    secrets = await of_access(world, listener)
    await of_webhooks(world, listener)
    await of_standing(world, listener)
    alarmed = await of_alarms(world, dsn, tmp_path)
    told = [*listener.heard, *alarmed.heard]
    assert {each.type for each in told} == set(catalogue.kinds())
    assert [each.type for each in told for secret in secrets if secret in each.data] == []
    await listener.check_states()
    await listener.check_balances()
    assert len(listener.last("withdrawal")) == 4


async def of_users(world: World, listener: Listener) -> None:
    alice = await world.user("alice")
    await world.user("alice")
    partner_id = world.partner.id
    await twice(world, lambda tx, _: users.block(tx, partner_id, "alice", payouts_go_on=True))
    await twice(world, lambda tx, _: users.unblock(tx, partner_id, "alice"))
    who = {"userId": alice.id, "partnerUserId": "alice"}
    assert await listener.hears() == [
        ("user.created", who),
        ("user.blocked", {**who, "payoutsGoOn": True}),
        ("user.unblocked", who),
    ]


async def of_sales(world: World, listener: Listener) -> None:
    """A level is told with what makes it another one, before that is."""
    alice, bob = await world.user("alice"), await world.user("bob")
    bought = await buy(world, alice.id, "4", "o-1")
    await notify(world, alice.id, "o-1")
    await upgrade(world, bought.miner_id, "power", "4", "5")
    await hand_over(world, bought.miner_id, "alice", "bob")
    told = await listener.hears()
    assert [name for name, _ in told] == [
        *("user.created", "order.created", "order.issued", "miner.issued"),
        *("user.changed", "miner.upgraded", "post_payment.created"),
        *("user.changed", "user.changed", "miner.transferred"),
    ]
    miner = {"nftId": bought.miner_id, "userId": alice.id}
    assert told[3][1] == {**miner, "externalId": "o-1", "power": 4, "energyEfficiency": 15}
    level = str((await users.find(world.pool, world.partner.id, "bob")).level_discount)
    changed = {name: {"userId": who.id, "partnerUserId": name} for name, who in (("alice", alice), ("bob", bob))}
    assert told[4][1] == {**changed["alice"], "levelDiscount": level}
    assert [told[7][1], told[8][1]] == [
        {**changed["alice"], "levelDiscount": 0},
        {**changed["bob"], "levelDiscount": level},
    ]
    assert told[6][1] == {"id": "1", "nftId": bought.miner_id, "value": told[6][1]["value"], "type": "nftPowerUpgrade"}
    assert told[9][1] == {
        "nftId": bought.miner_id,
        "userId": bob.id,
        "fromUserId": alice.id,
        "fromPartnerUserId": "alice",
        "toPartnerUserId": "bob",
    }
    await order(world, bob.id, "o-2", await offer(world))
    await cancel(world, "o-2")
    await cancel(world, "o-2")
    await order(world, bob.id, "o-3", await offer(world), ttl=HOUR)
    await advance(world, 2 * HOUR)
    await twice(world, lambda tx, _: orders.expire_due(tx, world.partner.id))
    assert await listener.types() == ["order.created", "order.cancelled", "order.created", "order.expired"]
    assert [await pay(world, "50.5", "SEPA 1") for _ in range(2)] == [True, False]
    found = await payment_reversals.find(world.pool, world.partner.id, reference="SEPA 1")
    await twice(world, lambda tx, books: payment_reversals.reverse(tx, books, found.id, reason="bounced"))
    payment = {"id": found.id, "reference": "SEPA 1", "amount": "50.5"}
    assert await listener.hears() == [("partner_payment.recorded", payment), ("partner_payment.reversed", payment)]


async def of_days(world: World, listener: Listener) -> None:
    await world.mine()
    assert await listener.hears() == [], "nobody had a miner"
    day = await world.mine()
    await once(
        world, lambda tx, _: rate_classes.adjust(tx, day, reason="typed", at=clock.wall_now(), btc_usd=Decimal(70_000))
    )
    await world.mine()
    told = await listener.hears()
    assert [name for name, _ in told] == ["day.closed", "day.closed", "adjustment.published"]
    first, adjusted = told[0][1], told[2][1]
    assert (first["day"], first["power"]) == (day.isoformat(), 5)
    assert Decimal(first["poolReward"]) == sum(Decimal(first[name]) for name in ("value", "c1Value", "c2Value"))
    assert (adjusted["day"], adjusted["effectiveDay"]) == (day.isoformat(), told[1][1]["day"])
    assert Decimal(adjusted["value"]) == -Decimal(adjusted["c1Value"]) - Decimal(adjusted["c2Value"])
    await once(world, lambda tx, _: refunds.set_takes_income(tx, world.partner.id, takes=True))

    async def refund(tx: Tx, books: OpenBooks) -> None:
        await refunds.refund(tx, books, await refunds.lock(tx, books, "o-1"), reason="charged back")

    await once(world, refund)
    told = await listener.hears()
    assert [name for name, _ in told] == [
        *("user.changed", "balance.changed", "order.refunded", "miner.ended", "post_payment.reversed")
    ]
    taken = told[1][1]
    assert (taken["partnerUserId"], taken["cause"], taken["reference"]) == ("bob", "refund", "o-1")
    assert Decimal(taken["change"]) == -sum(Decimal(each["value"]) for each in (first, told_day(listener), adjusted))
    assert told[3][1]["cause"] == "refunded"


def told_day(listener: Listener) -> dict[str, Any]:
    """What the last day has brought."""
    return list(listener.last("day").values())[-1]


async def of_withdrawals(world: World, listener: Listener, deployment: Deployment, chain: SandboxChain) -> None:
    alice = await world.user("alice")
    await policy(world, 0)
    assert await given(world, alice.id, "1.5")
    one, other = await hired(world.pool, "ann"), await hired(world.pool, "ben")
    await strangers(world.pool)
    named: dict[str, Any] = {"user_id": alice.id, "address": ADDRESSES[1]}
    await twice(world, lambda tx, books: bound_wallets.bind(tx, books, BINDING, **named))
    await twice(world, lambda tx, books: bound_wallets.unbind(tx, books, BINDING, **named))
    assert await listener.types() == ["balance.changed", "wallet.bound", "wallet.unbound"]

    await world.pool.execute("UPDATE payout_policy SET approval_threshold_btc = 0.5, cooldown_seconds = 3600")
    large = await asked(world, alice.id, "0.6", speed="fast")
    await once(world, lambda tx, books: approvals.approve(tx, books, one, large.id))
    await twice(world, lambda tx, books: approvals.approve(tx, books, other, large.id))
    told = await listener.hears()
    assert [name for name, _ in told] == [
        *("balance.changed", "balance.changed", "withdrawal.requested", "withdrawal.awaiting_approval"),
        *("withdrawal.queued", "withdrawal.delayed"),
    ]
    assert [(each["change"], each["reservedChange"]) for _, each in told[:2]] == [(0, "0.6"), (0, "0.00006")]
    asked_for = {name: told[2][1][name] for name in ("id", "partnerUserId", "walletAddress", "amount", "fee", "state")}
    assert asked_for == {
        "id": large.id,
        "partnerUserId": "alice",
        "walletAddress": ADDRESSES[0],
        "amount": "0.6",
        "fee": "0.00006",
        "state": "awaiting_approval",
    }
    assert (told[5][1]["cause"], told[5][1]["until"]) == ("COOL_DOWN", clock.iso(large.created_at + HOUR))
    await world.pool.execute("UPDATE payout_policy SET cooldown_seconds = 0")

    async def wait_for(*names: str) -> None:
        await processor.run(deployment)
        assert [name for name in await listener.types() if name.startswith("withdrawal")] == list(names)

    await advance(world, FAST)
    await wait_for("withdrawal.signed", "withdrawal.broadcast")
    await chain.mine(1)
    await wait_for("withdrawal.confirmed")
    await chain.reorg(1)
    await wait_for("withdrawal.broadcast")
    await chain.mine(6)
    await processor.run(deployment)
    told = await listener.hears()
    assert [name for name, _ in told] == [
        "withdrawal.confirmed",
        "balance.changed",
        "balance.changed",
        "withdrawal.final",
    ]
    assert [(each["change"], each["reservedChange"]) for name, each in told[1:3]] == [
        ("-0.6", "-0.6"),
        ("-0.00006", "-0.00006"),
    ]

    taken_back = await asked(world, alice.id, "0.01")
    for _ in range(2):
        await cancelled(world, taken_back.id)
    refused = await asked(world, alice.id, "0.02")
    await twice(world, lambda tx, books: approvals.refuse(tx, books, one, refused.id, "a sanctioned address"))
    elsewhere = await asked(world, alice.id, "0.03")
    async with db.transaction(world.pool) as tx:
        assert await exports.export(tx, one) is not None
    await once(world, lambda tx, books: exports.cancel(tx, books, one, elsewhere.id, "not paid there"))
    told = [(name, each) for name, each in await listener.hears() if name != "balance.changed"]
    assert [(name.removeprefix("withdrawal."), each["reason"]) for name, each in told] == [
        *(("requested", None), ("queued", None), ("cancelled", None)),
        *(("requested", None), ("queued", None), ("refused", "a sanctioned address")),
        *(("requested", None), ("queued", None), ("exported", None), ("cancelled", "not paid there")),
    ]


async def of_deposits(world: World, listener: Listener, deployment: Deployment, chain: SandboxChain) -> None:
    alice = await world.user("alice")
    address = await deposit_addresses.of_user(world.pool, chain, world.partner.id, alice.id)
    needed = deployment.settings.bitcoin_deposit_confirmations
    txid = await chain.receive(address, Decimal("0.25"))
    await processor.run(deployment)
    await chain.mine(needed)
    await processor.run(deployment)
    await chain.reorg(needed)
    await chain.evict(txid)
    await processor.run(deployment)
    stolen = await chain.receive(address, Decimal("0.125"))
    await processor.run(deployment)
    # What was received on the simulated chain has no coins that another payment could spend.
    depths = {txid: [0], stolen: [-deployment.settings.bitcoin_final_depth]}
    await deposits.watch(world.pool, Told(depths), DepositTerms.of(deployment.settings))
    told = await listener.hears()
    assert [(name, each.get("txid")) for name, each in told] == [
        *(("deposit.pending", txid), ("balance.changed", None), ("deposit.credited", txid), ("deposit.lost", txid)),
        *(("deposit.pending", stolen), ("deposit.gone", stolen)),
    ]
    changed = told[1][1]
    assert (changed["change"], changed["cause"], changed["reference"]) == ("0.25", "deposit", str(told[0][1]["id"]))


async def of_access(world: World, listener: Listener) -> list[str]:
    """Answers what no partner may ever read in an event."""
    partner_id, hidden = world.partner.id, list[str]()

    async def keys(tx: Tx, _: OpenBooks) -> int:
        made = await api_keys.create_key(tx, world.vault, partner_id=partner_id, kind="full", label="shop")
        rotated = await api_keys.rotate_key(tx, world.vault, partner_id=partner_id, key_id=made.key_id)
        hidden.extend(filter(None, (made.key, made.secret, rotated.secret)))
        return made.key_id

    key_id = await once(world, keys)
    await twice(world, lambda tx, _: api_keys.revoke_old_secret(tx, partner_id=partner_id, key_id=key_id))
    await twice(world, lambda tx, _: api_keys.set_scopes(tx, partner_id=partner_id, key_id=key_id, scopes=["login"]))
    await open_session(world, "alice", key_id)
    await twice(world, lambda tx, _: api_keys.revoke_key(tx, partner_id=partner_id, key_id=key_id))
    key = {"id": key_id, "label": "shop", "kind": "full"}
    told = await listener.hears()
    assert (told[0][0], told[0][1]["label"]) == ("api_key.created", "shop")
    assert told[1:] == [
        ("api_key.rotated", key),
        ("api_key.secrets_revoked", {**key, "count": 1}),
        ("api_key.scopes_changed", {**key, "scopes": ["login"]}),
        ("partner.sessions_ended", {"partnerId": world.partner.public_id, "count": 1, "keyId": key_id}),
        ("api_key.revoked", key),
    ]
    session = await open_session(world, "alice")
    alice = await world.user("alice")

    async def token(tx: Tx, name: str) -> ReadToken:
        return await read_tokens.create(tx, partner_id, alice.id, label=name, days=9, key_id=None)

    bill = await once(world, lambda tx, _: token(tx, "bill"))
    tax = await once(world, lambda tx, _: token(tx, "tax"))
    await twice(world, lambda tx, _: read_tokens.revoke(tx, partner_id, alice.id, bill.text))
    await twice(world, lambda tx, _: session_grants.end(tx, partner_id, user_id=alice.id))
    await twice(world, lambda tx, _: origins.add(tx, partner_id, "https://app.example"))
    await twice(world, lambda tx, _: origins.remove(tx, partner_id, "https://app.example"))
    await twice(world, lambda tx, _: ton_domains.add_ton_domain(tx, partner_id, "app.example"))
    await once(world, lambda tx, _: ton_domains.remove_ton_domain(tx, partner_id, "app.example"))
    named = {"partnerId": world.partner.public_id}
    kept = [{"id": one.text, "userId": alice.id, "name": one.label} for one in (bill, tax)]
    assert await listener.hears() == [
        ("read_token.created", {**kept[0], "expiresAt": clock.iso(bill.expires_at)}),
        ("read_token.created", {**kept[1], "expiresAt": clock.iso(tax.expires_at)}),
        ("read_token.revoked", kept[0]),
        ("read_token.revoked", kept[1]),
        ("session.ended", {"id": str(session), "userId": alice.id, "cause": "ended"}),
        ("partner.origins_changed", {**named, "origins": ["https://app.example"]}),
        ("partner.origins_changed", {**named, "origins": []}),
        ("partner.ton_domains_changed", {**named, "domains": ["app.example"]}),
        ("partner.ton_domains_changed", {**named, "domains": []}),
    ]
    assert len(hidden) == 3
    return hidden


async def of_webhooks(world: World, listener: Listener) -> None:
    made, _ = await endpoint(world, "https://shop.example/hooks")
    await once(world, lambda tx, _: endpoints.test(tx, world.partner.id, made.id))
    await twice(world, lambda tx, _: endpoints.disable(tx, world.partner.id, made.id, "partner"))
    assert await listener.hears() == [
        ("webhook_endpoint.test", {"endpointId": made.id}),
        ("webhook_endpoint.disabled", {"endpointId": made.id, "url": made.url, "reason": "partner"}),
    ]


async def of_standing(world: World, listener: Listener) -> None:
    alice = await world.user("alice")
    await buy(world, alice.id, "1", "o-9")
    assert await listener.types() == ["order.created", "order.issued", "miner.issued"]
    for standing in (suspended, reopened, closed):
        await standing(world)
        await standing(world) if standing is not closed else None
    assert await listener.types() == ["partner.suspended", "partner.reopened", "miner.ended", "partner.closed"]


async def of_alarms(world: World, dsn: str, folder: Path) -> Listener:
    """A partner that has nearly used its credit hears of it; nobody else does."""
    become(dsn, mode="sandbox")
    chain = SandboxChain(world.pool, fees=FEES, network="regtest")
    of_sandbox = Settings(mode="sandbox", journal=folder / "journal.jsonl")
    watched = Watched(deployed(world.pool, of_sandbox, chain), Receivers({}))
    small = await world.another_partner("small", Decimal(60))
    user = await small.user()
    await order(small, user.id, "o-1", await offer(small, "4"))
    await watched.evaluate()
    await watched.evaluate(minutes=6)
    await watched.evaluate(minutes=1)
    await cancel(small, "o-1")
    for minutes in (1, 1, 6):
        await watched.evaluate(minutes=minutes)
    listener = Listener(small)
    told = [(name, each) for name, each in await listener.hears() if name.startswith("alarm")]
    assert [(name, each["code"]) for name, each in told] == [
        ("alarm.began", "CREDIT_NEARLY_USED"),
        ("alarm.ended", "CREDIT_NEARLY_USED"),
    ]
    assert "60 USD" in told[0][1]["message"]
    return listener


async def test_what_is_rolled_back_is_not_told(world: World, listener: Listener) -> None:
    """Nothing of it, though it was written."""
    alice = await world.user("alice")
    before = await listener.types()

    async def block(tx: Tx, _: OpenBooks) -> None:
        await users.block(tx, world.partner.id, alice.partner_user_id)
        raise RolledBackError

    with pytest.raises(RolledBackError):
        await once(world, block)
    assert (before, await listener.types()) == (["user.created"], [])


async def test_a_refused_verb_tells_nothing(world: World, listener: Listener) -> None:
    """Who asks for more than they have is told so by the answer alone."""
    alice = await world.user("alice")
    await listener.types()
    with pytest.raises(InsufficientFundsError):
        await asked(world, alice.id, "0.01")
    assert await listener.types() == []
