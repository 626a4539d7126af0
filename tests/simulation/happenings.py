"""What happens in a simulated year, day by day: faults, slips, and what people do about them."""

import asyncio
import datetime as dt
import re
from collections.abc import Callable
from contextlib import aclosing
from decimal import Decimal

import pytest

from hashrail import db
from hashrail.accounting import pool_promises, pool_receipts
from hashrail.alarms import states
from hashrail.books import fence
from hashrail.bounds import ImplausibleFigureError
from hashrail.clock import ONE_DAY
from hashrail.custody import approvals, payout_policy
from hashrail.money import ZERO, plain
from hashrail.rewards import day_waits, entering, fetching, rate_classes, rates
from hashrail.rewards.entering import DayFarError
from hashrail.rewards.rates import BadRatesError
from hashrail.selling import capacity, refunds
from hashrail_client import AnswerLostError, HashrailApiError
from tests.simulation.life import Happening, Life
from tests.simulation.wrong_figures import wrong_figures
from tests.support.books import buy, offer, order, pay, receivable
from tests.support.exchanges import Fault
from tests.support.locks import until_blocked
from tests.support.paying import customer, paid_once, start_again
from tests.support.world import inputs
from tests.support.year import FIRST, HALVED

SCRIPT: dict[int, Happening] = {}


def on(*days: int) -> Callable[[Happening], Happening]:
    """It happens at noon of these days, counted from 0."""

    def add(happening: Happening) -> Happening:
        for each in days:
            assert each not in SCRIPT, "one thing a day"
            SCRIPT[each] = happening
        return happening

    return add


@on(0)
async def the_books_begin(life: Life) -> None:
    """Three users buy; that the first day is the first is the operator's word."""
    for number, user_id in enumerate(life.users):
        await life.buys(user_id, "64", f"first {number}")


@on(1)
async def the_first_day_is_fetched(life: Life) -> None:
    """By hand, once: `rates fetch --day`."""
    async with aclosing(fetching.days(life.pool, life.year.deployment.settings, [FIRST])) as found:
        fetched = [each async for each in found]
    async with db.transaction(life.pool) as tx:
        judged = await fetching.enter(tx, fetched[0], at=life.year.now)
    assert judged.doubts == ()


@on(3)
async def the_api_is_served(life: Life) -> None:
    """A partner gets a key, and its server sells a miner."""
    scopes = [word for scope in ("read", "order") for word in ("--scope", scope)]
    words = ("partner", "key", "create", "--partner", "partner", "--kind", "full", *scopes, "--as", "ada")
    made = await asyncio.to_thread(life.year.office.json, *words)
    life.key = made["apiKey"], made["apiSecret"]
    await life.serve()
    await sells(life, "by the API", "16")
    await life.reads()


async def sells(life: Life, external_id: str, power: str) -> None:
    """A partner's server sells a miner to the third user: an order, and the notice that it is paid."""
    user_id = life.users[2]
    wanted = await offer(life.year.world, power)
    await life.client.payments.create(user_id, wanted, external_id)
    assert await life.client.payments.success(external_id, user_id)
    sold = await life.client.payments.get(external_id)
    life.sold(user_id, sold["nftId"], power)


@on(10)
async def one_is_wrong(life: Life) -> None:
    """Nobody is told, but its word does not count."""
    life.wrong = {"kraken"}


@on(14)
async def it_is_right_again(life: Life) -> None:
    life.wrong = set()


@on(20)
async def two_are_silent(life: Life) -> None:
    """Three agree, which is enough."""
    life.year.exchanges.faults = {"kraken": Fault.GONE, "bitstamp": Fault.RATE_LIMITED}


@on(30)
async def one_more_is_silent(life: Life) -> None:
    """Two are not: days wait, and somebody is told after a while."""
    life.year.exchanges.faults["binance"] = Fault.NO_JSON


