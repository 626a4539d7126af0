"""A sandbox's time machine: where its clock is, and forms that move it and tell its simulated chain what to do.

What takes long is a task of the worker, whose page says how far it is. Only a sandbox has these pages.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from hashrail import business_clock, clock
from hashrail.bitcoin import simulated_look
from hashrail.bitcoin.simulated_chain import MAX_BTC, SandboxChain
from hashrail.bitcoin.simulated_chain import Scenario as ChainScenario
from hashrail.books import fence
from hashrail.db import Tx
from hashrail.money import plain
from hashrail.pages.asking import Asked, Done
from hashrail.pages.forms import Field, FieldNotReadError, Values
from hashrail.pages.portal.acting import MemberActing
from hashrail.pages.portal.visit import Visit, link
from hashrail.pages.visiting import Shown
from hashrail.parties import member_tasks
from hashrail.parties.member_tasks import Kind
from hashrail.rewards import rate_classes
from hashrail.sandbox import chain as sandbox_chain
from hashrail.sandbox import moves, rates
from hashrail.sandbox.scenarios import Scenario

BACK = link("/sandbox")
LISTED = 20
MAX_BLOCKS = 1000
SECONDS_OF_AN_HOUR = 3600
# How days go, and what blocks do, in words.
DAYS: dict[Scenario, str] = {
    Scenario.STEADY: "steady: price and difficulty go in waves",
    Scenario.GROWTH: "growth: price and difficulty rise",
    Scenario.HALVING: "halving: half the block subsidy",
    Scenario.CRASH: "crash: a fifth of the price, weak miners idle",
}
BLOCKS: dict[ChainScenario, str] = {
    "confirm": "confirm: they take everything that waits",
    "stuck": "stuck: only what replaced something at a higher fee",
    "evicted": "evicted: what waits is forgotten, once",
    "reorg": "reorg: three blocks are replaced by others, once",
    "double_spend": "double_spend: somebody else spends the first input",
}
TASKS: dict[Kind, str] = {"sandbox advance": "Let time pass", "sandbox late notice": "Tell a payment late"}


async def machine(tx: Tx, visit: Visit) -> Shown:
    """Both clocks, how far the days are, how they and the chain go on, and what the worker was asked for."""
    chain = visit.deployment.node
    facts = {
        "now": await business_clock.now(tx),
        "wall": clock.wall_now().replace(second=0, microsecond=0),
        "published": await rate_classes.published_through(tx),
        "closed": await fence.closed_through(tx, visit.partner_id),
        "scenario": DAYS[await rates.scenario_to_come(tx)],
        "chain": await simulated_look.seen(tx) if isinstance(chain, SandboxChain) else None,
        "blocks": BLOCKS,
        "found": await member_tasks.newest(tx, visit.partner_id, LISTED),
        "words": TASKS,
    }
    return Shown(facts)


async def task(tx: Tx, visit: Visit) -> Shown:
    """What the worker was asked for, how far it is and what came of it. Raises MemberTaskNotFoundError."""
    found = await member_tasks.find(tx, visit.partner_id, visit.numbers["task"])
    return Shown({"one": found, "words": TASKS})


async def ask_to_advance(tx: Tx, _: Visit) -> Asked:
    """How far the clock is to go."""
    fields = (
        Field("days", "Days", "number", needed=False),
        Field("hours", "Or hours", "number", needed=False),
        Field("until", "Or until a day or moment, UTC", needed=False, help="Like 2026-09-09, or 2026-09-09T12:00:00Z."),
        Field(
            *("scenario", "How these days go", "choice"),
            needed=False,
            choices=[(each.value, words) for each, words in DAYS.items()],
            help="Left empty, as the days to come do.",
        ),
    )
    told = [
        f"It is {clock.iso(await business_clock.now(tx))} here. The clock only goes forward, and for every partner.",
        "Whatever is due on the way happens in its time: days close, orders expire, payouts are made, events are told.",
    ]
    return Asked("Let time pass", "Let it pass", BACK, fields, told)


async def advance(tx: Tx, act: MemberActing, _: Visit, values: Values) -> Done:
    """Let the worker move the clock. Raises AdvanceOneWayError, ClockBackwardsError, ClockTooFarError and its kin."""
    days, hours, until = values["days"], values["hours"], values["until"]
    seconds = None if hours is None else hours * SECONDS_OF_AN_HOUR
    now = await business_clock.now(tx)
    then = now + moves.step(now, days=days, seconds=seconds, until=until)
    closing = (clock.last_creditable_day(then) - clock.last_creditable_day(now)).days
    act.told.append(f"Days that are published and closed on the way: {closing}.")
    meant = {"days": days, "seconds": seconds, "until": until, "scenario": values["scenario"]}
    meant = {name: value for name, value in meant.items() if value is not None}
    return await hand_over(tx, act, "sandbox advance", "the clock", meant, shown=(now, then))


async def hand_over(
    tx: Tx,
    act: MemberActing,
    kind: Kind,
    subject: str,
    meant: Mapping[str, object],
    *,
    shown: tuple[datetime, datetime],
) -> Done:
    """Leave it to the worker, noted with where the clock goes; answers the page that shows how far it is."""
    now, then = shown
    await act.note(tx, kind, subject, before={"business time": now}, after={"business time": then})
    number = await member_tasks.ask(tx, act.member, kind, meant)
    return Done(link(f"/sandbox/tasks/{number}"))


async def ask_for_scenario(tx: Tx, _: Visit) -> Asked:
    """How the days to come go."""
    present = await rates.scenario_to_come(tx)
    choices = [(each.value, words) for each, words in DAYS.items()]
    fields = (Field("scenario", "The days to come", "choice", present.value, choices=choices),)
    told = ["It stays until another one is chosen. Days that have rates keep them."]
    return Asked("How days go", "Set it", BACK, fields, told)


async def choose_scenario(tx: Tx, act: MemberActing, _: Visit, values: Values) -> Done:
    """Let them."""
    before, after = await rates.scenario_to_come(tx), Scenario(values["scenario"])
    await rates.let_come(tx, after)
    await act.note(
        tx, "sandbox scenario", "the days to come", before={"scenario": before.value}, after={"scenario": after.value}
    )
    return Done(link("/sandbox", done="changed"))


async def ask_of_chain(tx: Tx, visit: Visit) -> Asked:
    """What blocks do, and how many come now. Raises ChainIsRealError."""
    sandbox_chain.simulated(visit.deployment)
    seen = await simulated_look.seen(tx)
    fields = (
        Field("scenario", "What blocks do from now on", "choice", seen.scenario, choices=list(BLOCKS.items())),
        Field("blocks", f"Blocks that come at once, at most {MAX_BLOCKS}", "number", 0),
    )
    told = [
        f"The simulated chain has {seen.height} blocks, and {len(seen.waiting)} transactions wait for the next one."
    ]
    return Asked("The simulated chain", "Do it", BACK, fields, told)


async def tell_chain(tx: Tx, act: MemberActing, visit: Visit, values: Values) -> Done:
    """Play the scenario, and mine. Raises ChainIsRealError, FieldNotReadError."""
    if values["blocks"] > MAX_BLOCKS:
        raise FieldNotReadError(f"at most {MAX_BLOCKS} blocks at once", field="blocks")
    chain = sandbox_chain.simulated(visit.deployment)
    before = {"scenario": await chain.scenario(tx=tx), "height": await chain.mine(0, tx=tx)}
    await chain.play(values["scenario"], tx=tx)
    after = {"scenario": values["scenario"], "height": await chain.mine(values["blocks"], tx=tx)}
    await act.note(tx, "sandbox chain", "the simulated chain", before=before, after=after)
    return Done(link("/sandbox", done="changed"))


async def ask_for_deposit(_: Tx, visit: Visit) -> Asked:
    """Somebody pays an address. Raises ChainIsRealError."""
    sandbox_chain.simulated(visit.deployment)
    fields = (
        Field("address", "To the address", most=100, help="One of yours: a user's deposit address."),
        Field("amount", "Amount", "amount", Decimal("0.01"), unit="BTC"),
    )
    told = [
        "It waits in the mempool until the next block, and is credited when it is deep enough: let some hours pass."
    ]
    return Asked("Bring a deposit", "Pay it", BACK, fields, told)


async def bring_deposit(tx: Tx, act: MemberActing, visit: Visit, values: Values) -> Done:
    """Let it be paid. Raises AddressInvalidError, AmountPrecisionError, AmountTooSmallError, FieldNotReadError."""
    amount: Decimal = values["amount"]
    if amount > MAX_BTC:
        raise FieldNotReadError(f"there are at most {MAX_BTC} BTC", field="amount")
    deployment = visit.deployment
    chain = sandbox_chain.simulated(deployment)
    txid = await sandbox_chain.receive(
        chain, deployment.settings.network, address=values["address"], amount_btc=amount, tx=tx
    )
    paid = {"BTC": plain(amount), "transaction": txid}
    await act.note(tx, "sandbox deposit", values["address"], after=paid)
    return Done(link("/sandbox", done="changed"))
