"""Payouts: how they stand, batch by batch; their limits, pausing and going on; and what the worker is asked for.

Nothing here signs or sends: the worker does, when an operator has asked for it, and a page shows how far it is.
"""

from typing import Any

from hashrail.acts import payouts as acts
from hashrail.acts.acting import Acting
from hashrail.alarms import observations
from hashrail.custody import foreign_spends, hot_wallet, payout_policy, regime
from hashrail.custody.payout_policy import BTC_LIMITS
from hashrail.db import Tx
from hashrail.money import decimals
from hashrail.pages.console.asking import Asked, Done, hand_over
from hashrail.pages.console.visit import Shown, Visit, link
from hashrail.pages.forms import Field, FieldNotReadError, Values
from hashrail.payouts import batches, exports, fee_bumps, run_report
from hashrail.payouts.batches import RATE_DECIMALS
from hashrail.payouts.fee_bumps import Raise

PAGE = "/payouts"
LISTED = 30
LIMIT_WORDS = {
    "approval_threshold_btc": "Two approve above, of a user or an address in 24 hours",
    "partner_approval_btc": "Two approve above, of a partner's users in 24 hours",
    "user_daily_btc": "Leaves for one user in a UTC day, at most",
    "partner_daily_btc": "Leaves for all users of a partner in a UTC day, at most",
    "deployment_daily_btc": "Leaves for everybody in a UTC day, at most",
}


async def home(tx: Tx, visit: Visit) -> Shown:
    """How payouts stand, and the batches, newest first. It shows no person."""
    found = await batches.newest(tx, LISTED + 1, before=visit.number("after"))
    numbers = [one.id for one in found[:LISTED]]
    policy = await payout_policy.get(tx)
    return Shown(
        {
            "policy": policy,
            "standing": await batches.standing(tx),
            "run": await run_report.last(tx),
            "warnings": await regime.warnings(tx, is_sandbox=visit.deployment.is_sandbox),
            "foreign": await foreign_spends.stopping(tx),
            "exported": await exports.open_exports(tx),
            "found": found[:LISTED],
            "sums": await batches.sums(tx, numbers),
            "newest": await batches.newest_versions(tx, numbers),
            "more": link(PAGE, after=numbers[-1]) if len(found) > LISTED else None,
            "simulated": visit.deployment.simulates_chain,
            "has_node": visit.deployment.facts.chain != "none",
        }
    )


async def batch(tx: Tx, visit: Visit) -> Shown:
    """One batch with its versions; and with its withdrawals for whoever may see persons."""
    state = await batches.read(tx, visit.numbers["batch"])
    sees_people = visit.may("support")
    facts = {
        "one": state.batch,
        "versions": state.versions,
        "members": state.members if sees_people else [],
        "count": len(state.members),
        "total_btc": sum(one.amount_btc for one in state.members),
        "waits": state.batch.state in ("signed", "broadcast") and state.batch.kind != "external",
        "simulated": visit.deployment.simulates_chain,
    }
    return Shown(facts, f"batch {state.batch.id}" if sees_people else None)


async def node(tx: Tx, visit: Visit) -> Shown:
    """What the node said when somebody last looked."""
    facts = {"seen": (await observations.known(tx)).get(observations.NODE), "chain": visit.deployment.facts.chain}
    return Shown(facts)


async def ask_for_policy(tx: Tx, _: Visit) -> Asked:
    """The limits."""
    was = await payout_policy.get(tx)
    limits = [
        Field(name, words, "amount", getattr(was, name), unit="BTC", needed=False)
        for name, words in LIMIT_WORDS.items()
    ]
    seconds = Field("cooldown_seconds", "A new address waits", "number", was.cooldown_seconds, unit="seconds")
    words = [
        "A limit that is left empty is none. What a day has no room for is paid on the next.",
        "What lets more through than before takes two admins.",
    ]
    return Asked("Limits of payouts", "Set the limits", link(PAGE), [*limits, seconds], words)


async def set_policy(tx: Tx, act: Acting, _: Visit, values: Values) -> Done:
    """Set them all."""
    await acts.set_policy(tx, act, {name: values[name] for name in (*BTC_LIMITS, "cooldown_seconds")})
    return Done(link(PAGE, done="changed"))