@on(34)
async def they_are_back(life: Life) -> None:
    """Whoever is asked why days wait is told who said what."""
    assert "RATES_MISSING" in await life.year.rings()
    [wait] = await day_waits.waiting(life.pool)
    assert (wait.day, wait.code) == (FIRST + 30 * ONE_DAY, "MARKET_QUORUM")
    assert "kraken:BTC/USD" in wait.reason
    life.year.exchanges.faults = {}


@on(36)
async def they_were_filled(life: Life) -> None:
    """All of them, in one night."""
    assert await rate_classes.published_through(life.pool) == life.day - ONE_DAY
    assert await day_waits.waiting(life.pool) == []


@on(40)
async def an_order_is_refunded_later(life: Life) -> None:
    await life.buys(life.users[1], "32", "to be refunded")
    # And one that nobody pays for.
    await order(life.year.world, life.users[2], "forgotten", await offer(life.year.world))


@on(42)
async def the_api_is_killed(life: Life) -> None:
    """While a partner orders: nobody knows what came of it, so the same call is sent again when the API is back."""
    user_id, wanted = life.users[1], await offer(life.year.world, "8")
    call = lambda: life.client.payments.create(user_id, wanted, "interrupted", idempotency_key="once")  # noqa: E731
    async with db.transaction(life.pool) as tx:
        await fence.hold(tx, [life.year.world.partner.id])
        asks = asyncio.create_task(call())
        await until_blocked(life.pool, asks)
        life.year.programs.kill_server()
    with pytest.raises(AnswerLostError):
        await asks
    await life.serve()
    first = await call()
    assert await call() == first
    assert await life.client.payments.success("interrupted", user_id)
    assert await life.client.payments.success("interrupted", user_id)
    life.sold(user_id, (await life.client.payments.get("interrupted"))["nftId"], "8")
    await life.reads()


@on(43)
async def an_offer_is_off_sale(life: Life) -> None:
    """An order of it is refused until it is back."""
    wanted = await offer(life.year.world, "4")
    await life.year.office.does("ada", "catalogue", "withdraw", wanted)
    with pytest.raises(HashrailApiError) as refused:
        await life.client.payments.create(life.users[2], wanted, "off sale")
    assert refused.value.code == "COLLECTION_NOT_FOUND"
    await life.year.office.does("ada", "catalogue", "offer", wanted)
    await sells(life, "on sale again", "4")


@on(45)
async def it_is_refunded(life: Life) -> None:
    """From the next day on its miner earns nothing."""
    async with db.transaction(life.pool) as tx:
        books = await fence.share(tx, life.year.world.partner.id)
        made = await refunds.refund(tx, books, await refunds.lock(tx, books, "to be refunded"), reason="charged back")
    life.dull.miner_refunded(made.miner_id, takes=False, at=life.year.now)
    assert await life.pool.fetchval("SELECT state FROM purchase WHERE external_id = 'forgotten'") == "expired"


@on(47)
async def a_payment_bounces(life: Life) -> None:
    """It is recorded, and taken back: the partner owes what it owed."""
    owed, office = await receivable(life.year.world), life.year.office
    words = ("--partner", "partner", "--amount", "500", "--reference", "SEPA 2")
    await office.does("ada", "partner", "payment", "record", *words)
    assert (await receivable(life.year.world))[0] == owed[0] - 500
    [paid] = await asyncio.to_thread(office.json, "partner", "payment", "list", "--partner", "partner")
    for _ in range(2):
        bounced = ("--partner", "partner", "--reason", "bounced")
        await office.does("ada", "partner", "payment", "reverse", paid["id"], *bounced)
    assert await receivable(life.year.world) == owed


@on(48)
async def balances_are_corrected(life: Life) -> None:
    """By hand, one up and one down; what users earned is what it was."""
    before = await balance(life)
    for verb, amount, reference in (("credit", "0.0002", "case 1"), ("debit", "0.00005", "case 2")):
        words = ("alice", "--partner", "partner", "--amount", amount, "--reference", reference, "--reason", "a reorg")
        await life.year.office.does("ada", "user", verb, *words)
    assert await balance(life) == before + Decimal("0.00015")
    await life.reads()


