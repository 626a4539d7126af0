"""Home: how the day stands, what rings, and what waits for a person. It shows no person, so every role sees it."""

from hashrail import business_clock
from hashrail.alarms import readings, states
from hashrail.custody import payout_policy
from hashrail.db import Tx
from hashrail.money import ZERO
from hashrail.pages.console.visit import Shown, Visit, link
from hashrail.parties import changes
from hashrail.payouts import batches, run_report
from hashrail.rewards import rates


async def home(tx: Tx, visit: Visit) -> Shown:
    """What an operator looks at first."""
    settings = visit.deployment.settings
    now = await readings.read(tx, settings, is_sandbox=visit.deployment.is_sandbox)
    through = now.days.published_through
    standing = await batches.standing(tx)
    waiting = [each for each in standing if each.state == "awaiting_approval"]
    return Shown(
        {
            "business_now": await business_clock.now(tx),
            "ringing": await states.ringing_by(tx, now, settings),
            "days": now.days,
            "fetches": now.fetches,
            "day": None if through is None else await rates.of_day(tx, through),
            "standing": standing,
            "run": await run_report.last(tx),
            "paused": (await payout_policy.get(tx)).paused_reason,
            "approvals": sum(each.count for each in waiting),
            "approvals_btc": sum((one.amount_btc for one in waiting), ZERO),
            "changes": await changes.waiting(tx),
            "simulated": visit.deployment.simulates_chain,
        }
    )


async def pause(tx: Tx, visit: Visit) -> str:
    """Stop signing and sending, at once."""
    await payout_policy.pause(tx, visit.operator, visit.given("reason"))
    return link("", done="paused")
