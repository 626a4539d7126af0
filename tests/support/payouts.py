"""Users with bitcoin to withdraw: what they own is known to the last digit."""

import datetime as dt
from decimal import Decimal

from hashrail import clock, db
from hashrail.books import fence, ledger
from hashrail.custody import bound_wallets, withdrawals
from hashrail.custody.withdrawals import Policy, Speed, Terms, Withdrawal
from hashrail.rewards import closing, rate_classes, settling
from hashrail.settings import Network
from tests.support.api_client import buy
from tests.support.world import World

# Regtest: P2WPKH, P2TR, P2SH, P2PKH, P2WSH. And one of the main network.
ADDRESSES = (
    "bcrt1qw6fv8tf4gzacq0qzpvawuekd3zr3yv35gs3jky",
    "bcrt1p8lzveln5tpcw9sxenaclxrlsv4kgmmw5rnqa057nw6cdhe59utesy2jpe7",
    "2N5x5fYAbEHdFjSQ13RN6Cu2mzEj86cGP2Y",
    "mfy48LZ5GhL24faCoMMHw5b3hs8wKPrPBB",
    "bcrt1qyg4sh4glemm7vhpwvtdja4j52uqnh26kheh6l6ceacgag5c48jqq8rnhdn",
)
MAIN_ADDRESS = "bc1qw6fv8tf4gzacq0qzpvawuekd3zr3yv35qlnv67"
REGTEST: Network = "regtest"
TERMS = Terms(Decimal("0.00005"), Decimal("0.00006"), REGTEST)
BINDING = bound_wallets.Terms(REGTEST, per_user=3, cooldown=dt.timedelta(hours=24))
# What 16 TH earn on one of our days.
EARNED = Decimal("0.16")
FREE = {"kwh_usd": "0", "service_usd_per_th": "0"}


async def earn(world: World, pool_btc_per_th: str = "0.01") -> dt.date:
    """A day passes on which a TH earns that much and costs nothing; it is closed for every partner. Answers it."""
    day = await world.next_day(pool_btc_per_th=pool_btc_per_th, **FREE)
    await closing.close_due(world.pool)
    return day


async def funded(world: World, *user_ids: int, pool_btc_per_th: str = "0.01") -> dt.date:
    """Each user buys 16 TH and earns for a day. On the day before, which they have to wait for, nobody earns."""
    for user_id in user_ids:
        await buy(world, user_id)
    await earn(world, "0")
    return await earn(world, pool_btc_per_th)


async def take_back(world: World, day: dt.date, pool_btc_per_th: str) -> None:
    """The day was entered wrongly: the difference is credited with the next one."""
    async with db.transaction(world.pool) as tx:
        values = {"pool_btc_per_th": Decimal(pool_btc_per_th)}
        await rate_classes.adjust(tx, day, reason="entered wrongly", at=clock.wall_now(), **values)


async def asked(
    world: World,
    user_id: int,
    amount_btc: str | Decimal,
    address: str = ADDRESSES[0],
    speed: Speed = "daily",
    terms: Terms = TERMS,
) -> Withdrawal:
    """Ask for a withdrawal in a transaction of its own."""
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        return await withdrawals.request(
            tx, books, terms, user_id=user_id, speed=speed, address=address, amount_btc=Decimal(amount_btc)
        )


async def cancelled(world: World, withdrawal_id: int) -> Withdrawal:
    """Take one back in a transaction of its own."""
    async with db.transaction(world.pool) as tx:
        return await withdrawals.cancel(tx, await fence.share(tx, world.partner.id), withdrawal_id)


async def policy(world: World, seconds: int = 60, *, bound_only: bool = False) -> None:
    """What the partner asks from now on."""
    async with db.transaction(world.pool) as tx:
        await withdrawals.set_policy(tx, world.partner.id, Policy(seconds, bound_addresses_only=bound_only))


async def spendable(world: World, user_id: int) -> Decimal:
    """The user's BTC that is not held, income that is not settled included."""
    async with db.snapshot(world.pool) as tx:
        btc = (await ledger.balances_of_user(tx, world.partner.id, user_id))[0]
        return btc.spendable + await settling.unsettled(tx, world.partner.id, user_id)


async def held(world: World, user_id: int) -> Decimal:
    """The user's BTC that is held."""
    async with db.snapshot(world.pool) as tx:
        return (await ledger.balances_of_user(tx, world.partner.id, user_id))[0].debits_pending