async def balance(life: Life) -> Decimal:
    """What the API says that the first user has, BTC."""
    rows = (await life.client.balances.list("alice"))["array"]
    return sum((Decimal(row["valueNumericAtSyncDate"]) for row in rows if row["currency"] == "BTC"), ZERO)


@on(50)
async def the_price_is_wild(life: Life) -> None:
    life.percent = 160


@on(51)
async def it_was_a_day(life: Life) -> None:
    life.percent = 100


@on(53)
async def somebody_says_that_it_was_so(life: Life) -> None:
    """The day was held, the days after it waited, and the alarm asks for an operator.

    Beside a day that was really so, those after it, which are as days were before, are far from it: they are looked at
    again, and once the first of them is confirmed as well, the others fit.
    """
    assert await rate_classes.published_through(life.pool) == FIRST + 49 * ONE_DAY
    wild = FIRST + 50 * ONE_DAY
    assert await confirm(life, wild) == [wild + ONE_DAY, wild + 2 * ONE_DAY]
    assert await confirm(life, wild + ONE_DAY) == []


async def confirm(life: Life, day: dt.date) -> list[dt.date]:
    """An operator looks at the first day that is held, and lets it go; answers the days that are held then."""
    assert "DAY_HELD" in await life.year.rings()
    async with db.transaction(life.pool) as tx:
        first = (await rates.held(tx))[0]
        assert (first.inputs.day, first.held_for_two) == (day, False)
        await entering.confirm(tx, day, today=life.day)
        return [each.inputs.day for each in await rates.held(tx)]


@on(59)
async def the_subsidy_was_halved(life: Life) -> None:
    """On its day the mean falls, and from the next on half of it is paid; nobody was asked."""
    assert await life.year.rings() == []
    assert await rate_classes.published_through(life.pool) == life.day - ONE_DAY
    told = [(await rates.of_day(life.pool, HALVED + ONE_DAY * step)) for step in (-1, 0, 1)]
    assert [each.subsidy_btc for each in told] == [Decimal("3.125"), Decimal("2.34375"), Decimal("1.5625")]
    before, after = told[0].pool_btc_per_th, told[2].pool_btc_per_th
    assert abs(2 * after - before) < before * Decimal("0.03")


@on(60)
async def figures_are_typed_wrongly(life: Life) -> None:
    """One of each kind: refused, and nothing is written of it."""
    before = await life.pool.fetch("SELECT * FROM mining_day ORDER BY day")
    plain = {"difficulty": "120e12", "subsidy_btc": "3.125", "fees_btc": "0.04"}
    for day, changes in (
        (life.day, {"difficulty": "95.67"}),
        (life.day, {"btc_usd": "78.862"}),
        (life.day, {"subsidy_btc": "312500000"}),
        (life.day, {"kwh_usd": "-1"}),
        (life.day.replace(year=2016), {}),
        (life.day.replace(year=2028), {}),
    ):
        with pytest.raises((ImplausibleFigureError, DayFarError)):
            async with db.transaction(life.pool) as tx:
                await entering.enter(tx, inputs(day, **(plain | changes)), at=life.year.now)
    line = f"{life.day},80000,0.0000005\n"
    with pytest.raises(BadRatesError):
        rates.parse_series("day,btc_usd,pool_btc_per_th\n" + line + line, {}, Decimal("0.35"))
    assert await life.pool.fetch("SELECT * FROM mining_day ORDER BY day") == before


@on(61)
async def commands_are_typed_wrongly(life: Life) -> None:
    """A figure of each kind, by its command: refused with the reason, and nothing of the books has changed."""
    office = life.year.office
    await office.does("ada", "programme", "create", "spring")
    before = await life.year.books()
    for code, *words in wrong_figures(life.day, life.year.programs.folder):
        assert await office.is_refused("ada", code, *words), words
    assert "commission" in await office.is_refused(
        "ada", "BAD_SETTING", "rates", "delete", life.day, HASHRAIL_WITHDRAW_COMMISSION_BTC="6000"
    )
    assert await life.year.books() == before