async def ask_to_resume(tx: Tx, _: Visit) -> Asked:
    """What going on comes to."""
    was = (await payout_policy.get(tx)).paused_reason
    words = ["Payouts go on already."] if was is None else [f"They were paused: {was}"]
    words.append("With the next run everything that is due is signed and sent.")
    return Asked("Let payouts go on?", "Let them go on", link(PAGE), (), words)


async def resume(tx: Tx, act: Acting, _: Visit, __: Values) -> Done:
    """Let them go on."""
    await acts.resume(tx, act)
    return Done(link(PAGE, done="resumed"))


async def ask_to_adopt(tx: Tx, _: Visit) -> Asked:
    """What adopting another wallet comes to."""
    kept: dict[str, Any] = await hot_wallet.kept(tx)
    words = [
        "The wallet that the worker reads next is the right one then, whatever the books knew before.",
        "Only where you know everything that the old one has paid: the rest would be paid again.",
        "One with the same keys needs none of this: let it look through the chain.",
        f"The books know {len(kept['keys'])} keys of the wallet before.",
    ]
    fields = (Field("reason", "Why is it another wallet? It is kept", "long"),)
    return Asked("Adopt the wallet on the node?", "Adopt it", link(PAGE), fields, words)


async def adopt(tx: Tx, act: Acting, _: Visit, values: Values) -> Done:
    """Adopt it."""
    await acts.adopt(tx, act, reason=values["reason"])
    return Done(link(PAGE, done="adopted"))


async def ask_to_run(tx: Tx, _: Visit) -> Asked:
    """What a run comes to."""
    due = [one for one in await batches.standing(tx) if one.state == "queued"]
    words = ["The worker makes a run each minute by itself; this makes one at once."]
    words += [f"{one.count} {one.speed} ones are queued, {one.amount_btc:.8f} BTC together." for one in due]
    return Asked("Make a run of payouts?", "Make a run", link(PAGE), (), words)


async def run(tx: Tx, act: Acting, _: Visit, __: Values) -> Done:
    """Ask the worker for it."""
    await batches.assert_running(tx)
    return await hand_over(tx, act, "payouts run", "a run")


async def ask_to_bump(tx: Tx, visit: Visit) -> Asked:
    """The rate."""
    state = await batches.read(tx, visit.numbers["batch"])
    newest = state.versions[-1]
    fields = (
        Field(
            *("sat_per_vb", "The rate that it is to pay", "amount"),
            unit="sat/vB",
            needed=False,
            help="Left empty it is what the node thinks is needed, within the budget.",
        ),
    )
    words = [
        f"It waits with {newest.sat_per_vb} sat/vB, a fee of {newest.fee_btc:.8f} BTC.",
        f"Its budget is {state.batch.max_fee_btc:.8f} BTC.",
        "A further version is signed and sent, which the chain takes in place of the ones before.",
    ]
    back = link(f"/batches/{state.batch.id}")
    return Asked(f"Raise the fee of batch {state.batch.id}", "Raise the fee", back, fields, words)


async def plan_bump(visit: Visit, values: Values) -> Raise:
    """What it would cost, as the chain says now."""
    rate = values["sat_per_vb"]
    if rate is not None and (rate <= 0 or decimals(rate) > RATE_DECIMALS):
        raise FieldNotReadError(f"{rate} is no rate: sat/vB above 0, with at most 3 decimals", field="sat_per_vb")
    return await fee_bumps.plan(visit.deployment, visit.numbers["batch"], rate)


async def bump(tx: Tx, act: Acting, visit: Visit, _: Values) -> Done:
    """Ask the worker for it."""
    planned: Raise = visit.told
    number = visit.numbers["batch"]
    if not planned.is_new:
        return Done(link(f"/batches/{number}"))
    if act.tries:
        before = {"sat_per_vb": planned.before.sat_per_vb, "fee_btc": planned.before.fee_btc}
        after = {"sat_per_vb": planned.sat_per_vb, "fee_btc": planned.fee_btc}
        act.shows(f"batch {number}", before=before, after=after)
        act.told.append(f"It costs {planned.fee_btc:.8f} BTC at most, in place of {planned.before.fee_btc:.8f} BTC.")
        return Done(link(f"/batches/{number}"))
    # The rate that was looked at: done again after a worker was killed, it raises nothing twice.
    return await hand_over(tx, act, "payouts bump", f"batch {number}", batch=number, sat_per_vb=str(planned.sat_per_vb))