@on(62)
async def wrong_figures_are_meant(life: Life) -> None:
    """Who types names each figure again, digit by digit, and yet nothing is done before another has looked."""
    before = await life.year.books()
    price = plain(3 * (await rates.of_day(life.pool, life.day - 2 * ONE_DAY)).btc_usd)
    words: list[str]
    for words in (
        ["partner", "credit-limit", "90000000", "--partner", "partner"],
        ["partner", "payment", "record", "--partner", "partner", "--amount", "9000000", "--reference", "SEPA 3"],
        ["tariff", "set", "kwh_usd", "0.9", "--from", life.day.isoformat()],
        ["programme", "fraction", "spring", "0.9", "--from", life.day.isoformat()],
        ["catalogue", "put", "--power", "1", "--efficiency", "15", "--price", "100"],
        ["day", "adjust", (life.day - 3 * ONE_DAY).isoformat(), "--reason", "typing error", "--btc-usd", price],
    ):
        said = await life.year.office.is_refused("ada", "CONFIRMATION_NEEDED", *words)
        named = [word for figure in re.findall(r"--confirm (\S+)", said) for word in ("--confirm", figure.rstrip("."))]
        await life.year.office.is_refused("ada", "SECOND_NEEDED", *words, *named)
    assert await life.year.books() == before


@on(63)
async def somebody_else_looks(life: Life) -> None:
    """The alarm has asked for it: what was meant is withdrawn."""
    assert await life.year.rings() == ["STANDING_FINDING CHANGE_WAITS"]
    waiting = await asyncio.to_thread(life.year.office.json, "change", "list")
    assert len(waiting) == 6
    for each in waiting:
        await life.year.office.does("bob", "change", "withdraw", each["id"])


@on(65)
async def bitcoin_leaves(life: Life) -> None:
    await life.withdraws("0.0001")


@on(67)
async def it_has_left(life: Life) -> None:
    """By the node, and the fee of it is in the figures of its day."""
    paid_once(life.year.node, {one.address: one.amount_btc for one in life.asked})
    assert sum(fees for _, fees in life.year.blocks.values()) > 0


@on(70)
async def the_node_goes(life: Life) -> None:
    life.address = customer(life.year.node)
    life.year.node.stop()


@on(71)
async def somebody_asks_for_bitcoin(life: Life) -> None:
    """What is asked for meanwhile waits."""
    await life.withdraws("0.0001", life.address)


@on(76)
async def the_node_is_back(life: Life) -> None:
    """With the blocks that it has missed: others have mined them, a day's at its beginning."""
    rings = await life.year.rings()
    assert {"NODE_SILENT", "RATES_MISSING", "WITHDRAWAL_OVERDUE"} <= {*rings}
    start_again(life.year.node)
    for ago in range(5, -1, -1):
        life.year.mine(life.day - ago * ONE_DAY)


@on(78)
async def the_worker_goes(life: Life) -> None:
    life.is_away = True


@on(88)
async def nobody_tells_but_who_asks_is_told(life: Life) -> None:
    """Where no worker lives, nobody is left who could tell it: that is what the heartbeat's URL is for."""
    assert "WORKER_SILENT" in [one.code for one in await states.ringing(life.year.deployment)]


@on(98)
async def the_worker_is_back(life: Life) -> None:
    life.is_away = False


@on(100)
async def three_weeks_were_filled(life: Life) -> None:
    assert await life.year.rings() == []
    assert await rate_classes.published_through(life.pool) == life.day - ONE_DAY


@on(102)
async def a_partner_uses_its_credit(life: Life) -> None:
    """Nearly: its limit is a little above what it owes."""
    price = await life.pool.fetchval("SELECT value_usd FROM purchase WHERE external_id = 'first 0'")
    life.small = await life.year.world.another_partner("small", price + 1)
    await buy(life.small, (await life.small.user("carol")).id, "64")


@on(105)
async def it_pays(life: Life) -> None:
    assert await life.year.rings() == ["CREDIT_NEARLY_USED small"]
    assert life.small is not None
    await pay(life.small, "500", "SEPA 1")


@on(106)
async def hashrate_is_nearly_sold(life: Life) -> None:
    async with db.transaction(life.pool) as tx:
        await capacity.set_capacity(tx, await capacity.committed_th(tx) + 1)


@on(109)
async def more_is_added(life: Life) -> None:
    assert await life.year.rings() == ["CAPACITY_NEARLY_USED"]
    async with db.transaction(life.pool) as tx:
        await capacity.set_capacity(tx, Decimal(10_000))


@on(116)
async def payouts_are_paused(life: Life) -> None:
    async with db.transaction(life.pool) as tx:
        await payout_policy.pause(tx, life.ada, "the wallet moves")


@on(118)
async def they_go_on(life: Life) -> None:
    assert await life.year.rings() == ["PAYOUTS_PAUSED"]
    async with db.transaction(life.pool) as tx:
        await payout_policy.resume(tx, life.ada)


@on(119)
async def somebody_asks_for_much(life: Life) -> None:
    await life.withdraws("0.0006")


@on(120)
async def two_look_at_it(life: Life) -> None:
    assert await life.year.rings() == ["APPROVAL_WAITS"]
    for operator in (life.ada, life.bob):
        async with db.transaction(life.pool) as tx:
            books = await fence.share(tx, life.year.world.partner.id)
            await approvals.approve(tx, books, operator, life.asked[-1].id)


@on(123)
async def the_pool_pays_too_little(life: Life) -> None:
    """Half of what is open; from the first receipt on the books know what it pays."""
    await pool_pays(life, Decimal("0.5"))


@on(125)
async def it_pays_the_rest(life: Life) -> None:
    assert await life.year.rings() == ["STANDING_FINDING POOL_SHORTFALL"]
    await pool_pays(life, Decimal(1))


@on(127)
async def it_pays_in_bitcoin(life: Life) -> None:
    """To an address that the operator has named; tomorrow's first block has it."""
    treasury = life.year.node.rpc("getnewaddress", wallet="miner")
    await life.year.office.does("ada", "pool", "address", "add", treasury)
    async with db.transaction(life.pool) as tx:
        open_btc = sum((each.open_btc for each in await pool_promises.open_days(tx)), ZERO)
    # The next whole satoshi.
    sent = Decimal(int(open_btc * 10**8) + 1).scaleb(-8)
    life.sent = life.year.node.rpc("sendtoaddress", treasury, sent, wallet="miner")


@on(128)
async def it_is_recorded(life: Life) -> None:
    """By its txid: the node shows it, as deep as it has to be."""
    await life.year.office.does("bob", "pool", "receipt", "add", "--txid", life.sent)
    assert await life.pool.fetchval("SELECT source FROM pool_receipt WHERE txid = $1", life.sent) == "chain"


@on(*range(130, 365, 3))
async def it_pays_as_it_should(life: Life) -> None:
    """As its file says."""
    await pool_pays(life, Decimal(1), by_file=True)


async def pool_pays(life: Life, share: Decimal, *, by_file: bool = False) -> None:
    """So much of what is open by now, by the word of an operator or a file of the pool."""
    async with db.transaction(life.pool) as tx:
        open_btc = sum((each.open_btc for each in await pool_promises.open_days(tx)), ZERO)
        if open_btc == 0:
            return
        if by_file:
            file = life.year.programs.folder / "pool.csv"
            file.write_text(f"day,amount_btc,reference\n{life.day},{plain(open_btc)},receipt {life.day}\n")
            await life.year.office.does("ada", "pool", "receipt", "import", file)
            return
        word = {"day": life.day, "reference": f"receipt {life.day}", "reason": "its statement"}
        await pool_receipts.add(tx, [pool_receipts.by_word(amount_btc=open_btc * share, **word)])
